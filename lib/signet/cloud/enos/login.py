"""What does CONNECT carry for a device of EnOS?

Client id `{id}|securemode=2,signmethod=sha256,timestamp={ms}|`, user `{deviceKey}&{productKey}`,
password = upper-case hex of a plain hash (not an HMAC) over the fields, sorted by name, with the
secret behind them.  "hmacsha1" is a historical name: it is a plain SHA-1.

Source: EnOS "Establishing Connection using the MQTT Protocol"; EnOS device SDKs (Java, Python, C).
"""

import hashlib
from binascii import hexlify


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, the timestamp that is sent and signed; EnOS does not hold it against a clock.
    Returns:
        (client id, user, password), three str.
    """
    client_id, device_key = config["client_id"], config["device_key"]
    product_key, method = config["product_key"], config["sign_method"]
    content = "clientId{}deviceKey{}productKey{}timestamp{}{}".format(
        client_id, device_key, product_key, unix_ms, config["device_secret"]
    )
    digest = getattr(hashlib, method.replace("hmac", ""))(content.encode()).digest()
    return (
        "{}|securemode=2,signmethod={},timestamp={}|".format(client_id, method, unix_ms),
        device_key + "&" + product_key,
        hexlify(digest).decode().upper(),
    )
