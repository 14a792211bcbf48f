"""What does a cloud say to a device over HTTP?  RFC 9112, and the clouds' documents."""

from mutate import mutated
from talk_mqtt import damaged

_STATUS = (
    b"200 OK",
    b"200 OK",
    b"200 OK",
    b"200 OK",
    b"204 No Content",
    b"400 Bad Request",
    b"401 Unauthorized",
    b"403 Forbidden",
    b"404 Not Found",
    b"413 Content Too Large",
    b"429 Too Many Requests",
    b"500 Internal Server Error",
    b"503 Service Unavailable",
    b"302 Found",
)
_HEADERS = (
    b"Retry-After: 5\r\n",
    b"Retry-After: 99999999999999999999\r\n",
    b"Retry-After: -1\r\n",
    b"Retry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    b"Content-Type: text/html\r\n",
    b"Connection: close\r\n",
    b"",
    b"",
)
_ABOUT_COMMAND = (
    b"Content-Type: application/json\r\nX-commandId: set\r\n",
    b"Content-Type: application/octet-stream\r\nX-commandId: raw\r\n",
    b"Content-Type: application/json\r\nX-commandId: set\r\n",
    b"Content-Type: text/plain\r\nX-commandId: set\r\nX-deviceType: m\r\nX-deviceId: m-1\r\n",
    b"X-commandId: \r\n",
    b"X-commandId: +\r\n",
    b"X-commandId: \xff\xfe\r\n",
    b"",
)
_TOKEN = b'{"code":0,"message":"success","info":{"token":"6944e5bfb92e4d4ea3918d1eda39"}}'
_STORED = b'{"code":0,"message":"success","info":{"messageId":892687627916247040}}'
_COMMAND = b'{"led":1}'
_BODIES = (
    _TOKEN,
    _STORED,
    b'{"code":0,"message":"success","Info":{"messageId":"7"}}',
    b'{"code":10000,"message":"common error"}',
    b'{"code":10001,"message":"param error"}',
    b'{"code":20000,"message":"auth check error"}',
    b'{"code":20001,"message":"token is expired"}',
    b'{"code":20002,"message":"token is null"}',
    b'{"code":30001,"message":"publish message error"}',
    b'{"code":40000,"message":"request too many"}',
    b'{"code":"0","info":[]}',
    b'{"code":0,"info":{"token":""}}',
    b'{"code":0,"info":{"token":7,"messageId":null}}',
    _COMMAND,
    b"<html>log in</html>",
    b"",
)


def _reply(status, headers, body):
    length = b"Content-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 " + status + b"\r\n" + headers + length + b"\r\n" + body


class Http:
    """A server.

    Args:
        random: mutate.Random. identity: dict, of device.json.
    """

    def __init__(self, random, identity):
        self.random = random
        self.role = identity.get("role", "device")
        self.begin()

    def begin(self):
        """A new connection."""
        self._heard = self._path = b""
        self._answers = []

    def sent(self, data):
        """Takes what the device has written."""
        self._heard += data
        while True:
            end = self._heard.find(b"\r\n\r\n") + 4
            if end < 4:
                return
            head = self._heard[:end]
            at = head.lower().find(b"content-length: ") + 16
            length = int(head[at : head.find(b"\r", at)]) if at > 15 else 0
            if len(self._heard) < end + length:
                return
            self._heard = self._heard[end + length :]
            self._path = head.split(b" ")[1]
            self._answers.append(self._polite())

    def _polite(self):
        if self._path == b"/auth":
            return _reply(b"200 OK", b"", _TOKEN)
        if self._path.endswith(b"/request"):
            return _reply(b"204 No Content", b"", b"")
        return _reply(b"200 OK", b"", b"" if self._path[:5] == b"/api/" else _STORED)

    def answer(self):
        """Returns what the device waits for, or None."""
        return self._answers.pop(0) if self._answers else None

    def message(self):
        """Returns (kind, a reply, whose content may be damaged)."""
        random = self.random
        if self._answers and not random.below(4):
            return "answer", self._answers.pop(0)
        self._answers.clear()
        body = random.pick(_BODIES)
        kind = "reply"
        if random.below(2):
            kind = "damaged content"
            body = damaged(random, body, random.pick(_BODIES))
        status, headers = random.pick(_STATUS), random.pick(_HEADERS)
        if self._path.endswith(b"/request") and random.below(512):
            status, headers = b"200 OK", random.pick(_ABOUT_COMMAND)
        if not random.below(8) and headers:
            kind = "damaged header"
            headers = mutated(
                random, bytearray(headers), bytearray(random.pick(_ABOUT_COMMAND)), 8, 900
            )
        return kind, _reply(status, headers, body)

    def report(self):
        """Returns a messages.Report."""
        from signet.reports.messages import Report

        random = self.random
        device = ("m", "m-1") if self.role == "gateway" and random.below(2) else None
        event = "hot" if not random.below(4) else None
        return Report({"temperature": random.below(100)}, None, None, event, device)
