"""To which topics may a device of EnOS publish and subscribe, and what must a request there hold?

Sources: EnOS docs, `reference/mqtt/common_param`; the vendor's SDKs. The notation is that of
tools.twin.wire.topics.
"""

from collections.abc import Callable
from typing import Any

_SYS = "/sys/{product_key}/{device_key}/"
_EXT = "/ext/session/{product_key}/{device_key}/"


def _measurepoints(params: Any) -> str | None:
    """What is wrong with the params of one measurepoint post, if anything."""
    if not isinstance(params, dict):
        return "params is not an object"
    points = params.get("measurepoints")
    if not isinstance(points, dict) or not points:
        return "params.measurepoints is not an object with at least one point"
    time_ms = params.get("time")
    if time_ms is not None and (not isinstance(time_ms, int) or isinstance(time_ms, bool)):
        return "params.time is not an integer of milliseconds"
    return None


def batch(params: Any) -> str | None:
    """The same of several."""
    if not isinstance(params, list) or not params:
        return "params is not a list with at least one post"
    return next((problem for entry in params if (problem := _measurepoints(entry))), None)


def _anything(params: Any) -> str | None:
    return None if isinstance(params, dict | list) else "params is not an object"


# Requests of a device: topic after the prefix, and the check of their params. The reply goes to
# the same topic + `_reply`.
REQUESTS: dict[str, Callable[[Any], str | None]] = {
    _SYS + "thing/measurepoint/post": _measurepoints,
    _SYS + "thing/measurepoint/resume": _measurepoints,
    _SYS + "thing/measurepoint/post/batch": batch,
    _SYS + "thing/measurepoint/resume/batch": batch,
    _SYS + "thing/event/~/post": _anything,
    _SYS + "thing/attribute/~": _anything,
    _SYS + "thing/tag/~": _anything,
    _SYS + "thing/tsltemplate/get": _anything,
    _SYS + "ota/device/inform": _anything,
    _SYS + "ota/device/progress": _anything,
    _SYS + "ota/device/request": _anything,
    _SYS + "ota/device/getversion": _anything,
}

# Only these are held to `method` = topic with dots: SDKs disagree with the documents on others.
METHOD_HELD = _SYS + "thing/measurepoint/*"

_ANSWERS = (
    _SYS + "thing/service/measurepoint/~_reply",
    _SYS + "thing/service/~_reply",
    _SYS + "thing/model/down_raw_reply",
    _SYS + "thing/enable_reply",
    _SYS + "thing/disable_reply",
    _SYS + "thing/delete_reply",
    _SYS + "ota/device/upgrade_reply",
    _SYS + "rrpc/response/~",
    _EXT + "thing/activate/info_reply",
)

PUBLISH = (*REQUESTS, *_ANSWERS, _SYS + "thing/model/up_raw")
SUBSCRIBE = (
    *(rule + "_reply" for rule in REQUESTS if not rule.endswith("~")),
    _SYS + "thing/attribute/~_reply",
    _SYS + "thing/tag/~_reply",
    _SYS + "thing/event/+/post_reply",
    _SYS + "thing/model/up_raw_reply",
    _SYS + "thing/model/down_raw",
    _SYS + "thing/service/*",
    _SYS + "thing/enable",
    _SYS + "thing/disable",
    _SYS + "thing/delete",
    _SYS + "ota/device/upgrade",
    _SYS + "rrpc/request/+",
    _EXT + "thing/activate/info",
)
