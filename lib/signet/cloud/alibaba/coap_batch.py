"""How many reports fill a datagram to Alibaba, in JSON or CBOR?

Source: see batch.py.
"""

from micropython import const

from signet.cloud.alibaba import batch, coap_access
from signet.reports.messages import Report

_SEQ = const(35)  # of two blocks at most
_BLOCK = const(16)  # the last is never full
_AROUND = const((b"\xa2\x65value", b"\x64time", b""))


def make(config, access, prefix, handover, key):
    """Returns (keys, Report of all), see cloud/session.py; no keys where there is no token.

    Args:
        config: dict from config.load.
        access: coap_access.Access.
        prefix, handover, key: see batch.make.
    """
    values = access.token.values
    if values is None:
        return (), None
    path = ("topic" + prefix + batch.PLACE).encode().split(b"/")
    room = min(coap_access.LARGEST, access.client.channel.most)
    room -= coap_access.size_of(access.options(path, 0, values["token"]))
    if not config["trust"]:
        room = (room - _SEQ) // _BLOCK * _BLOCK - 1
    if config["format"] != "cbor":
        return batch.make(prefix, handover, key, room)
    from signet.wire.cbor import dumps, head

    report = Report(b"", topic=prefix + batch.PLACE)
    method = "thing.event.property.batch.post"
    texts = "id", str(report.id), "version", "1.0", "method", method, "params"
    parts = [b"\xa4"] + [dumps(text) for text in texts] + [b"\xa1", dumps("properties")]
    room -= len(b"".join(parts)) + 3
    keys, names = batch.collect(handover, key, room, dumps, _AROUND)
    parts.append(head(5, len(names)))
    for name, values in names.items():
        parts += (name, head(4, len(values)))
        parts += values
    report.body = b"".join(parts)
    return keys, report
