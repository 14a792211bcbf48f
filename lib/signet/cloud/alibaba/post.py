"""What does a report look like as a request of Alibaba's thing model, on every way in?

Properties go to `thing/event/property/post`, events to `thing/event/{id}/post`; each value may
carry its time:

    {"id":"1","version":"1.0","method":"thing...post","params":{...}}

Source: Alink protocol, "Device properties, events, and services".
"""

import json

from signet.reports.messages import check_name


def where(report):
    """Returns what follows `/sys/{pk}/{dn}/thing/` in the topic, str; Rejected for a bad event."""
    if report.event is None:
        return "event/property/post"
    check_name(report.event)
    return "event/" + report.event + "/post"


def body(report, place, message_id):
    """Builds the request as JSON.

    Args:
        report: messages.Report of values.
        place: str from `where`.
        message_id: str of digits.
    Returns:
        bytes
    """
    time = b"}"
    if report.time_ms is not None:
        time = b',"time":' + str(report.time_ms).encode() + time
    if report.event is not None:
        parts = [b'{"value":', report.body, time]
    else:
        parts = []
        for name, value in report.values.items():
            parts += (b"," if parts else b"{", json.dumps(name).encode(), b':{"value":')
            parts += (json.dumps(value).encode(), time)
        parts.append(b"}" if parts else b"{}")
    head = '{{"id":"{}","version":"1.0","method":"thing.{}","params":'.format(
        message_id, place.replace("/", ".")
    )
    return head.encode() + b"".join(parts) + b"}"
