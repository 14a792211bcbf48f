"""Which bytes ask for a WebSocket, and why does its peer close it?

RFC 6455, the client's side, whose section numbers stand beside what they rule; MQTT 3.1.1
section 6.  A file of its own: a board loads it when it asks, and forgets it.
"""

from binascii import b2a_base64
from hashlib import sha1

from signet.wire.websocket import malformed

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # 1.3


# 7.4.1 and IANA's registry: what codes from 1000 mean; one without a meaning may not be sent.
_MEANINGS = (
    "normal closure|going away|protocol error|unsupported data||||invalid data|policy violation"
    "|message too big|extension missing|internal error|service restart|try again later"
    "|bad gateway|"
)


def opening(host, nonce):
    """Builds the opening request (4.1).

    Args:
        host: str for the Host header: a name, with ":port" unless that is 80, with TLS 443.
        nonce: bytes, 16 random ones.
    Returns:
        (request bytes, accept bytes for websocket.check_reply).
    """
    key = b2a_base64(nonce)[:-1]
    request = (
        "GET /mqtt HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: {}\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
    ).format(host, key.decode())
    return request.encode(), b2a_base64(sha1(key + _GUID).digest())[:-1]


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
