"""How do several reports go to Alibaba in one message, on every way in?

    {"id":"1","version":"1.0","method":"thing.event.property.batch.post","params":
     {"properties":{"t":[{"value":21.5,"time":1524448722000},...],...}}}

What the cloud would not take goes by itself: by CoAP and HTTPS it says that it has a message
before it looks into it.

Source: Alink protocol, "Devices report properties and events in batches".
"""

import json

from micropython import const

from signet import clock
from signet.reports.batch import together
from signet.reports.messages import Report

PLACE = const("event/property/batch/post")

_ROOM = const(1280)  # bytes of a packet
_DAY_MS = const(86_400_000)  # ahead of the cloud's clock, at most
_AROUND = const((b'{"value":', b',"time":', b"}"))


def _json(value):
    return json.dumps(value).encode()


def collect(handover, key, room, form, around):
    """Returns (list of keys, dict of each name to its values with their times), in bytes.

    Args:
        handover, key: see reports.batch.
        room: int, how many bytes they may have, and one for each value and three for each name.
        form: function that writes a value. around: what is before a value, between it and its
            time, and behind that.
    """
    keys, names = [], {}
    latest_ms = clock.unix_ms() + _DAY_MS
    before, between, behind = around
    for report in together(handover, key, keys):
        parts = []
        try:
            for name, value in report.values.items():
                name, value = form(name), before + form(value) + between
                value += form(report.time_ms) + behind
                parts.append((name, value))
                room -= len(value) + 1
                if name not in names:
                    room -= len(name) + 3
        except ValueError:  # it has no such form
            break
        if not parts or room < 0 or report.time_ms > latest_ms:
            break
        for name, value in parts:
            names.setdefault(name, []).append(value)
    return keys, names


def make(prefix, handover, key, room=_ROOM):
    """Returns (keys, Report of all), see cloud/session.py.

    Args:
        prefix: str, what each topic begins with.
        handover, key: see reports.batch.
        room: int, how many bytes all may have.
    """
    report = Report(b"", topic=prefix + PLACE)
    head = '{{"id":"{}","version":"1.0","method":"thing.event.property.batch.post","params":'
    parts = [head.format(report.id).encode() + b'{"properties":{']
    keys, names = collect(handover, key, room - len(parts[0]) - 3, _json, _AROUND)
    mark = b""
    for name, values in names.items():
        parts += (mark, name, b":[", b",".join(values), b"]")
        mark = b","
    report.body = b"".join(parts) + b"}}}"
    return keys, report
