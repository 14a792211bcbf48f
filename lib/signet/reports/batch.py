"""Which of the reports that wait go together, in one message?

Those of values with their time, in order, as many as the cloud's own form makes a packet of.  One
that has come to nothing before goes by itself, and ends the row; so does one that is in flight.
Loaded when more wait than go at once, and forgotten: see modules.call.
"""

from micropython import const

_MOST = const(32)  # reports


def together(handover, key, keys):
    """Yields the Reports that may go in one message.

    Args:
        handover: handover.Handover.
        key: int, of the first.
        keys: list, to which the key of each is added once it was taken: when the next is wanted.
    """
    outbox = handover.outbox
    others = handover.flight, handover.tries, outbox.misses
    while key and len(keys) < _MOST and not any(key in each for each in others):
        report = outbox.get(key)
        if not report or not report.time_ms or report.topic or report.event or report.device:
            return
        yield report
        keys.append(key)
        key = outbox.after(key)
