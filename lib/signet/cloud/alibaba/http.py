"""How does a device report to Alibaba Cloud IoT Platform over HTTPS, and renew its token?

`POST /auth` gives a token for seven days, `POST /topic/...` carries a report under it.  The status
is 200 either way; what counts is `code` in the answer's JSON.  The token outlives deep sleep and
power cuts in `state`.

Source: Alibaba "Establish connections over HTTP", with both tables of codes.
"""

import hashlib

from micropython import const

from signet import clock, modules
from signet.cloud import http, thing
from signet.cloud.alibaba import post
from signet.errors import ConfigError, ProtocolError, Refused, Rejected, Throttled
from signet.wire.http import quote

_TOKEN_LIFE_MS = const(604_800_000)  # seven days
_TRIES = const(4)  # of a report that the cloud cannot publish, or has an unknown code for
KEEPS_STATE = True

_PARAMETER = const(10001)
_CREDENTIALS = const(20000)
_NOT_NOW = (10000, 20004, 40000)  # unknown error, session not updated, too many requests
_JSON = (("Content-Type", "application/json"),)
_HINT = "; check device_secret, product_key, device_name, the clock; is the device enabled?"


class AlibabaHttpSession(http.HttpSession):
    """See cloud/http.py; ConfigError when this firmware lacks the hash of `sign_method`."""

    _renewable = (20001, 20002, 20003)  # the token has expired, is missing, is unknown

    def __init__(self, config, log, state):
        super().__init__(config, log)
        method = config["sign_method"][4:]
        if not hasattr(hashlib, method):
            raise ConfigError("sign_method", "this firmware has no " + method, "hmacsha256")
        self._state = state
        if self._state.values.get("crc") != config["crc"]:  # of another device.json
            self._save({"crc": config["crc"], "token": None, "issued": None})

    def _save(self, changes):
        self._state.keep(changes, self._log)

    def _begin(self, deadline):
        values = self._state.values
        issued = values.get("issued")
        late = issued and clock.is_set() and clock.unix_ms() > issued + _TOKEN_LIFE_MS
        if values.get("token") is None or late:
            self._renew(deadline)

    def _login(self, unix_ms):
        """Builds the body of `/auth`.  The code that signs is loaded for it, and forgotten."""
        return modules.call("signet.cloud.alibaba.auth", "request", self._config, unix_ms)

    def _renew(self, deadline=None):
        """Gets a token; before a handshake where there is none yet, which needs the heap too."""
        if self._state.values.get("token"):
            # Now: if memory runs out below, the next `open` logs in before it connects.
            self._save({"token": None})
        now_ms = clock.unix_ms() if clock.is_set() else None
        try:
            body = self._login(now_ms)
        except MemoryError:  # without the connection there is more
            self._client.close()
            body = self._login(now_ms)
        if deadline:
            self._client.open(deadline)
        reply = self._client.ask("/auth", _JSON, body, http.WANTED)
        try:
            code, text, info = _read(reply, "/auth")
        except Rejected as error:  # no report is to blame
            raise Refused(str(error), error.code)
        if code in (_PARAMETER, _CREDENTIALS):
            raise Refused(text + _HINT, code)
        if code:
            raise Throttled(text, http.retry_after_ms(reply))
        token = info.get("token")
        if not isinstance(token, str) or not token or quote(token) != token:
            raise ProtocolError("/auth gave no token that fits a header")
        self._save({"token": token, "issued": now_ms})
        self._log("authenticated")

    def _encode(self, report):
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
        token = self._state.values["token"]
        headers = (("password", token), ("Content-Type", "application/octet-stream"))
        return "/topic" + quote(topic), headers, body

    def _judge(self, reply):
        code, text, info = _read(reply, "/topic", self._is_plain)
        if not code:
            return str(info.get("messageId", ""))
        if code in self._renewable or code == _CREDENTIALS:
            raise Refused(text + _HINT, code)
        if code not in _NOT_NOW:
            self._report.tries += 1
            if code == _PARAMETER or self._report.tries >= _TRIES:
                raise Rejected(text, code)
        raise Throttled(text, http.retry_after_ms(reply))


def _read(reply, what, is_plain=True):
    """Returns code (int, 0 for success), text (str) and info (dict) of an answer."""
    http.check_status(reply, what, is_plain)
    body = thing.parse(what, reply.body)
    code = body.get("code")
    info = body.get("info") or body.get("Info") or {}  # the document writes it both ways
    if type(code) is not int or not isinstance(info, dict):
        raise ProtocolError("the answer to {} is not that of the document".format(what))
    text = "{}: code {} {}".format(what, code, body.get("message"))
    if code:
        text = modules.call("signet.printable", "printable", text)
    return code, text, info


def session(config, log, state):
    """Returns the Session; config: dict from config.load, log: function of a str, state: State."""
    return AlibabaHttpSession(config, log, state)
