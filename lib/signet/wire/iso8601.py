"""How is a time written for people, and for clouds that read it as people do (RFC 3339)?"""

_day = _date = None  # of the last time, as text: most are of the same day


def text(unix_ms):
    """Formats Unix milliseconds as RFC 3339 UTC text, for example 2026-11-20T07:00:00.250Z.

    For the years 1 to 9999: `time.gmtime` ends in 2038 where time_t has 32 bits.
    """
    global _day, _date
    day, ms = divmod(unix_ms, 86_400_000)
    if day != _day:
        _day, _date = day, _date_of(day)
    seconds = ms // 1000
    return "%sT%02d:%02d:%02d.%03dZ" % (
        _date,
        seconds // 3600,
        seconds // 60 % 60,
        seconds % 60,
        ms % 1000,
    )


def _date_of(days):
    days += 719_468  # since 0000-03-01, so that a leap day is the last of its year
    century = (4 * days + 3) // 146_097
    days += century - century // 4  # as if every fourth year had a leap day
    year = (4 * days + 3) // 1461
    days -= 1461 * year // 4
    month = (5 * days + 2) // 153
    days -= (153 * month + 2) // 5 - 1
    month += 3
    if month > 12:
        month -= 12
        year += 1
    return "%04d-%02d-%02d" % (year, month, days)


def unix_s(year, month, day, hour, minute, second):
    """Returns the Unix time in seconds of a date and time in UTC, for the years 1 and later.

    Raises:
        ValueError: one of them is out of its range.
    """
    if not (0 < month < 13 and 0 < day < 32 and hour < 24 and minute < 60 and second < 60):
        raise ValueError
    if month < 3:  # a leap day is the last of its year then
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day
    return ((days - 719_469) * 24 + hour) * 3600 + minute * 60 + second
