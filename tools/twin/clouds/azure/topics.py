"""Which topics and filters has Azure, and what do their queries say?

IoT Hub and DPS take the documented ones only: "Communicate with an IoT hub using the MQTT
protocol", "Communicate with DPS using the MQTT protocol". Any other ends the connection.
"""

import re
import urllib.parse

TWIN_GET = "$iothub/twin/GET/"
TWIN_REPORT = "$iothub/twin/PATCH/properties/reported/"
TWIN_DESIRED = "$iothub/twin/PATCH/properties/desired/"
TWIN_ANSWER = "$iothub/twin/res/"
METHOD = "$iothub/methods/POST/"
METHOD_ANSWER = "$iothub/methods/res/"
REGISTER = "$dps/registrations/PUT/iotdps-register/"
STATUS = "$dps/registrations/GET/iotdps-get-operationstatus/"
REGISTRATION_ANSWER = "$dps/registrations/res/"

_STATUS_OF = re.compile(re.escape(METHOD_ANSWER) + r"(-?\d{1,9})/")
_ENCODED = r"(?:[A-Za-z0-9._~!$'()*,;:@-]|%[0-9A-Fa-f]{2})"
_PROPERTY = re.compile(f"{_ENCODED}+(?:={_ENCODED}*)?")


def events(device_id: str) -> str:
    """Where a device's messages to the cloud go; properties may follow."""
    return f"devices/{device_id}/messages/events/"


def bound(device_id: str) -> str:
    """Where messages to a device come; properties follow."""
    return f"devices/{device_id}/messages/devicebound/"


def query(topic: str, path: str) -> dict[str, str] | None:
    """The fields of `path?name=value&...`, decoded; None for another path or form."""
    rest = topic.removeprefix(path)
    if rest == topic or not rest.startswith("?"):
        return None
    fields: dict[str, str] = {}
    for item in rest[1:].split("&"):
        name, _, value = map(urllib.parse.unquote, item.partition("="))
        if name in fields or not value:
            return None
        fields[name] = value
    return fields if "$rid" in fields else None


def quoted(text: str) -> str:
    """A value as it stands in a query."""
    return urllib.parse.quote(text, safe="")


def request_id(topic: str, path: str) -> str | None:
    """The `$rid` of a request or an answer on this path; None on another."""
    fields = query(topic, path)
    return None if fields is None else fields["$rid"]


def method_answer(topic: str) -> tuple[int, str] | None:
    """Status and `$rid` of an answer to a direct method; None on another topic."""
    found = _STATUS_OF.match(topic)
    rid = found and request_id(topic, found[0])
    return (int(found[1]), rid) if found and rid else None


def properties(text: str) -> dict[str, str | None] | None:
    """The property bag behind a message's topic, decoded; None when it is not url-encoded."""
    bag: dict[str, str | None] = {}
    for item in text.removesuffix("/").removeprefix("?").split("&") if text.strip("/?") else ():
        if not _PROPERTY.fullmatch(item):
            return None
        name, equals, value = item.partition("=")
        bag[urllib.parse.unquote(name)] = urllib.parse.unquote(value) if equals else None
    return bag


def device_publishes(topic: str, device_id: str) -> bool:
    """Whether a device may publish there."""
    if topic.startswith(events(device_id)):
        return properties(topic[len(events(device_id)) :]) is not None
    if topic.startswith((TWIN_GET, TWIN_REPORT)):
        path = TWIN_GET if topic.startswith(TWIN_GET) else TWIN_REPORT
        return request_id(topic, path) is not None
    return method_answer(topic) is not None


def device_hears(device_id: str) -> tuple[str, ...]:
    """The filters that a device may subscribe to; IoT Hub takes five at once at most."""
    return (
        bound(device_id) + "#",
        METHOD + "#",
        TWIN_ANSWER + "#",
        TWIN_DESIRED + "#",
    )


def registration_publishes(topic: str) -> bool:
    """Whether a device that registers with DPS may publish there."""
    if topic.startswith(STATUS):
        return "operationId" in (query(topic, STATUS) or {})
    return request_id(topic, REGISTER) is not None


REGISTRATION_HEARS: tuple[str, ...] = (REGISTRATION_ANSWER + "#",)
