"""What does a report look like as an event of Watson IoT Platform, on every way in?

Source: Watson IoT "MQTT connectivity for devices", event format.
"""

from signet.wire import iso8601


def body(report):
    """Builds {"d": values, "ts": time}, as bytes."""
    time = b"}"
    if report.time_ms is not None:
        time = b',"ts":"' + iso8601.text(report.time_ms).encode() + b'"}'
    return b"".join((b'{"d":', report.body, time))
