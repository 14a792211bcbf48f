"""When is a date of HTTP?  RFC 9110 section 5.6.7, in its three forms."""

from micropython import const

from signet.wire import iso8601

_LONGEST_S = const(3600)
_MONTHS = const("JanFebMarAprMayJunJulAugSepOctNovDec")


def unix_s(text):
    """Returns the Unix time in seconds of a date such as "Sun, 06 Nov 1994 08:49:37 GMT".

    Args:
        text: str.
    Raises:
        ValueError: it is no date.
    """
    words = text.replace("-", " ").split()
    if len(words) == 5:  # of C's asctime: Sun Nov  6 08:49:37 1994
        _, month, day, time, year = words
    elif len(words) == 6 and words[5] == "GMT":
        _, day, month, year, time, _ = words
    else:
        raise ValueError
    month, rest = divmod(_MONTHS.find(month), 3)
    if rest:
        raise ValueError
    hour, minute, second = [int(part) for part in time.split(":")]
    short = len(year) == 2  # of RFC 850: Sunday, 06-Nov-94 08:49:37 GMT
    year = int(year)
    if short:
        year += 2000 if year < 70 else 1900
    return iso8601.unix_s(year, month + 1, int(day), hour, minute, second)


def until_ms(text, date, now_s=None):
    """Returns for how long a Retry-After asks to wait (section 10.2.3), an hour at most.

    Args:
        text: str, its value, seconds or a date; "" without one.
        date: str, the value of Date in the same reply, from which a date counts.
        now_s: int, Unix time for a reply that has none; None where it is not known.
    Returns:
        int, 0 where that is not said.
    """
    now_s = _number(unix_s, date, now_s)
    until_s = _number(unix_s, text, now_s)
    wait_s = _number(int, text, until_s - now_s if now_s is not None else 0)
    return max(0, min(wait_s, _LONGEST_S)) * 1000


def _number(read, text, default):
    try:
        return read(text)
    except ValueError:
        return default
