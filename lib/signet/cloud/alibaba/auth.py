"""What is Alibaba's `/auth` asked, by CoAP and HTTPS, and what does its answer grant?

Signed is every field but `version`, `sign`, `resources` and `signmethod`, sorted by name.

Sources: Alibaba "Establish communication over the CoAP protocol"; "Establish connections over
HTTP", whose sample fixes the order of the fields there.
"""

import json

from micropython import const

from signet.errors import ProtocolError

_NOT_SIGNED = ("version", "sign", "resources", "signmethod")
_COAP = ("productKey", "deviceName", "clientId", "seq", "timestamp", "ackMode", "sign")
_HTTP = ("version", "clientId", "signmethod", "sign", "productKey", "deviceName", "timestamp")

_LONGEST_TOKEN = const(255)  # what fits one option of CoAP; 192 in the C SDK
_LONGEST_RANDOM = const(64)  # 32 in the C SDK
_LARGEST_OFFSET = const(0x1FFFFFFFFFFFFF)  # integers that every JSON can say (RFC 8259 section 6)


def request(config, unix_ms, seq=None):
    """Builds the body.

    Args:
        config: dict from config.load.
        unix_ms: int, sent when `timestamp` is true; None when it is not known. By CoAP the cloud
            does not look at it.
        seq: str, any text that has not been signed before; None over DTLS and HTTPS.
    Returns:
        bytes, JSON with its fields in the document's order.
    Raises:
        ConfigError: this board lacks the hash of `sign_method`.
    """
    from signet.sign import content
    from signet.sign.signer import Signer

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
    signer = Signer(config["device_secret"], config["sign_method"][4:])
    fields["sign"] = signer.hexdigest(content.build(fields, _NOT_SIGNED))
    names = _HTTP
    if config["way"] == "coap":
        # Its 23 bytes count there, and hmacmd5 is the default.
        names = _COAP + (("signmethod",) if config["sign_method"] != "hmacmd5" else ())
    pairs = [json.dumps(name) + ":" + json.dumps(fields[name]) for name in names if name in fields]
    return ("{" + ",".join(pairs) + "}").encode()


def granted(answer, encrypted):
    """Reads what `/auth` answered.

    Args:
        answer: dict, the fields.
        encrypted: bool, True by CoAP with AES, where `random` and `seqOffset` must be there.
    Returns:
        dict of token (str, printable ASCII); encrypted also random (likewise) and offset (int).
    Raises:
        ProtocolError: something is missing, of another kind or too large. The token is not shown.
    """
    found = {"token": answer.get("token")}
    good = _is_word(found["token"], _LONGEST_TOKEN)
    if encrypted:
        found["random"] = random = answer.get("random")
        found["offset"] = offset = answer.get("seqOffset")
        good = good and _is_word(random, _LONGEST_RANDOM)
        good = good and type(offset) is int and 0 <= offset <= _LARGEST_OFFSET
    if not good:
        raise ProtocolError("the answer to /auth is not that of the document")
    return found


def _is_word(value, longest):
    good = isinstance(value, str) and 0 < len(value) <= longest
    return good and min(value) > " " and max(value) < "\x7f"
