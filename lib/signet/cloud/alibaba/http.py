"""How does a device report to Alibaba Cloud IoT Platform over HTTPS, and renew its token?

`POST /auth` gives a token for seven days, `POST /topic/...` carries a report under it.  The status
is 200 either way; what counts is `code` in the answer's JSON.  The token outlives deep sleep and
power cuts: see token.py.

Source: Alibaba "Establish connections over HTTP", with both tables of codes.
"""

from micropython import const

from signet.cloud import http_session, thing
from signet.cloud.alibaba import post
from signet.cloud.alibaba.token import Token
from signet.errors import ProtocolError, Refused, Rejected, Throttled
from signet.modules import call
from signet.wire.http import quote

_TRIES = const(4)  # of a report that the cloud cannot publish, or has an unknown code for
KEEPS_STATE = True

_PARAMETER = const(10001)
_CREDENTIALS = const(20000)
_NOT_NOW = (10000, 20004, 40000)  # unknown error, session not updated, too many requests
_JSON = (("Content-Type", "application/json"),)
_HINT = "; check device_secret, product_key, device_name, the clock; is the device enabled?"


_LAPSED = (20001, 20002, 20003)  # the token has expired, is missing, is unknown
_LARGEST_CODE = const(0x1FFFFFFFFFFFFF)


class _Dialect:
    """See cloud/http_session.py.

    Args:
        config: dict from config.load.
        log: function of one str.
        state: device.state.State, where the token is kept.
    """

    next_ask = sink = None
    logs_in = True

    def __init__(self, config, log, state):
        self._config = config
        self._token = Token(config, log, state)

    def due(self, report_waits):
        return report_waits and not self._token.find()

    def ask(self, report_waits):
        return "/auth", _JSON, self._token.request(), http_session.WANTED

    def heard(self, reply):
        try:
            code, text, info = _read(reply, "/auth")
        except Rejected as error:  # no report is to blame
            raise Refused(str(error), error.code)
        if code in (_PARAMETER, _CREDENTIALS):
            raise Refused(text + _HINT, code)
        if code:
            raise Throttled(text, http_session.retry_after_ms(reply))
        self._token.take(info)
        self._token.keep({})

    def lapsed(self, code):
        if code not in _LAPSED:
            return False
        self._token.drop()
        return True

    def encode(self, report):
        topic, body = report.topic, report.values
        if topic is None:
            where = post.where(report)
            body = post.body(report, where, report.id)
            config = self._config
            topic = "/sys/{}/{}/thing/{}".format(
                config["product_key"], config["device_name"], where
            )
        elif "?" in topic or topic[:1] != "/":
            raise Rejected("a topic begins with /, and over HTTPS has no query: " + topic)
        token = self._token.values["token"]
        headers = (("password", token), ("Content-Type", "application/octet-stream"))
        return "/topic" + quote(topic), headers, body

    def judge(self, reply, report):
        code, text, info = _read(reply, "/topic", http_session.is_plain(report))
        if not code:
            return _message_id(info)
        if code in _LAPSED or code == _CREDENTIALS:
            raise Refused(text + _HINT, code)
        if code not in _NOT_NOW:
            report.tries += 1
            if code == _PARAMETER or report.tries >= _TRIES:
                raise Rejected(text, code)
        raise Throttled(text, http_session.retry_after_ms(reply))


def _message_id(info):
    value = info.get("messageId")
    if type(value) is int and not value >> 64:
        value = str(value)
    return value if isinstance(value, str) and value.isdigit() and len(value) <= 20 else None


def _read(reply, what, is_plain=True):
    """Returns code (int, 0 for success), text (str) and info (dict) of an answer."""
    http_session.check_status(reply, what, is_plain)
    body = thing.parse(what, reply.body)
    code = body.get("code")
    info = body.get("info") or body.get("Info") or {}  # the document writes it both ways
    good = type(code) is int and -_LARGEST_CODE <= code <= _LARGEST_CODE
    if not good or not isinstance(info, dict):
        raise ProtocolError("the answer to {} is not that of the document".format(what))
    text = "{}: code {} {}".format(what, code, body.get("message"))
    if code:
        text = call("signet.printable", "printable", text)
    return code, text, info


def session(config, log, state):
    """Returns the Session; config: dict from config.load, log: function of a str, state: State."""
    return http_session.HttpSession(config, _Dialect(config, log, state))
