"""How do reports that the cloud has not acknowledged get through a deep sleep?

Each is a line: eight hexadecimal digits of CRC-32 and the JSON that they prove whole.
"""

import json
import os
from binascii import crc32, hexlify, unhexlify

from signet.reports.messages import Report


def keep(outbox, path, log):
    """Writes what waits in `outbox` to the file `path` (str), or removes it when nothing does.

    log: function of one str, told when the flash is full.
    """
    if not len(outbox):
        try:
            os.remove(path)
        except OSError:
            pass
        return
    try:
        with open(path, "wb") as file:
            for report in outbox:
                values = report.values
                if report.topic is not None:
                    values = hexlify(values).decode()
                fields = [
                    values,
                    report.time_ms,
                    report.topic,
                    report.event,
                    report.device,
                    report.id,
                ]
                line = json.dumps(fields).encode()
                file.write(b"%08x" % crc32(line) + line + b"\n")
    except OSError as error:
        log("reports not kept: {}; is the flash full?".format(error))


def restore(outbox, path):
    """Puts into `outbox` what `keep` wrote to `path`, as far as it is whole; leaves it there."""
    try:
        with open(path, "rb") as file:
            for line in file:
                if b"%08x" % crc32(line[8:-1]) != line[:8]:
                    return
                values, time_ms, topic, event, device, name = json.loads(line[8:-1])
                if topic is not None:
                    values = unhexlify(values)
                report = Report(values, time_ms, topic, event, device)
                report.id = name
                outbox.put(report)
    except (OSError, ValueError, MemoryError):
        pass
