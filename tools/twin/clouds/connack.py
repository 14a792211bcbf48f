"""Which CONNACK code (MQTT 3.1.1, section 3.2.2.3) does each mistake get from each cloud?

1 protocol level, 2 client id, 3 server unavailable, 4 user name or password, 5 not authorized.
None closes the connection without a word.

Documented: Watson's column (eclipse/amlen `pxmqtt.c`: "wrong token: 5, never 4"), Alibaba's
keepalive ("below 30 s refused as server unavailable", the C SDK's header). The other codes of EnOS
and Alibaba, and Watson's where the policy wants TLS, are nowhere documented: they are the codes
whose MQTT name says what happened.
"""

CONNACK: dict[str, dict[str, int | None]] = {
    "enos": {
        "form": 2,  # client id is not `id|securemode=..,signmethod=..,timestamp=..|`
        "mode": 2,  # a securemode that this twin has not (yet)
        "login": 4,  # user name or password missing, or the user name not `deviceKey&productKey`
        "signature": 4,
        "unknown": 5,
        "disabled": 5,
        "certificate": 5,  # two-way TLS: it was not issued for this device
        "will": 5,  # the will's topic is not one the device may publish
        "offline": 3,  # the broker behind the gate is down
    },
    "alibaba": {
        "form": 2,
        "mode": 2,  # securemode 2 on the plain port, or 3 on the TLS port
        "login": 4,
        "signature": 4,
        "unknown": 5,
        "disabled": 5,
        "keepalive": 3,
        "offline": 3,
    },
    "watson": {
        "characters": 2,  # a character or a length that no client id may have
        "form": 5,  # shape of the client id, unknown org, durable where not allowed
        "login": 5,
        "unknown": 5,
        "disabled": 5,
        "server name": 5,  # SNI names another org
        "no server name": None,  # where the org has a CA or a server certificate of its own
        "will": 5,
        "no certificate": None,  # the policy asks for one; close code 169
        "other certificate": None,  # it does not name the client; close code 170
        "CA withdrawn": None,  # since the handshake
        "CA missing": None,  # above the one that signed, where the server's is self-signed
        "plain": 5,  # the policy asks for TLS
        "offline": 3,
    },
}

# Watson's close codes of a failed login, as its `/mon` messages have them (applications/mqtt.md).
NOT_AUTHORIZED = 180
CLOSE_CODES = {"no certificate": 169, "other certificate": 170}
