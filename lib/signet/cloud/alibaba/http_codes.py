"""What do the codes of Alibaba's answers over HTTPS mean for a report, or for the board?

Loaded when one other than 0 has come, and forgotten: see modules.call.

Source: Alibaba "Establish connections over HTTP", both tables of codes.
"""

from micropython import const

from signet.cloud.http_status import retry_after_ms
from signet.errors import Refused, Rejected, Throttled
from signet.wire.exact_json import printable

_LONGEST = const(256)  # characters of what the cloud says
_PARAMETER = const(10001)
# Of the device; its token has expired, is missing, is unknown.
_CREDENTIALS = const((20000, 20001, 20002, 20003))
_NOT_NOW = const((10000, 20004, 40000))  # unknown error, session not updated, too many requests
_HINT = const("; check device_secret, product_key, device_name, the clock; is the device enabled?")


def refuse(reply, what, code, message, report):
    """Raises what the code means.

    Args:
        reply: wire.http.Reply.
        what: str, which request, for the error.
        code: int. message: what the cloud says beside it.
        report: messages.Report; None for a login.
    Raises:
        Rejected: the report can never be taken.
        Refused: the identity, or its token.
        Throttled: not now; with the code where it may be the report's fault.
    """
    text = printable("{}: code {} {}".format(what, code, message), _LONGEST)
    if code in ((_PARAMETER, _CREDENTIALS[0]) if report is None else _CREDENTIALS):
        raise Refused(text + _HINT, code)
    if report is None or code in _NOT_NOW:
        raise Throttled(text, retry_after_ms(reply))
    if code == _PARAMETER:
        raise Rejected(text, code)
    raise Throttled(text, 0, code)
