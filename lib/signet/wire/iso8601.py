"""How is a time written for people, and for clouds that read it as people do (RFC 3339)?"""


def text(unix_ms):
    """Formats Unix milliseconds as RFC 3339 UTC text, for example 2026-11-20T07:00:00.250Z.

    For the years 1 to 9999: `time.gmtime` ends in 2038 where time_t has 32 bits.
    """
    days, ms = divmod(unix_ms, 86_400_000)
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
    seconds = ms // 1000
    return "{:04d}-{:02d}-{:02d}T{:02d}:{:02d}:{:02d}.{:03d}Z".format(
        year, month, days, seconds // 3600, seconds // 60 % 60, seconds % 60, ms % 1000
    )
