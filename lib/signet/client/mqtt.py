"""How does umqtt.simple become safe to leave alone in a field for a year?

A subclass of `umqtt.simple.MQTTClient`, the one frozen in ESP32 images (1.4 to 1.8) or 1.3.4.
umqtt still holds the will and takes incoming messages apart, acknowledging them; but it only ever
sees a packet that is complete, bounded and well formed.  Added here, section numbers from
MQTT 3.1.1 (OASIS, 2014): every wait bounded, return codes as errors (3.2.2.3), keepalive and dead
links (3.1.2.10), packet ids (2.3.1), a window of unacknowledged publishes (4.4), resubscription.

Not here: QoS 2, MQTT 5.
"""

from micropython import const

from signet import clock
from signet.errors import ConfigError, Lost, ProtocolError, Refused, Throttled, TimedOut

try:
    from umqtt import simple
except ImportError:
    raise ConfigError(
        "way", "mqtt needs umqtt.simple on the board", "mpremote mip install umqtt.simple"
    )

_PUBLISH = const(3)
_PUBACK = const(4)
_SUBACK = const(9)
_PINGRESP = const(13)
_RETAIN = const(1)
_QOS = const(6)  # mask over the two QoS bits of a PUBLISH
_QOS_1 = const(2)
_DUP = const(8)
_SMALL = const(256)  # bytes that a board can always find for one packet
_MAX_WAITING = const(16)  # messages that may come before a SUBACK
_MAX_LENGTH = const(268_435_455)  # 2.2.3, remaining length

# 3.2.2.3: what each return code of CONNACK means; 3 passes by itself, so it is Throttled.
_RETURN_CODES = {
    1: "protocol version not accepted",
    2: "client id rejected",
    4: "bad user name or password",
    5: "not authorized",
}
# Length that each packet from a server must have (3.4, 3.13); the others vary.
_FIXED_LENGTH = {_PUBACK: 2, _PINGRESP: 0}


def _to_bytes(text):
    return text.encode() if isinstance(text, str) else bytes(text)


def _field(data):
    """A length-prefixed field (1.5.3); the length counts bytes, not characters."""
    if len(data) > 65_535:
        raise ValueError("longer than 65535 bytes")
    return bytes((len(data) >> 8, len(data) & 255)) + data


def _fixed_header(first_byte, length):
    """Packet type, flags and remaining length (2.2)."""
    if length > _MAX_LENGTH:
        raise ValueError("packet longer than MQTT allows")
    header = bytearray((first_byte,))
    while True:
        header.append(length & 127 | (128 if length > 127 else 0))
        length >>= 7
        if not length:
            return header


def _packet(first_byte, *parts):
    """Joins the parts of a packet behind its fixed header."""
    return b"".join((_fixed_header(first_byte, sum(len(part) for part in parts)),) + parts)


class _WholePacket:
    """Shows umqtt one complete packet as if it were its socket; copies nothing."""

    def __init__(self, stream, first_byte, body):
        self.write = stream.write
        self._header = bytes(_fixed_header(first_byte, len(body)))
        self._body = body
        self._at = 0

    def read(self, size):
        if self._header:  # umqtt reads it byte by byte
            byte, self._header = self._header[:1], self._header[1:]
            return byte
        self._at += size
        return self._body[self._at - size : self._at]

    def setblocking(self, flag):
        pass


