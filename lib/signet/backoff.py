"""How long is it wise to wait before the next try?

EnOS blocks a device for five minutes after four connects in two minutes, and two boards with one
client id throw each other out for ever.  So the wait begins at `retry_s` (20 s), grows twofold up
to eight times that, with jitter, and begins anew only after a connection has lasted.

Loaded when a connection has failed, and forgotten: see modules.call.
"""

from micropython import const

from signet import clock
from signet.errors import ConfigError, Lost, Refused, SignetError, Throttled, Untrusted

_LONGEST_MS = const(3_600_000)  # no wait is longer
_LASTED_MS = const(120_000)  # a connection that lasted so long was a good one
_STOLEN_MS = const(10_000)  # closed so soon after login, twice running: somebody else's login?
_DOUBLINGS = const(3)  # of the wait after Lost
_REFUSED_FIRST = const(4)  # Refused begins with as many doublings (320 s),
_REFUSED_DOUBLINGS = const(7)  # and grows on


def lost(counts, retry_s, lived_ms, error, number, is_exclusive):
    """Says what a connection that failed means.

    Args:
        counts: [failures, short lives running], int each; it is counted on.
        retry_s: int, the first wait.
        lived_ms: int, how long a connection has stood; None when none came about.
        error: what failed.
        number: int, 0 to 255, at random: a fleet must not come back at once.
        is_exclusive: bool, see cloud/session.py.
    Returns:
        (ms to wait before the next try, line for the log, text of the error).
    """
    text = str(error) if isinstance(error, SignetError) else repr(error)
    if isinstance(error, Untrusted) and not clock.is_set():
        text += "; the clock is not set"
        error = None  # it passes by itself
    elif isinstance(error, Untrusted) and "clock" in text:  # of dates, as net/refusal.py says
        clock.doubted = True
    what = "not connected" if lived_ms is None else "connection lost"
    if lived_ms is not None:
        if not 0 <= lived_ms <= _LASTED_MS:  # ticks wrap after six days
            counts[0] = 0
        counts[1] = counts[1] + 1 if 0 <= lived_ms < _STOLEN_MS else 0
        if isinstance(error, Lost) and counts[1] > 1 and is_exclusive:
            what += " again so soon (is another device using this identity?)"
    refused = isinstance(error, (Refused, ConfigError))
    if refused:
        counts[0] = max(counts[0], _REFUSED_FIRST)
    ms = retry_s * 1000 << counts[0]
    counts[0] = min(counts[0] + 1, _REFUSED_DOUBLINGS if refused else _DOUBLINGS)
    if isinstance(error, Throttled) and error.retry_after_ms:
        ms = error.retry_after_ms
    ms = min(ms, _LONGEST_MS)
    ms += ms // 2 * number // 255
    return ms, "{}: {}; next try in {} s".format(what, text, ms // 1000), text
