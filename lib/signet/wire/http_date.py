"""Which Unix time does a date in an HTTP header stand for (RFC 9110 section 5.6.7)?

Loaded when one has come, and forgotten: see modules.call.
"""

_MONTHS = " Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec "


def unix_s(text):
    """Returns Unix seconds (int), of the two obsolete forms too; None for what is no date.

    text: str, such as "Sun, 06 Nov 1994 08:49:37 GMT".
    """
    words = text.replace(",", " ").replace("-", " ").split()
    try:
        if len(words) == 5:  # asctime: Sun Nov  6 08:49:37 1994
            _, name, day, time, year = words
        else:
            _, day, name, year, time, _ = words
        month = _MONTHS.index(" {} ".format(name)) // 4 + 1
        day, year = int(day), int(year) + (0 if len(year) > 2 else 1900 if year >= "70" else 2000)
        hour, minute, second = [int(part) for part in time.split(":")]
    except ValueError:
        return None
    if not (0 < day < 32 and hour < 24 and minute < 60 and second < 61 and year < 10_000):
        return None
    if month < 3:  # a leap day is the last of its year then
        year -= 1
        month += 12
    days = 365 * year + year // 4 - year // 100 + year // 400 + (153 * month - 457) // 5 + day
    return ((days - 719_469) * 24 + hour) * 3600 + minute * 60 + second
