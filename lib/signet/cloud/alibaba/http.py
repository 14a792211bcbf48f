"""How does a device report to Alibaba Cloud IoT Platform over HTTPS, and renew its token?

`POST /auth` gives a token for seven days, `POST /topic/...` carries a report under it.  The status
is 200 either way; what counts is `code` in the answer's JSON.  The token outlives deep sleep and
power cuts: see token.py.

Source: Alibaba "Establish connections over HTTP".
"""

from micropython import const

from signet.cloud import http_session
from signet.cloud.alibaba import post
from signet.cloud.alibaba.token import Token
from signet.errors import Lost, ProtocolError, Refused, Rejected
from signet.modules import call
from signet.wire.exact_json import parse
from signet.wire.http import quote

KEEPS_STATE = True

_JSON = const((("Content-Type", "application/json"),))
_LAPSED = const((20001, 20002, 20003))  # the token has expired, is missing, is unknown
_LARGEST_CODE = const(0x1FFFFFFFFFFFFF)
_CODES = const("signet.cloud.alibaba.http_codes")


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
        self._token = Token(config, log, state)
        self._prefix = "/sys/{}/{}/thing/".format(config["product_key"], config["device_name"])

    def due(self, report_waits):
        return report_waits and not self._token.find()

    def ask(self, report_waits):
        return "/auth", _JSON, self._token.request(), http_session.WANTED

    def heard(self, reply):
        try:
            self._token.take(_read(reply, "/auth"))
        except Rejected as error:  # no report is to blame
            raise Refused(str(error), error.code)
        self._token.keep({})

    def lapsed(self, code):
        if code not in _LAPSED:
            return False
        self._token.drop()
        return True

    def encode(self, report):
        topic, body = report.topic, report.body
        if topic is None:
            where = post.where(report)
            body = post.body(report, where, str(report.id))
            topic = self._prefix + where
        elif "?" in topic or topic[:1] != "/":
            raise Rejected("a topic begins with /, and over HTTPS has no query: " + topic)
        token = self._token.values["token"]
        headers = (("password", token), ("Content-Type", "application/octet-stream"))
        return "/topic" + quote(topic), headers, body

    def batch(self, handover, key):
        return call("signet.cloud.alibaba.batch", "make", self._prefix, handover, key)

    def judge(self, reply, report):
        value = _read(reply, "/topic", report).get("messageId")
        if type(value) is int and not value >> 64:
            value = str(value)
        return value if isinstance(value, str) and value.isdigit() and len(value) <= 20 else None


def _read(reply, what, report=None):
    """Returns the info (dict) of an answer; raises what another code than 0 means."""
    http_session.check_status(reply, what, report is None or http_session.is_plain(report))
    try:
        body = parse(what, reply.body)
    except ProtocolError:
        body = {}
    code = body.get("code")
    info = body.get("info") or body.get("Info") or {}  # the document writes it both ways
    good = type(code) is int and -_LARGEST_CODE <= code <= _LARGEST_CODE
    if not good or not isinstance(info, dict):  # of another server, perhaps: no report is to blame
        raise Lost("the answer to {} is not that of the document".format(what))
    if code:
        call(_CODES, "refuse", reply, what, code, body.get("message"), report)
    return info


def session(config, log, state):
    """Returns the Session; config: dict from config.load, log: function of a str, state: State."""
    return http_session.HttpSession(config, _Dialect(config, log, state))
