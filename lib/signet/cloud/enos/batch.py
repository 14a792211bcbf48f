"""How do several reports go to EnOS in one message?

    {"id":"1","version":"1.0","method":"thing.measurepoint.resume.batch",
     "params":[{"measurepoints":{...},"time":1524448722000},...]}

Those that are late go to `measurepoint/resume/batch`, others to `measurepoint/post/batch`.  If
one is bad, EnOS refuses all.

Source: EnOS "Reporting Device Measurement Points in Batch", "Reporting Offline ... in Batch".
"""

from micropython import const

from signet.reports.batch import together
from signet.reports.messages import Report

_ROOM = const(1024)  # bytes of bodies,
_MORE = const(40)  # with so many for each report


def make(prefix, handover, key, late_ms):
    """Returns (keys, Report of all), see cloud/session.py.

    Args:
        prefix: str, what each topic begins with.
        handover, key: see reports.batch.
        late_ms: int, Unix ms; what was taken before is late.
    """
    keys, parts, late, room = [], [], None, _ROOM
    for report in together(handover, key, keys):
        room -= len(report.body) + _MORE
        is_late = report.time_ms < late_ms
        if late is None:
            late = is_late
        if late != is_late or room < 0:
            break
        parts += (b'{"measurepoints":', report.body, b',"time":%d},' % report.time_ms)
    where = "measurepoint/resume/batch" if late else "measurepoint/post/batch"
    report = Report(b"", topic=prefix + where)
    head = '{{"id":"{}","version":"1.0","method":"thing.{}","params":['
    parts.insert(0, head.format(report.id, where.replace("/", ".")).encode())
    report.body = b"".join(parts)[:-1] + b"]}"
    return keys, report
