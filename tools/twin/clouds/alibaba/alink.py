"""Is what a device of Alibaba sends a good Alink request, and which reports are in it?

Source: help.aliyun.com document 89301.
"""

import time
from collections.abc import Mapping
from typing import Any

from tools.twin.clouds.alibaba.topics import SYSTEM
from tools.twin.clouds.text import encode
from tools.twin.wire import topics

_BATCH = "thing.event.property.batch.post"
_DAY_MS = 24 * 60 * 60 * 1000

# Alink requests of a device; the reply goes to the same topic + `_reply`.
_REQUESTS = (
    SYSTEM + "thing/event/property/post",
    SYSTEM + "thing/event/property/batch/post",
    SYSTEM + "thing/event/~/post",
    SYSTEM + "thing/deviceinfo/update",
    SYSTEM + "thing/deviceinfo/delete",
    SYSTEM + "thing/property/desired/get",
    SYSTEM + "thing/property/desired/delete",
    SYSTEM + "thing/config/get",
)


def is_request(topic: str, names: Mapping[str, str]) -> bool:
    """Whether what the device of these names publishes to `topic` is an Alink request."""
    return topics.allowed(topic, _REQUESTS, names)


def method(topic: str) -> str:
    """The Alink method of a topic: what follows product key and device name."""
    return ".".join(topic.split("/")[4:])


def check(topic: str, request: Any) -> tuple[int, str, str, bool]:
    """Code, message and id of an Alink reply, and whether one is wanted.

    request: the decoded payload.
    """
    own = method(topic)
    if not isinstance(request, dict):
        return 460, "request parameter error: payload is not an object", "", True
    system = request.get("sys")
    wanted = not isinstance(system, dict) or system.get("ack") != 0
    message_id = request.get("id")
    if not isinstance(message_id, str) or not message_id:
        return 460, "request parameter error: id is not a text", "", wanted
    if request.get("method", own) != own:
        return 460, f"request parameter error: method is not {own}", message_id, wanted
    problem = (_batch if own == _BATCH else _params)(request.get("params"))
    if problem:
        return 460, f"request parameter error: {problem}", message_id, wanted
    return 200, "success", message_id, wanted


def _batch(params: Any) -> str | None:
    """What is wrong with several reports in one, if anything: lists of values with their times."""
    if not isinstance(params, dict) or not params or params.keys() - {"properties", "events"}:
        return "params is not an object of properties and events"
    for kind, members in params.items():
        if not isinstance(members, dict) or not members:
            return f"{kind} is not an object with at least one member"
        for name, entries in members.items():
            if not isinstance(entries, list) or not entries:
                return f"{name} is not a list with at least one value"
            for entry in entries:
                if not isinstance(entry, dict) or entry.keys() != {"value", "time"}:
                    return f"{name} has a value that is not one with its time"
                if problem := _params({name: entry}):
                    return problem
    return None


def parts(topic: str, request: dict[str, Any]) -> tuple[bytes, ...]:
    """The reports in a request that is good, where it holds several: a batch.

    Values of one time are of one, each name once; then the events.
    """
    if method(topic) != _BATCH:
        return ()
    reports: list[dict[str, Any]] = []
    for name, entries in request["params"].get("properties", {}).items():
        for entry in entries:
            for report in reports:
                if name not in report and next(iter(report.values()))["time"] == entry["time"]:
                    report[name] = entry
                    break
            else:
                reports.append({name: entry})
    reports.sort(key=lambda report: next(iter(report.values()))["time"])
    for entries in request["params"].get("events", {}).values():
        reports += entries
    return tuple(encode(request | {"params": report}) for report in reports)


def _params(params: Any) -> str | None:
    """What is wrong with Alink params, if anything: an object; times at most a day ahead."""
    if isinstance(params, list):
        return None  # tags: thing.deviceinfo.update
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
