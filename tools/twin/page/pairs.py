"""Which message answers which?

By their topics and ids alone, whichever cloud they are of. Alibaba and EnOS: the same `id` on the
topic + `_reply`, both ways. Azure: the same `$rid` on `.../res/STATUS/`. RRPC of Alibaba: the same
id at the topic's end. A CoAP reply by its token, a PUBACK by its packet id: see the model.
"""

import re

from tools.twin.page.decoding import parse

_REPLY = "_reply"
_RID = re.compile(r"^(\$[^/]+/[^/]+)/([^/]+)/.*\?(?:.*&)?\$rid=([^&]+)")
_RRPC = re.compile(r"^(.*/rrpc/)(request|response)/([^/]+)")

_ID = b"id"  # a member of JSON or of CBOR
_LONGEST = 1024  # characters of a topic or an id

Key = tuple[str, str]


def key(topic: str, payload: bytes) -> tuple[Key, bool] | None:
    """By what a message is found again, and whether it is the answer; None: it asks for none."""
    if len(topic) > _LONGEST:
        return None
    if found := _RID.match(topic):
        return (found[1], found[3]), found[2] == "res"
    if found := _RRPC.match(topic):
        return (found[1], found[3]), found[2] == "response"
    value = parse(payload)[1] if _ID in payload else None
    if isinstance(value, dict) and isinstance(value.get("id"), str | int):
        base = topic.removesuffix(_REPLY)
        return (base, str(value["id"])[:_LONGEST]), base != topic
    return None
