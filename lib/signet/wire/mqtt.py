"""Which bytes make an MQTT packet, and which that a broker sends are not allowed?

MQTT 3.1.1 (OASIS, 2014), whose section numbers stand beside what they rule.  QoS 0 and 1.
"""

from micropython import const

from signet.errors import ProtocolError

PUBLISH = const(3)
PUBACK = const(4)
SUBACK = const(9)

_QOS = const(6)  # mask over the two QoS bits of a PUBLISH
_QOS_1 = const(2)

_FLAGS = const((0, 128, 64))  # of what CONNECT carries, in order
_FLAGS_WITH_WILL = const((0, 0x2C, 0, 128, 64))
_MAX_LENGTH = const(268_435_455)  # 2.2.3, remaining length
_MAX_SUBACK = const(66)

NO_CONNACK = "the answer to CONNECT is not a CONNACK; is this an MQTT port?"


def field(data):
    """Returns a length-prefixed field (1.5.3) of bytes; ValueError above 65535."""
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
    while length > 127:
        header.append(length & 127 | 128)
        length >>= 7
    header.append(length)
    return header


def _packet(first_byte, *parts):
    return b"".join((fixed_header(first_byte, sum(len(part) for part in parts)),) + parts)


def connect(login, keepalive_s, clean_session):
    """Builds CONNECT (3.1).

    Args:
        login: (client id, user, password), or (client id, topic of the will, its message, user,
            password), each str; the last two may be None. A will (3.1.2.5) is retained, QoS 1.
        keepalive_s: int, 0 to 65535.
        clean_session: bool.
    """
    flags = 2 if clean_session else 0
    fields = []
    for flag, text in zip(_FLAGS if len(login) == 3 else _FLAGS_WITH_WILL, login):
        if text is not None:
            flags |= flag
            fields.append(field(text.encode()))
    return _packet(0x10, b"\0\4MQTT\4", bytes((flags,)), two_bytes(keepalive_s), *fields)


def publish(first_byte, topic, packet_id, message):
    """Builds PUBLISH (3.3).

    Args:
        first_byte: int, type and flags.
        topic: bytes, a field. message: bytes.
        packet_id: bytes, two of them, none at QoS 0.
    Raises:
        ValueError: it is too long.
    """
    header = fixed_header(first_byte, len(topic) + len(packet_id) + len(message))
    return b"".join((header, topic, packet_id, message))


def subscribe(packet_id, topics):
    """Builds SUBSCRIBE (3.8) at QoS 1; topics: list of str."""
    parts = [two_bytes(packet_id)]
    for topic in topics:
        parts += (field(topic.encode()), b"\1")
    return _packet(0x82, *parts)


def malformed(what):
    """Returns the ProtocolError that says what a broker did."""
    return ProtocolError("the broker broke MQTT: " + what)


def check_header(first_byte, length, is_open):
    """Checks type, flags (2.2.2) and length of what a server sends.

    Args:
        first_byte, length: int.
        is_open: bool, it has sent CONNACK (3.2), which comes first, and once.
    Raises:
        ProtocolError: a server may not send that to a client that asks for QoS 0 and 1.
    """
    kind, flags = first_byte >> 4, first_byte & 15
    if not is_open:
        if first_byte != 0x20 or length != 2:
            raise ProtocolError(NO_CONNACK)
        return
    if kind == PUBLISH:
        good = flags & _QOS <= _QOS_1
    elif kind == PUBACK:
        good = length == 2 and not flags  # 3.4
    elif kind == SUBACK:
        good = 3 <= length <= _MAX_SUBACK and not flags
    else:
        good = first_byte == 0xD0 and not length  # PINGRESP, 3.13
    if not good:
        raise malformed("packet type {} flags {} of {} bytes".format(kind, flags, length))


def message(first_byte, body):
    """Takes a PUBLISH apart (3.3.2).

    Args:
        first_byte: int. body: bytearray, its beginning at least.
    Returns:
        (topic bytes, payload bytes, PUBACK to be sent, or None at QoS 0)
    Raises:
        ProtocolError: topic and packet id do not lie inside its body.
    """
    size = (body[0] << 8 | body[1]) if len(body) > 1 else 0
    at = end = 2 + size
    puback = None
    if first_byte & _QOS:
        end += 2
        puback = b"\x40\2" + body[at:end]
    if not size or end > len(body):
        raise malformed("PUBLISH whose topic does not fit into it")
    return bytes(body[2:at]), bytes(body[end:]), puback
