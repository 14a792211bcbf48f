"""When is a date of HTTP?  RFC 9110 section 5.6.7, in its three forms."""

from signet.wire import iso8601

_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"


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
