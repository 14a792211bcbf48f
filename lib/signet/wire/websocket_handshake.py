"""Which bytes ask for a WebSocket, does its peer grant it, and why does it close it?

RFC 6455, the client's side, whose section numbers stand beside what they rule; MQTT 3.1.1
section 6.  A file of its own: a board loads it when it asks, and forgets it.
"""

from binascii import b2a_base64
from hashlib import sha1

from micropython import const

from signet.errors import Lost, Refused, Throttled
from signet.wire.websocket import malformed

_GUID = const(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11")  # 1.3

# 7.4.1 and IANA's registry: what codes from 1000 mean; one without a meaning may not be sent.
_MEANINGS = const(
    "normal closure|going away|protocol error|unsupported data||||invalid data|policy violation"
    "|message too big|extension missing|internal error|service restart|try again later"
    "|bad gateway|"
)


def opening(host, nonce, path="/mqtt"):
    """Builds the opening request (4.1).

    Args:
        host: str for the Host header: a name, with ":port" unless that is 80, with TLS 443.
        nonce: bytes, 16 random ones.
        path: str, in ASCII and without blanks.
    Returns:
        (request bytes, accept bytes for `check_reply`).
    """
    key = b2a_base64(nonce)[:-1]
    request = (
        "GET {} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    ).format(path, host, key.decode())
    return request.encode(), b2a_base64(sha1(key + _GUID).digest())[:-1]


def check_reply(head, accept):
    """Checks the reply to the opening request (4.1).

    Args:
        head: bytes up to the empty line, which is included.
        accept: bytes from `opening`.
    Raises:
        Refused: a status from 400 to 499, in `code`.
        Throttled: status 429 or 503.
        Lost: another status.
        ProtocolError: the reply is not HTTP, or none to the request.
    """
    lines = head.split(b"\r\n")
    status = lines[0][9:13].rstrip()
    if lines[0][:7] != b"HTTP/1." or len(status) != 3 or not status.isdigit():
        raise malformed("the reply is not HTTP; is this a WebSocket port?")
    status = int(status)
    found = {}
    for line in lines[1:-2]:
        name, _, value = line.partition(b":")
        name = name.lower()
        value = value.strip()
        found[name] = found[name] + b"," + value if name in found else value
    if status != 101:
        text = "the server answers with HTTP status {}".format(status)
        if status in (429, 503):
            from signet.wire.http_date import until_ms

            when, now = [
                "".join([chr(byte) for byte in found.get(name, b"")])
                for name in (b"retry-after", b"date")
            ]
            raise Throttled(text, until_ms(when, now))
        text += "; check `host`, `port` and `websocket`"
        if 400 <= status < 500:
            raise Refused(text, status)
        raise Lost(text)  # a redirect, or a page, is another server's word
    for name, expected in (
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"sec-websocket-accept", accept),
        (b"sec-websocket-protocol", b"mqtt"),  # MQTT-6.0.0-4
        (b"sec-websocket-extensions", b""),  # nobody asked for one
    ):
        value = found.get(name, b"")
        if name[:1] != b"s":
            value = value.lower()
            if name == b"connection" and expected in value.replace(b" ", b"").split(b","):
                continue
        if value != expected:
            raise malformed("header " + name.decode())


def closing(payload):
    """Says what a close frame means (5.5.1).

    Args:
        payload: bytes-like.
    Returns:
        str; or None where nothing is wrong: code 1000, or no code.
    Raises:
        ProtocolError: a peer may not send that.
    """
    if not payload:
        return None
    code = int.from_bytes(payload[:2], "big")
    meaning = ""
    if 1000 <= code < 1016:
        meaning = _MEANINGS.split("|")[code - 1000]
    elif 3000 <= code < 5000:
        meaning = "a reason of its own"
    try:
        reason = str(payload[2:], "utf-8")
    except UnicodeError:
        meaning = ""
    if not meaning:
        raise malformed("close frame")
    return None if code == 1000 else "{} {} {}".format(code, meaning, reason).rstrip()
