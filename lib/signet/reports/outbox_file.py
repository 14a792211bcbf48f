"""How do reports that the cloud has not acknowledged get through a deep sleep?

In a file, each a `files.record` of JSON.
"""

import json
from binascii import hexlify, unhexlify

from signet.device import files
from signet.reports.messages import Report


def keep(outbox, path, log):
    """Writes what waits in `outbox` to the file `path` (str), or removes it when nothing does.

    log: function of one str, told when the flash is full.
    """
    if not len(outbox):
        files.remove(path)
        return
    try:
        with open(path, "wb") as file:
            for report in outbox:
                try:
                    record = _record(report)
                except MemoryError:
                    log("a report is not kept: no memory")  # but those behind it
                    continue
                file.write(record)
    except OSError as error:
        log("reports not kept: {}; is the flash full?".format(error))


def _record(report):
    values = report.values
    if report.topic is not None:
        values = hexlify(values).decode()
    fields = [values, report.time_ms, report.topic, report.event, report.device, report.id]
    return files.record(json.dumps(fields).encode())


def restore(outbox, path):
    """Puts into `outbox` what `keep` wrote to `path`, as far as it is whole; leaves it there."""
    try:
        with open(path, "rb") as file:
            for line in file:
                content = files.content(line)
                if content is None:
                    return
                values, time_ms, topic, event, device, name = json.loads(content)
                if topic is not None:
                    values = unhexlify(values)
                report = Report(values, time_ms, topic, event, device)
                report.id = name
                outbox.put(report)
    except (OSError, ValueError, MemoryError):
        pass
