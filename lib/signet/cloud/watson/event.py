"""What does a report look like as an event of Watson IoT Platform, on every way in?

Source: Watson IoT "MQTT connectivity for devices", event format.
"""

from signet.wire import iso8601
from signet.wire.exact_json import dumps


def body(report):
    """Builds {"d": values, "ts": time}, as bytes; Rejected when a value has no form in JSON."""
    payload = '{"d":' + dumps(report.values)
    if report.time_ms is not None:
        payload += ',"ts":"' + iso8601.text(report.time_ms) + '"'
    return (payload + "}").encode()
