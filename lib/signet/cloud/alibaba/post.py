"""What does a report look like as a request of Alibaba's thing model, on every way in?

Properties go to `thing/event/property/post`, events to `thing/event/{id}/post`; each value may
carry its time.

Source: Alink protocol, "Device properties, events, and services".
"""

import json

from signet.cloud import thing
from signet.reports.messages import check_name
from signet.wire import exact_json


def where(report):
    """Returns what follows `/sys/{pk}/{dn}/thing/` in the topic, str; Rejected for a bad event."""
    if report.event is None:
        return "event/property/post"
    check_name(report.event)
    return "event/" + report.event + "/post"


def body(report, place, message_id):
    """Builds the request as JSON.

    Args:
        report: messages.Report with a dict of values.
        place: str from `where`.
        message_id: str of digits.
    Returns:
        bytes
    Raises:
        Rejected: a value has no form in JSON.
    """
    if report.event is not None:
        params = _timed(exact_json.dumps(report.values), report.time_ms)
    else:
        exact_json.check(report.values)
        params = ",".join(
            [
                json.dumps(name) + ":" + _timed(json.dumps(value), report.time_ms)
                for name, value in report.values.items()
            ]
        )
        params = "{" + params + "}"
    return thing.request(message_id, "thing." + place.replace("/", "."), params)


def _timed(value, time_ms):
    if time_ms is None:
        return '{"value":' + value + "}"
    return '{"value":' + value + ',"time":' + str(time_ms) + "}"
