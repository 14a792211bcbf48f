"""What does CONNECT carry for a device of Azure IoT Hub?

Client id = device id, user `{hub}/{device id}/?api-version=2021-04-12`, password = a token that
ends: `SharedAccessSignature sr={resource}&sig={signature}&se={Unix seconds}`.  The signature is
the HMAC-SHA256, keyed with the decoded device key, over resource, line feed and end.  With a
certificate there is no password.

Sources: Azure "Communicate with an IoT hub using the MQTT protocol"; "Control access to IoT Hub
by using shared access signatures"; azure-iot-device 2.14.0.
"""

from binascii import a2b_base64, b2a_base64

from signet import clock
from signet.errors import Throttled
from signet.sign.hmac import Signer


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, the token's life is counted from it.
    Returns:
        (client id str, user str, password str or None)
    Raises:
        Throttled: the clock is not set.
    """
    where, device_id = config["hub"], config["device_id"]
    user = "{}/{}/?api-version=2021-04-12".format(where, device_id)
    return device_id, user, token(config, where + "/devices/" + device_id, unix_ms)


def token(config, resource, unix_ms, policy=""):
    """Signs a token (str); None for a device with a certificate.

    Args:
        config: dict, with `device_key` and `token_s`.
        resource: str, what the token is for.
        unix_ms: int, now.
        policy: str, put behind it.
    Raises:
        Throttled: the clock is not set, so nobody can say when it would end.
    """
    if config["cert"] is not None:
        return None
    if not clock.is_set():
        raise Throttled("the clock is not set, and a token says when it ends")
    resource = _quoted(resource)
    ends = unix_ms // 1000 + config["token_s"]
    signer = Signer(a2b_base64(config["device_key"]), "sha256")
    signature = b2a_base64(signer.digest("{}\n{}".format(resource, ends).encode()))
    return "SharedAccessSignature sr={}&sig={}&se={}{}".format(
        resource, _quoted(signature.decode().strip()), ends, policy
    )


def _quoted(text):
    """Encodes all but the unreserved characters of RFC 3986 section 2.3."""
    out = ""
    for byte in text.encode():
        plain = 48 <= byte < 58 or 97 <= byte | 32 < 123 or byte in b"-._~"
        out += ("%c" if plain else "%%%02X") % byte
    return out
