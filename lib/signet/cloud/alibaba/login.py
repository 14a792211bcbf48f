"""What does CONNECT carry for a device of Alibaba Cloud IoT Platform?

Client id `{id}|securemode={2 over TLS, 3 plain},signmethod={m}[,timestamp={ms}]|`, user
`{deviceName}&{productKey}`, password = hex of the HMAC, keyed with the secret, over the sorted
content.  The signing method is always sent, because sources differ on the default.

Source: Alibaba "Establish MQTT connections over TCP"; Link SDK for C and Python.
"""

from signet.sign import content
from signet.sign.hmac import Signer


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, sent and signed when `timestamp` is true; it is not held against a clock.
    Returns:
        (client id, user, password), three str.
    """
    method = config["sign_method"]
    fields = {
        "clientId": config["client_id"],
        "deviceName": config["device_name"],
        "productKey": config["product_key"],
    }
    options = "securemode={},signmethod={}".format(2 if config["tls"] else 3, method)
    if config["timestamp"]:
        fields["timestamp"] = str(unix_ms)
        options += ",timestamp=" + fields["timestamp"]
    signer = Signer(config["device_secret"].encode(), method[4:])
    return (
        "{}|{}|".format(config["client_id"], options),
        config["device_name"] + "&" + config["product_key"],
        signer.hexdigest(content.build(fields)),
    )
