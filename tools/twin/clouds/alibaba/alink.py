"""Is what a device of Alibaba sends a good Alink request, and which reports are in it?

Sources: help.aliyun.com document 89301 and those beside it: 109807 (desired properties), 89304
(tags), 89308 (remote configuration), 89299 (topology), 89298 (registration), "OTA updates".
"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tools.twin.clouds.alibaba.codes import MESSAGES, Code, bad
from tools.twin.clouds.alibaba.topics import SYSTEM
from tools.twin.clouds.text import encode
from tools.twin.wire import topics

_BATCH = "thing.event.property.batch.post"
_HISTORY = "thing.event.property.history.post"
_DAY_MS = 24 * 60 * 60 * 1000
_MOST_TAGS = 200


class Checked(NamedTuple):
    """What of a reply is known once a request was read.

    code, message: as in `codes`. wanted: whether a reply is.
    """

    code: int
    message: str
    id: str
    wanted: bool


def is_request(topic: str, names: Mapping[str, str]) -> bool:
    """Whether what the device of these names publishes to `topic` is an Alink request."""
    return topics.allowed(topic, _REQUESTS, names)


def method(topic: str) -> str:
    """The Alink method of a topic: what follows product key and device name."""
    return ".".join(topic.split("/")[4:])


def is_question(topic: str) -> bool:
    """Whether a request asks for something, and so is no report."""
    return topic.endswith("/get")


def check(topic: str, request: Any) -> Checked:
    """What to reply to a request. request: the decoded payload."""
    own = method(topic)
    if not isinstance(request, dict):
        return _bad("payload is not an object", "", True)
    system = request.get("sys")
    wanted = not isinstance(system, dict) or system.get("ack") != 0
    message_id = request.get("id")
    if own in _NUMBERED and isinstance(message_id, int) and not isinstance(message_id, bool):
        message_id = str(message_id)
    if not isinstance(message_id, str) or not message_id:
        return _bad("id is not a text", "", wanted)
    if request.get("method", own) != own:
        return _bad(f"method is not {own}", message_id, wanted)
    problem = _PARAMS.get(own, _values)(request.get("params"))
    if problem:
        return _bad(problem, message_id, wanted)
    return Checked(Code.OK, MESSAGES[Code.OK], message_id, wanted)


def _bad(problem: str, message_id: str, wanted: bool) -> Checked:
    return Checked(*bad(Code.PARAMETER, problem)[:2], message_id, wanted)


def _values(params: Any) -> str | None:
    """What is wrong with a report's params, if anything: an object; times at most a day ahead."""
    if not isinstance(params, dict):
        return "params is not an object"
    latest_ms = time.time_ns() // 1_000_000 + _DAY_MS
    for name, value in params.items():
        if isinstance(value, dict) and "value" in value and "time" in value:
            time_ms = value["time"]
            if not isinstance(time_ms, int) or isinstance(time_ms, bool):
                return f"time of {name} is not an integer of milliseconds"
            if time_ms > latest_ms:
                return f"time of {name} is more than 24 hours ahead"
    return None


def _batch(params: Any) -> str | None:
    """The same of several reports in one: lists of values with their times."""
    if not isinstance(params, dict) or not params or params.keys() - {"properties", "events"}:
        return "params is not an object of properties and events"
    for kind, members in params.items():
        if not isinstance(members, dict) or not members:
            return f"{kind} is not an object with at least one member"
        for name, entries in members.items():
            if not isinstance(entries, list) or not entries:
                return f"{name} is not a list with at least one value"
            if problem := _timed([{name: entry} for entry in entries]):
                return problem
    return None


def _timed(reports: Any) -> str | None:
    """Reports, each a list's member, whose values all have their times."""
    if not isinstance(reports, list):
        return "properties and events are lists"
    for report in reports:
        if not isinstance(report, dict):
            return "a report is not an object"
        for name, entry in report.items():
            if not isinstance(entry, dict) or entry.keys() != {"value", "time"}:
                return f"{name} has a value that is not one with its time"
        if problem := _values(report):
            return problem
    return None