class MQTTClient(simple.MQTTClient):
    """One MQTT 3.1.1 connection at a time, over a stream that the caller opens.

    Args:
        client_id: str or bytes.
        user, password: str, bytes or None.
        keepalive_s: int, 1 to 65535; pings are sent and answers to them demanded.
        clean_session: bool; False lets the broker keep subscriptions and queued messages.
        window: int, how many QoS 1 publishes may await their acknowledgement.
        max_packet_bytes: int, larger incoming messages are dropped.
        timeout_ms: int, how long an answer (CONNACK, SUBACK, PUBACK, PINGRESP) may take.
    """

    def __init__(
        self,
        client_id,
        user=None,
        password=None,
        keepalive_s=60,
        clean_session=True,
        window=8,
        max_packet_bytes=4096,
        timeout_ms=10_000,
    ):
        super().__init__(
            _to_bytes(client_id),
            "",
            1,
            user=None if user is None else _to_bytes(user),
            password=None if password is None else _to_bytes(password),
            keepalive=keepalive_s,
        )
        self.clean_session = clean_session
        self.window = window
        self._max_packet_bytes = max_packet_bytes
        self._timeout_ms = timeout_ms
        self._unacked = []  # (packet id, packet, ticks when sent), oldest first
        self._subscriptions = []  # (topic, qos)
        self._suback = None
        self._message = None
        self._restart_reader()
        self.set_callback(self._keep_message)

    # Connecting

    def set_login(self, client_id, user, password):
        """Changes who logs in with the next `connect`; arguments as in the constructor."""
        self.client_id = _to_bytes(client_id)
        self.user = None if user is None else _to_bytes(user)
        self.pswd = None if password is None else _to_bytes(password)

    def connect(self, stream):
        """Logs in, subscribes again and sends again what was not acknowledged.

        Args:
            stream: net.stream.Stream, open; it belongs to the client from now on.
        Returns:
            bool, True when the broker remembered this client's session.
        Raises:
            Refused: return codes 1, 2, 4, 5 (in `code`), or a subscription refused.
            Throttled: return code 3.
            Lost: no answer, or the connection was closed instead of an answer.
            ProtocolError: the answer is not a CONNACK.
        """
        self.close()
        self.sock = stream
        self._restart_reader()
        try:
            stream.set_deadline(clock.Deadline(self._timeout_ms))
            stream.write(self._connect_packet())
            session_present = self._read_connack(stream)
            stream.set_deadline(None)
            now = clock.ticks_ms()
            self._sent_at = self._heard_at = now
            self._pinged_at = None
            self._unacked = [(packet_id, packet, now) for packet_id, packet, _ in self._unacked]
            if self._subscriptions:
                self._subscribe(self._subscriptions)
            for _, packet, _ in self._unacked:
                self._write(bytes((packet[0] | _DUP,)))
                self._write(memoryview(packet)[1:])
        except Exception:
            self.close()
            raise
        return session_present

    def _connect_packet(self):
        flags = 2 if self.clean_session else 0
        fields = [_field(self.client_id)]
        if self.lw_topic:
            flags |= 4 | self.lw_qos << 3 | (32 if self.lw_retain else 0)
            fields += (_field(self.lw_topic), _field(self.lw_msg))
        if self.user is not None:
            flags |= 128
            fields.append(_field(self.user))
            if self.pswd is not None:
                flags |= 64
                fields.append(_field(self.pswd))
        keepalive = bytes((self.keepalive >> 8, self.keepalive & 255))
        return _packet(0x10, b"\0\4MQTT\4", bytes((flags,)), keepalive, *fields)

    def _read_connack(self, stream):
        try:
            answer = stream.read(4)
        except TimedOut:
            raise Lost("the broker does not answer CONNECT")
        except Lost as error:
            raise Lost(
                "the broker closed the connection instead of answering CONNECT: " + str(error)
            )
        if answer[:2] != b"\x20\2" or answer[2] > 1:
            raise ProtocolError("the answer to CONNECT is not a CONNACK; is this an MQTT port?")
        code = answer[3]
        if code in _RETURN_CODES:
            raise Refused("CONNACK {}: {}".format(code, _RETURN_CODES[code]), code)
        if code == 3:
            raise Throttled("CONNACK 3: server unavailable")
        if code:
            raise ProtocolError("CONNACK {}: no such return code".format(code))
        return bool(answer[2])

    def set_last_will(self, topic, msg, retain=False, qos=0):
        """Sets the message that the broker publishes when this client vanishes (3.1.2.5).

        Args:
            topic: str or bytes, not empty.
            msg: str or bytes.
            retain: bool.
            qos: int, 0 or 1.
        """
        super().set_last_will(_to_bytes(topic), _to_bytes(msg), retain, qos)

    def disconnect(self):
        """Says goodbye, so that no will is published, and closes."""
        if self.sock is not None:
            try:
                self.sock.write(b"\xe0\0")
            except Lost:
                pass
            self.close()

    def close(self):
        """Closes without goodbye. What was not acknowledged is kept for the next `connect`."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    # Sending

    def publish(self, topic, msg, retain=False, qos=0):
        """Sends one message and does not wait for its acknowledgement.

        Args:
            topic: str or bytes, 1 to 65535 bytes, without + # and NUL.
            msg: str or bytes.
            retain: bool.
            qos: int, 0 or 1.
        Returns:
            int, the packet id that `poll` will name in ("acked", id); None for QoS 0.
        Raises:
            Throttled: `window` messages await their acknowledgement already.
            Lost: the connection failed; the message was not taken. One that was taken is kept
                until its acknowledgement, and sent again on `connect`.
            ValueError: the topic or the qos is not allowed.
        """
        topic = _to_bytes(topic)
        if not topic or b"+" in topic or b"#" in topic or b"\0" in topic:
            raise ValueError("a topic to publish to must not be empty or hold + # NUL")
        if qos not in (0, 1):
            raise ValueError("qos must be 0 or 1")
        first_byte = 0x30 | (_RETAIN if retain else 0)
        if qos == 0:
            self._write(_packet(first_byte, _field(topic), _to_bytes(msg)))
            return None
        if len(self._unacked) >= self.window:
            raise Throttled("{} messages await their acknowledgement".format(self.window))
        packet_id = self._new_packet_id()
        wire_id = bytes((packet_id >> 8, packet_id & 255))
        packet = _packet(first_byte | _QOS_1, _field(topic), wire_id, _to_bytes(msg))
        self._write(packet)
        self._unacked.append((packet_id, packet, self._sent_at))
        return packet_id

    def forget(self, packet_id):
        """Stops waiting for the acknowledgement of one message, and never sends it again."""
        self._unacked = [entry for entry in self._unacked if entry[0] != packet_id]

    def unacked(self):
        """Returns how many QoS 1 messages await their acknowledgement."""
        return len(self._unacked)

    def subscribe(self, topic, qos=0):
        """Subscribes now and after every further `connect`.

        Args:
            topic: str or bytes, or a list of (topic, qos).
            qos: int, 0 or 1.
        Raises:
            Refused: the broker refuses a topic; names it.
            Lost: no answer in time.
        """
        wanted = topic if isinstance(topic, list) else [(topic, qos)]
        wanted = [(_to_bytes(name), level) for name, level in wanted]
        names = [name for name, _ in wanted]
        self._subscriptions = [s for s in self._subscriptions if s[0] not in names] + wanted
        if self.sock is not None:
            self._subscribe(wanted)

    def _subscribe(self, wanted):
        packet_id = self._new_packet_id()
        parts = [bytes((packet_id >> 8, packet_id & 255))]
        for name, level in wanted:
            parts += (_field(name), bytes((level,)))
        self._suback = None
        self._write(_packet(0x82, *parts))
        deadline = clock.Deadline(self._timeout_ms)
        waiting = []  # messages that come before the SUBACK (3.8.4) are handed out by `poll`
        while self._suback is None or self._suback[:2] != parts[0]:
            event = self._next_event(deadline)
            if event is not None:
                waiting.append(event)
            elif deadline.expired():
                self.close()
                raise Lost("the broker does not answer SUBSCRIBE")
            if len(waiting) > _MAX_WAITING:
                self.close()
                raise ProtocolError("messages without end, but no SUBACK")
        self._waiting += waiting
        codes = self._suback[2:]
        if len(codes) != len(wanted):
            self.close()
            raise self._malformed("SUBACK of {} codes".format(len(codes)))
        for (name, _), code in zip(wanted, codes):
            if code == 0x80:
                raise Refused("subscription to {} refused".format(name.decode()), 0x80)

    def ping(self):
        """Asks the broker for a sign of life; `poll` does so by itself."""
        self._write(b"\xc0\0")

    def _new_packet_id(self):
        taken = [entry[0] for entry in self._unacked]
        while True:
            self.pid = self.pid % 65_535 + 1  # 2.3.1: never 0
            if self.pid not in taken:
                return self.pid

    def _write(self, packet):
        if self.sock is None:
            raise Lost("not connected")
        try:
            self.sock.write(packet)
        except Lost:
            self.close()
            raise
        self._sent_at = clock.ticks_ms()

    # Receiving

    def poll(self, timeout_ms=0):
        """Handles what has come and keeps the connection alive.

        Args:
            timeout_ms: int, how long to wait for an event, 0 to only look.
        Returns:
            ("message", topic bytes, payload bytes, retained bool), ("acked", packet id),
            ("dropped", text) for a message larger than `max_packet_bytes`, or None.
        Raises:
            Lost: the connection failed, or the broker stopped answering.
            ProtocolError: the broker sent what MQTT does not allow; the connection is closed.
        """
        if self._waiting:
            return self._waiting.pop(0)
        return self._next_event(clock.Deadline(timeout_ms))

    def check_msg(self):
        """umqtt's name for `poll(0)`."""
        return self.poll(0)

    def _next_event(self, deadline):
        if self.sock is None:
            raise Lost("not connected")
        try:
            while True:
                packet = self._read_packet()
                if packet is not None:
                    event = self._handle(packet)
                    if event is not None:
                        return event
                    if self._suback is not None and self._suback is packet:
                        return None
                    continue
                due_ms = self._keep_alive()
                left_ms = deadline.remaining_ms()
                if not left_ms:
                    return None
                self.sock.wait(clock.Deadline(min(left_ms, due_ms)))
        except (Lost, ProtocolError):
            self.close()
            raise
        except MemoryError:
            self.close()
            raise Lost("no memory for what the broker sends")

    def _restart_reader(self):
        self._header = bytearray()
        self._length = None
        self._packet_deadline = None
        self._waiting = []

    def _read_packet(self):
        """Returns the body of one whole packet, or None while it has not all come."""
        stream = self.sock
        stream.setblocking(False)
        while self._length is None:
            byte = stream.read(1)
            if byte is None:
                return self._still_coming()
            self._header += byte
            if len(self._header) == 1:
                self._packet_deadline = clock.Deadline(self._timeout_ms)
            elif byte[0] < 128:
                self._length = 0
                for digit in reversed(self._header[1:]):
                    self._length = self._length << 7 | digit & 127
                self._check_header(self._header[0], self._length)
            elif len(self._header) == 5:
                raise self._malformed("remaining length of more than four bytes")
        try:
            body = stream.read(min(self._length, self._max_packet_bytes))
        except MemoryError:  # then it is too large to keep, whatever the limit says
            body = stream.read(min(self._length, _SMALL))
        if body is None:
            return self._still_coming()
        self._heard_at = clock.ticks_ms()
        self._pinged_at = None
        return body

    def _still_coming(self):
        if self._packet_deadline and self._packet_deadline.expired():
            raise Lost("the broker stalled in the middle of a packet")

    def _check_header(self, first_byte, length):
        kind, flags = first_byte >> 4, first_byte & 15
        if kind == _PUBLISH:
            if flags & _QOS > _QOS_1:
                raise self._malformed("PUBLISH above the QoS that was asked for")
        elif kind not in (_PUBACK, _SUBACK, _PINGRESP) or flags:
            raise self._malformed("packet type {} flags {}".format(kind, flags))
        elif length != _FIXED_LENGTH.get(kind, length) or (
            kind == _SUBACK and not 3 <= length <= 66
        ):
            raise self._malformed("packet type {} of {} bytes".format(kind, length))

    def _handle(self, body):
        first_byte, length = self._header[0], self._length
        oversize = length - len(body)
        if not oversize:
            self._header, self._length, self._packet_deadline = bytearray(), None, None
        kind = first_byte >> 4
        if kind == _PUBACK:
            return self._acknowledged(body[0] << 8 | body[1])
        if kind == _SUBACK:
            self._suback = body
        elif kind == _PUBLISH:
            id_size = 2 if first_byte & _QOS else 0
            topic_size = (body[0] << 8 | body[1]) if len(body) > 1 else 0
            if not 0 < topic_size <= len(body) - 2 - id_size:
                raise self._malformed("PUBLISH whose topic does not fit into it")
            if oversize:
                self._skip(oversize)
            stream = self.sock
            self.sock = _WholePacket(stream, first_byte, body)
            try:
                self.wait_msg()  # umqtt: parse, hand over, acknowledge QoS 1
            finally:
                self.sock = stream
            topic, payload = self._message
            self._message = None
            if oversize:
                return ("dropped", "{} bytes on {}".format(length, str(topic)[2:-1]))
            return ("message", topic, payload, bool(first_byte & _RETAIN))
        return None

    def _skip(self, size):
        """Reads away the rest of a message that is too large to keep."""
        self.sock.setblocking(True)
        self.sock.set_deadline(self._packet_deadline)
        while size:
            size -= len(self.sock.read(min(size, _SMALL)))
        self.sock.set_deadline(None)
        self._header, self._length, self._packet_deadline = bytearray(), None, None

    def _keep_message(self, topic, msg):
        self._message = (topic, msg)

    def _acknowledged(self, packet_id):
        for index, entry in enumerate(self._unacked):
            if entry[0] == packet_id:
                self._unacked.pop(index)
                return ("acked", packet_id)
        return None  # acknowledged twice, after a resend

    def _malformed(self, what):
        return ProtocolError("the broker broke MQTT: " + what)

    def _keep_alive(self):
        """Pings when idle, notices a dead link. Returns the ms until it is due again."""
        now = clock.ticks_ms()
        if self._unacked and clock.ticks_diff(now, self._unacked[0][2]) > self._timeout_ms:
            raise Lost("the broker does not acknowledge what is published")
        if self._pinged_at is not None:
            if clock.ticks_diff(now, self._pinged_at) > self._timeout_ms:
                raise Lost("the broker does not answer pings")
            return 250
        idle_ms = max(clock.ticks_diff(now, self._sent_at), clock.ticks_diff(now, self._heard_at))
        due_ms = self.keepalive * 750 - idle_ms  # three quarters of the keepalive
        if due_ms <= 0:
            self.ping()
            self._pinged_at = now
            return 250
        return min(due_ms, 1000)
