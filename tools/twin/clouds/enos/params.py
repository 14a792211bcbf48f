"""What must the `params` of a request to EnOS hold? Each check says what is wrong with them, if
anything, and never repeats a signature.

Sources: the vendor's documents, `reference/mqtt`; where they say less, what its SDKs send.
"""

import re
from collections.abc import Callable
from typing import Any

from tools.twin.clouds.cloud import Cloud

Check = Callable[[Any], str | None]

_MOST_VALUES = 200  # attributes or tags of one request
_MOST_DEVICES = 1000  # registered by one request (the SDKs)
_TAG = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


def anything(params: Any) -> str | None:
    """An object or a list."""
    return None if isinstance(params, dict | list) else "params is not an object"


def measurepoints(params: Any) -> str | None:
    """One post."""
    if not isinstance(params, dict):
        return "params is not an object"
    points = params.get("measurepoints")
    if not isinstance(points, dict) or not points:
        return "params.measurepoints is not an object with at least one point"
    return _time(params)


def _time(params: dict[str, Any]) -> str | None:
    time_ms = params.get("time")
    if time_ms is not None and (not isinstance(time_ms, int) or isinstance(time_ms, bool)):
        return "params.time is not an integer of milliseconds"
    return None


def _each(check: Check, what: str) -> Check:
    """A list of at least one of them."""

    def checked(params: Any) -> str | None:
        if not isinstance(params, list) or not params:
            return f"params is not a list with at least one {what}"
        return next((problem for entry in params if (problem := check(entry))), None)

    return checked


batch = _each(measurepoints, "post")
"""Several posts."""


def integrated(key: str) -> Check:
    """Several posts of message integration, each for a device of the product. key: of values."""

    def one(entry: Any) -> str | None:
        if not isinstance(entry, dict) or not _named(entry, "deviceKey"):
            return "an entry of params has no deviceKey"
        if not isinstance(entry.get(key), dict) or not entry[key]:
            return f"an entry of params has no {key}"
        return _time(entry)

    return _each(one, "post")


def _named(params: dict[str, Any], *names: str) -> bool:
    return all(isinstance(params.get(name), str) and params[name] for name in names)


def _names(key: str) -> Check:
    def checked(params: Any) -> str | None:
        names = params.get(key) if isinstance(params, dict) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return f"params.{key} is not a list of names"
        return f"params.{key} has more than {_MOST_VALUES}" if len(names) > _MOST_VALUES else None

    return checked


attribute_names = _names("attributes")
tag_names = _names("tags")


def attributes(params: Any) -> str | None:
    """Attributes to set."""
    values = params.get("attributes") if isinstance(params, dict) else None
    if not isinstance(values, dict):
        return "params.attributes is not an object"
    return f"more than {_MOST_VALUES} attributes" if len(values) > _MOST_VALUES else None


def tags(params: Any) -> str | None:
    """Tags to set. The documents have a text as a tag's value; the SDK's sample sends numbers."""
    if not isinstance(params, list) or not 1 <= len(params) <= _MOST_VALUES:
        return f"params is not a list of 1 to {_MOST_VALUES} tags"
    for tag in params:
        if not isinstance(tag, dict) or not _named(tag, "tagKey"):
            return "a tagKey is missing"
        if not _TAG.fullmatch(tag["tagKey"]):
            return "a tagKey is not letters, digits and _, 100 at most, no digit first"
        if not isinstance(tag.get("tagValue"), str | int | float):
            return "a tagValue is not a text"
    return None


def version(params: Any) -> str | None:
    """The version of a device's firmware; the SDK's sample sends a number."""
    if not isinstance(params, dict) or not isinstance(params.get("version"), str | int | float):
        return "params.version is not a text"
    return None


def progress(params: Any) -> str | None:
    """How far an upgrade is: percent, or below 0 what failed."""
    step = params.get("step") if isinstance(params, dict) else None
    try:
        good = int(str(step)) <= 100
    except ValueError:
        good = False
    return None if good else "params.step is not a number up to 100"


def device(params: Any) -> str | None:
    """The names of one device."""
    if not isinstance(params, dict) or not _named(params, "productKey", "deviceKey"):
        return "productKey or deviceKey is missing"
    return None


devices = _each(device, "device")


def _signed(params: Any) -> str | None:
    if problem := device(params):
        return problem
    if not _named(params, "clientId", "sign") or not isinstance(params.get("timestamp"), str):
        return "clientId, timestamp or sign is missing"
    return None


signed_devices = _each(_signed, "device")
login = _signed


def login_batch(params: Any) -> str | None:
    """Several devices, whose signatures share client id, timestamp and method."""
    if not isinstance(params, dict) or not _named(params, "clientId", "timestamp"):
        return "clientId or timestamp is missing"
    entries = params.get("subDevices")
    if problem := devices(entries):
        return problem.replace("params", "params.subDevices")
    assert isinstance(entries, list)
    return None if all(_named(entry, "sign") for entry in entries) else "a sign is missing"


def registrations(params: Any) -> str | None:
    """Devices to register; without a deviceKey the platform makes one."""
    if not isinstance(params, list) or not 1 <= len(params) <= _MOST_DEVICES:
        return f"params is not a list of 1 to {_MOST_DEVICES} devices"
    for entry in params:
        if not isinstance(entry, dict) or not _named(entry, "productKey"):
            return "productKey is missing"
        rule, words = Cloud.name_rule
        name = entry.get("deviceKey")
        if name is not None and not (isinstance(name, str) and rule.fullmatch(name)):
            return f"deviceKey is not 1 to {words}"
        if not isinstance(entry.get("deviceAttributes") or {}, dict):
            return "deviceAttributes is not an object"
    return None