def _history(params: Any) -> str | None:
    """Late reports of devices, of each its identity."""
    if problem := _members(params, "identity"):
        return problem
    for entry in params:
        if problem := _identity(entry["identity"]):
            return problem
        for kind in ("properties", "events"):
            if problem := _timed(entry.get(kind, [])):
                return problem
    return None


def _identity(value: Any) -> str | None:
    both = ("productKey", "deviceName")
    if isinstance(value, dict) and all(isinstance(value.get(name), str) for name in both):
        return None
    return "a device is not an object with productKey and deviceName"


def _devices(params: Any) -> str | None:
    """A list of devices."""
    if not isinstance(params, list) or not params:
        return "params is not a list of devices"
    return next((problem for each in params if (problem := _identity(each))), None)


def _members(params: Any, *names: str) -> str | None:
    """A list of objects that have these members."""
    if not isinstance(params, list) or not params:
        return "params is not a list with at least one member"
    for entry in params:
        if not isinstance(entry, dict) or any(name not in entry for name in names):
            return f"a member of params has no {' and '.join(names)}"
    return None


def _tags(params: Any) -> str | None:
    if problem := _members(params, "attrKey", "attrValue"):
        return problem
    return f"more than {_MOST_TAGS} tags" if len(params) > _MOST_TAGS else None


def _texts(params: Any) -> str | None:
    if isinstance(params, list) and params and all(isinstance(each, str) for each in params):
        return None
    return "params is not a list of identifiers"


def _cleared(params: Any) -> str | None:
    if not isinstance(params, dict) or not all(isinstance(v, dict) for v in params.values()):
        return "params is not an object of objects, as {'power': {'version': 1}}"
    return None


def _configuration(params: Any) -> str | None:
    known = {"configScope": "product", "getType": "file"}
    return None if params == known else "params is not configScope product and getType file"


def _proxied(params: Any) -> str | None:
    return _devices(params.get("proxieds") if isinstance(params, dict) else None)


# What params are, by method; those of all others are a report's.
_PARAMS: Mapping[str, Callable[[Any], str | None]] = {
    _BATCH: _batch,
    _HISTORY: _history,
    "thing.deviceinfo.update": _tags,
    "thing.deviceinfo.delete": lambda params: _members(params, "attrKey"),
    "thing.property.desired.get": _texts,
    "thing.property.desired.delete": _cleared,
    "thing.config.get": _configuration,
    "thing.log.post": lambda params: None if params else "params is empty",
    "thing.topo.add": _devices,
    "thing.topo.delete": _devices,
    "thing.topo.get": lambda _params: None,
    "thing.sub.register": _devices,
    "thing.proxy.provisioning.product_register": _proxied,
}

# Alink requests of a device; the reply goes to the same topic + `_reply`.
_REQUESTS = (
    SYSTEM + "thing/event/~/post",
    SYSTEM + "thing/ota/firmware/get",
    SYSTEM + "thing/config/log/get",
    *(SYSTEM + each.replace(".", "/") for each in _PARAMS),
)

# Whose documents' samples, and whose vendor's SDK, have a number as id.
_NUMBERED = ("thing.config.get", "thing.ota.firmware.get")


def parts(topic: str, request: dict[str, Any]) -> tuple[bytes, ...]:
    """The reports in a request that is good, where it holds several: a batch, or a history."""
    found = _SEVERAL.get(method(topic))
    reports = found(request["params"]) if found else []
    return tuple(encode(request | {"params": report}) for report in reports)


def _reports_of_batch(params: dict[str, Any]) -> list[dict[str, Any]]:
    """Values of one time are of one, each name once; then the events."""
    found: defaultdict[tuple[int, int], dict[str, Any]] = defaultdict(dict)
    for name, entries in params.get("properties", {}).items():
        seen: Counter[int] = Counter()
        for entry in entries:
            found[entry["time"], seen[entry["time"]]][name] = entry
            seen[entry["time"]] += 1
    reports = [found[each] for each in sorted(found)]
    for entries in params.get("events", {}).values():
        reports += entries
    return reports


def _reports_of_history(params: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        report
        for entry in params
        for kind in ("properties", "events")
        for report in entry.get(kind, [])
    ]


_SEVERAL: Mapping[str, Callable[[Any], list[dict[str, Any]]]] = {
    _BATCH: _reports_of_batch,
    _HISTORY: _reports_of_history,
}
