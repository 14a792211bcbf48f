"""What does an HTTP status other than 2xx mean for a report, or for the board?

Loaded when such a reply has come, and forgotten: see modules.call.

Source: RFC 9110 section 15.
"""

from micropython import const

from signet import clock
from signet.errors import Lost, Refused, Rejected, Throttled
from signet.wire import http_date

_REPORT_IS_BAD = const((400, 413, 414, 415, 422))
_BUSY = const((408, 425, 429))
_MEANINGS = {
    400: "the body is not what the cloud takes",
    401: "the cloud misses the credentials",
    403: "the cloud refuses the credentials",
    404: "no such path",
    405: "no such method",
    413: "too large",
    415: "the content type is not supported",
    429: "too many requests",
    503: "the cloud is busy",
}


def retry_after_ms(reply):
    """Returns what the Retry-After header asks for (int), 0 without one."""
    headers = reply.headers
    now_s = clock.unix_ms() // 1000 if clock.is_set() else None
    return http_date.until_ms(headers.get("retry-after", ""), headers.get("date", ""), now_s)


def refuse(reply, what, is_plain, hint):
    """Raises what the status means; arguments and errors: see http_session.check_status."""
    status = reply.status
    text = "{}: HTTP status {} {}".format(what, status, _MEANINGS.get(status, "")).strip()
    if status >= 500 or status in _BUSY:
        raise Throttled(text, retry_after_ms(reply))
    if status in (401, 403):
        raise Refused(text + hint, status)
    if status in _REPORT_IS_BAD or (status == 404 and not is_plain):
        raise Rejected(text, status)
    text += "; does another server answer? check `host` and `address`"
    if status < 400:  # a redirect is no word of the cloud's
        raise Lost(text)
    raise Refused(text, status)
