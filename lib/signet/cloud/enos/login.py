"""What does CONNECT carry for a device of EnOS?

Client id `{id}|securemode=2,signmethod=sha256,timestamp={ms}|`, user `{deviceKey}&{productKey}`,
password = upper-case hex of a plain hash (not an HMAC) over the sorted content with the secret
behind it.  "hmacsha1" is a historical name: it is a plain SHA-1.

Source: EnOS "Establishing Connection using the MQTT Protocol"; EnOS device SDKs (Java, Python, C).
"""

from signet.sign import content
from signet.sign.hmac import hash_hex

_HASHES = {"sha256": "sha256", "hmacsha1": "sha1"}


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
