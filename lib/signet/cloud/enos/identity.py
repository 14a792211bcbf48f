"""Who is a device to EnOS over MQTT?

Client id `{id}|securemode=2,signmethod=sha256,timestamp={ms}|`, user `{deviceKey}&{productKey}`,
password = upper-case hex of a plain hash (not an HMAC) over the sorted content with the secret
behind it.  "hmacsha1" is a historical name: it is a plain SHA-1.

Source: EnOS "Establishing Connection using the MQTT Protocol"; EnOS device SDKs (Java, Python, C).
"""

from signet.sign import content
from signet.sign.hmac import hash_hex

TLS_BY_DEFAULT = False
PORTS = {"mqtt": {False: 11883, True: 18883}}

_NOT_IN_KEYS = " \t\r\n/+#&|,"

FIELDS = (
    ("product_key", "text", ..., (64, _NOT_IN_KEYS), "x1y2z3"),
    ("device_key", "text", ..., (64, _NOT_IN_KEYS), "meter-7"),
    ("device_secret", "secret", ..., (256, None), "the device secret from the EnOS console"),
    ("client_id", "text", None, (64, "|"), "meter-7"),
    ("sign_method", "choice", "sha256", ("sha256", "hmacsha1"), "sha256"),
)
BY_WAY = {"mqtt": (("keepalive_s", "int", 60, (60, 300), 60),)}

_HASHES = {"sha256": "sha256", "hmacsha1": "sha1"}


def check(config):
    """Completes the configuration.

    Args:
        config: dict, checked by FIELDS; `client_id` gets its default.
    Returns:
        list of str, warnings.
    """
    if config["client_id"] is None:
        config["client_id"] = config["device_key"]
    if config["tls"]:
        return []
    # EnOS takes secrets on its plain port only, and the time in a login is not looked at.
    text = "port {} is not encrypted: who listens can log in as this device"
    return [text.format(config["port"])]


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, the timestamp that is sent and signed; EnOS does not hold it against a clock.
    Returns:
        (client id, user, password), three str.
    """
    timestamp = str(unix_ms)
    method = config["sign_method"]
    fields = {
        "clientId": config["client_id"],
        "deviceKey": config["device_key"],
        "productKey": config["product_key"],
        "timestamp": timestamp,
    }
    signed = content.build(fields) + config["device_secret"].encode()
    return (
        "{}|securemode=2,signmethod={},timestamp={}|".format(
            config["client_id"], method, timestamp
        ),
        config["device_key"] + "&" + config["product_key"],
        hash_hex(_HASHES[method], signed).upper(),
    )
