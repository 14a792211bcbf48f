"""What does CONNECT carry for a device of Alibaba Cloud IoT Platform?

Client id `{id}|securemode={2 over TLS, 3 plain},signmethod={m}[,timestamp={ms}]|`, user
`{deviceName}&{productKey}`, password = hex of the HMAC, keyed with the secret, over the sorted
content.  The signing method is always sent, because sources differ on the default.

Source: Alibaba "Establish MQTT connections over TCP"; Link SDK for C and Python.
"""

from signet.sign.hmac import Signer


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, sent and signed when `timestamp` is true; it is not held against a clock.
    Returns:
        (client id, user, password), three str.
    """
    client_id, device_name = config["client_id"], config["device_name"]
    product_key, method = config["product_key"], config["sign_method"]
    content = "clientId{}deviceName{}productKey{}".format(client_id, device_name, product_key)
    options = "securemode={},signmethod={}".format(2 if config["tls"] else 3, method)
    if config["timestamp"]:
        content += "timestamp{}".format(unix_ms)
        options += ",timestamp={}".format(unix_ms)
    return (
        "{}|{}|".format(client_id, options),
        device_name + "&" + product_key,
        Signer(config["device_secret"], method[4:]).hexdigest(content.encode()),
    )
