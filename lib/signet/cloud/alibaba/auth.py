"""How does a device ask Alibaba's `/auth` for a token, by CoAP and HTTPS?

Signed is every field but `version`, `sign`, `resources` and `signmethod`, sorted by name.

Sources: Alibaba "Establish communication over the CoAP protocol"; "Establish connections over
HTTP", whose sample fixes the order of the fields there.
"""

import json

from micropython import const

from signet.sign import content
from signet.sign.hmac import Signer

_NOT_SIGNED = const(("version", "sign", "resources", "signmethod"))
_COAP = const(("productKey", "deviceName", "clientId", "seq", "timestamp", "ackMode", "sign"))
_HTTP = const(
    ("version", "clientId", "signmethod", "sign", "productKey", "deviceName", "timestamp")
)


def request(config, unix_ms, seq=None):
    """Builds the body.

    Args:
        config: dict from config.load.
        unix_ms: int, sent when `timestamp` is true; None when it is not known. By CoAP the cloud
            does not look at it.
        seq: str, any text that has not been signed before; None over DTLS and HTTPS.
    Returns:
        bytes, JSON with its fields in the document's order.
    """
    fields = {
        "version": "default",
        "productKey": config["product_key"],
        "deviceName": config["device_name"],
        "clientId": config["client_id"],
        "signmethod": config["sign_method"],
    }
    if seq is not None:
        fields["seq"] = seq
    if config["timestamp"] and unix_ms is not None:
        fields["timestamp"] = str(unix_ms)
    if config.get("ack_mode"):
        fields["ackMode"] = config["ack_mode"]
    fields["sign"] = Signer(config["device_secret"], config["sign_method"][4:]).hexdigest(
        content.build(fields, _NOT_SIGNED)
    )
    names = _HTTP
    if config["way"] == "coap":
        # Its 23 bytes count there, and hmacmd5 is the default.
        names = _COAP + (("signmethod",) if config["sign_method"] != "hmacmd5" else ())
    pairs = [json.dumps(name) + ":" + json.dumps(fields[name]) for name in names if name in fields]
    pairs[0] = "{" + pairs[0]
    pairs[-1] += "}"
    return ",".join(pairs).encode()
