"""Which bytes make an MQTT packet, and which that a broker sends are not allowed?

MQTT 3.1.1 (OASIS, 2014), whose section numbers stand beside what they rule.  QoS 1, and what
comes at QoS 0.
"""

from micropython import const

from signet.errors import ProtocolError
from signet.wire.exact_json import printable

PUBLISH = const(3)
PUBACK = const(4)
_SUBACK = const(9)
PINGRESP = const(13)

_QOS = const(6)  # mask over the two QoS bits of a PUBLISH
_QOS_1 = const(2)

_MAX_LENGTH = const(268_435_455)  # 2.2.3, remaining length
_MAX_SUBACK = const(66)

NO_CONNACK = "the answer to CONNECT is not a CONNACK; is this an MQTT port?"
# 3.2.2.3: what each return code of CONNACK means; 3 passes by itself, so it is Throttled.
RETURN_CODES = {
    1: "protocol version not accepted",
    2: "client id rejected",
    4: "bad user name or password",
    5: "not authorized",
}


def _field(data):
    """A length-prefixed field (1.5.3); the length counts bytes, not characters."""
    if len(data) > 65_535:
        raise ValueError("longer than 65535 bytes")
    return two_bytes(len(data)) + data


def two_bytes(number):
    """Returns an integer of 0 to 65535, most significant byte first (1.5.2)."""
    return bytes((number >> 8, number & 255))


def fixed_header(first_byte, length):
    """Returns packet type, flags and remaining length (2.2); ValueError above 268435455 bytes."""
    if length > _MAX_LENGTH:
        raise ValueError("packet longer than MQTT allows")
    header = bytearray((first_byte,))
    while True:
        header.append(length & 127 | (128 if length > 127 else 0))
        length >>= 7
        if not length:
            return header


def _packet(first_byte, *parts):
    return b"".join((fixed_header(first_byte, sum(len(part) for part in parts)),) + parts)


def connect(login, keepalive_s, clean_session):
    """Builds CONNECT (3.1).

    Args:
        login: (client id, user, password), each str; the last two may be None.
        keepalive_s: int, 0 to 65535.
        clean_session: bool.
    """
    flags = 2 if clean_session else 0
    fields = []
    for flag, text in zip((0, 128, 64), login):
        if text is not None:
            flags |= flag
            fields.append(_field(text.encode()))
    return _packet(0x10, b"\0\4MQTT\4", bytes((flags,)), two_bytes(keepalive_s), *fields)


def publish(topic, message, packet_id, again):
    """Builds PUBLISH (3.3) at QoS 1.

    Args:
        topic, message: bytes.
        packet_id: int, 1 to 65535.
        again: bool, it may have come already.
    Raises:
        ValueError: the topic is empty, too long, or holds what it must not (1.5.3, 4.7).
    """
    text = topic.decode()
    if not text or "+" in text or "#" in text or printable(text) != text:
        raise ValueError("the topic is empty, or holds + # or what MQTT does not allow (1.5.3)")
    first_byte = 0x3A if again else 0x32
    return _packet(first_byte, _field(topic), two_bytes(packet_id), message)


def subscribe(packet_id, topics):
    """Builds SUBSCRIBE (3.8) at QoS 1; topics: list of str."""
    parts = [two_bytes(packet_id)]
    for topic in topics:
        parts += (_field(topic.encode()), b"\1")
    return _packet(0x82, *parts)


def malformed(what):
    """Returns the ProtocolError that says what a broker did."""
    return ProtocolError("the broker broke MQTT: " + what)


def check_header(first_byte, length):
    """Checks type, flags (2.2.2) and length of what a server sends after CONNACK.

    Raises:
        ProtocolError: a server may not send that to a client that asks for QoS 0 and 1.
    """
    kind, flags = first_byte >> 4, first_byte & 15
    if kind == PUBLISH:
        if flags & _QOS > _QOS_1:
            raise malformed("PUBLISH above the QoS that was asked for")
    elif kind not in (PUBACK, _SUBACK, PINGRESP) or flags:
        raise malformed("packet type {} flags {}".format(kind, flags))
    else:
        least, most = 3, _MAX_SUBACK
        if kind != _SUBACK:
            least = most = 2 if kind == PUBACK else 0  # 3.4, 3.13
        if not least <= length <= most:
            raise malformed("packet type {} of {} bytes".format(kind, length))


def check_connack(first_byte, length):
    """Checks type, flags and length of a server's first packet (3.2)."""
    if first_byte != 0x20 or length != 2:
        raise ProtocolError(NO_CONNACK)


def check_publish(first_byte, body):
    """Raises ProtocolError unless topic and packet id of a PUBLISH lie inside its body (3.3.2)."""
    topic_size = (body[0] << 8 | body[1]) if len(body) > 1 else 0
    id_size = 2 if first_byte & _QOS else 0
    if not 0 < topic_size <= len(body) - 2 - id_size:
        raise malformed("PUBLISH whose topic does not fit into it")
