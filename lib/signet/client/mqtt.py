"""How does umqtt.simple become safe to leave alone in a field for a year?

A subclass of `umqtt.simple.MQTTClient`, the one frozen in ESP32 images (1.4 to 1.8) or 1.3.4.
umqtt still takes incoming messages apart, acknowledging them; but it only ever sees a packet that
is complete, bounded and well formed.  Added here, section numbers from MQTT 3.1.1 (OASIS, 2014):
every wait bounded, return codes as errors (3.2.2.3), keepalive and dead links (3.1.2.10), packet
ids (2.3.1), many unacknowledged publishes (4.4), each judged by itself.

An answer's time counts from when all before it has left, and grows with what is on its way.  When
it is over the broker is asked for a sign of life: where that comes the answer is late, else the
connection is lost.  Nothing is judged while there is something left to read.

Not here: QoS 0 and 2 of what is published, wills, MQTT 5.
"""

from micropython import const
from umqtt import simple

from signet import clock
from signet.client.mqtt_reader import PacketReader, WholePacket
from signet.errors import Lost, ProtocolError, Refused, Throttled
from signet.wire import mqtt as wire

_PINGREQ = const(b"\xc0\0")
_DISCONNECT = const(b"\xe0\0")

# The states of a connection.
_CLOSED = const(0)
_OPENING = const(1)  # the channel opens, then CONNECT goes
_LOGGING_IN = const(2)  # until CONNACK
_OPEN = const(3)

_LOOK_MS = const(250)  # how often to look at the clock
_STEPS = const(64)  # with something to read that means nothing, until a look at it

# What is kept of a packet that awaits its answer.
_ID = const(0)
_DUE = const(1)  # ticks
_SIZE = const(2)  # bytes: a slow link takes 1 ms for each
_WANTED = const(3)  # topic filters of a SUBSCRIBE


class MQTTClient(simple.MQTTClient):
    """One MQTT 3.1.1 connection at a time, over a stream that opens by itself; nothing waits.

    Args:
        keepalive_s: int, 1 to 65535; pings are sent and answers to them demanded.
        clean_session: bool; False lets the broker keep subscriptions and queued messages.
        max_packet_bytes: int, larger incoming messages are dropped.
        timeout_ms: int, how long an answer (CONNACK, SUBACK, PUBACK, PINGRESP) may take.
    """

    def __init__(
        self, keepalive_s=60, clean_session=True, max_packet_bytes=4096, timeout_ms=10_000
    ):
        super().__init__(b"", "", 1, keepalive=keepalive_s)
        self.clean_session = clean_session
        self._max_packet_bytes = max_packet_bytes
        self._timeout_ms = timeout_ms
        self._awaited = []  # lists of what has no answer yet, oldest first
        self._message = None
        self._reader = None
        self._state = _CLOSED
        self._asked_at = None  # ticks, when CONNECT or the last ping went; None once answered
        self._alive_at = None  # ticks, when what the broker has answered last was asked
        self._steps = 0
        self.busy = False  # another `poll(0)` may have more to do, which no socket shows
        self.set_callback(self._keep)

    # Connecting

    def begin(self, stream, login):
        """Begins to log in, and returns; `poll` says ("connected", ...) once it is done.

        Args:
            stream: net.umqtt_stream.Stream; it belongs to the client from now on.
            login: (client id, user, password), each str; the last two may be None.
        """
        self.close()
        self.sock = stream
        self._reader = PacketReader(stream, self._max_packet_bytes, self._timeout_ms)
        self._awaited = []
        self._state = _OPENING
        # It goes as soon as the channel is open.
        stream.write(wire.connect(login, self.keepalive, self.clean_session))

    def _connected(self, body):
        """Takes CONNACK."""
        code = body[1]
        if code in wire.RETURN_CODES:
            raise Refused("CONNACK {}: {}".format(code, wire.RETURN_CODES[code]), code)
        if code == 3:
            raise Throttled("CONNACK 3: server unavailable")
        if code or body[0] > 1:
            raise ProtocolError(wire.NO_CONNACK)
        self._state = _OPEN
        self._reader.check = wire.check_header
        self._answered()
        return ("connected", bool(body[0]))

    def disconnect(self):
        """Says goodbye, and closes."""
        if self._state == _OPEN:
            self.sock.write(_DISCONNECT)
        self.close()

    def close(self):
        """Closes without goodbye, and forgets what is not acknowledged."""
        if self.sock is not None:
            self.sock.close()
            self.busy = False
            self._state = _CLOSED
            self.sock = self._reader = None  # free the old connection's buffers before the next

    # Sending

    def publish(self, topic, payload, again=None):
        """Sends one message at QoS 1 and does not wait; only while `ready`.

        Args:
            topic: str. payload: bytes.
            again: int, the packet id of one that goes again (4.4), None for another.
        Returns:
            int, the packet id that `poll` will name in ("acked", id) or ("late", id). The message
            itself is not kept.
        Raises:
            ValueError: the topic, or the size, is not allowed.
        """
        packet_id = again or self._new_packet_id()
        packet = wire.publish(topic.encode(), payload, packet_id, again is not None)
        self.expect(packet_id, len(packet))
        self.sock.write(packet)
        return packet_id

    def subscribe(self, topics):
        """Subscribes at QoS 1, and does not wait; only while connected.

        Args:
            topics: list of str; `poll` names those refused in ("refused", list of str).
        """
        packet_id = self._new_packet_id()
        packet = wire.subscribe(packet_id, topics)
        self.expect(packet_id, len(packet), topics)
        self.sock.write(packet)

    def expect(self, packet_id, size=0, topics=None):
        """Awaits one more answer, after its acknowledgement, to what was published as packet_id.

        `forget` ends that, or ("late", packet_id) of `poll`.
        """
        due = clock.ticks_add(clock.ticks_ms(), self._patience_ms() + size)
        self._awaited.append([packet_id, due, size, topics])

    def forget(self, packet_id):
        """Awaits nothing more for it."""
        self._awaited = [entry for entry in self._awaited if entry[_ID] != packet_id]

    @property
    def ready(self):
        """bool, connected, and nothing is left to be sent: else `publish` has to wait."""
        return self._state == _OPEN and self.sock.sent

    def readable(self):
        """Returns the socket whose bytes are all that `poll` waits for, or None."""
        return None if self.sock is None else self.sock.readable()

    def _new_packet_id(self):
        while True:
            self.pid = self.pid % 65_535 + 1  # 2.3.1: never 0
            if self.pid not in [entry[_ID] for entry in self._awaited]:
                return self.pid

    # Receiving

    def poll(self, timeout_ms=0):
        """Opens the connection, handles what has come and keeps the connection alive.

        Args:
            timeout_ms: int, how long to wait for an event, 0 for one step.
        Returns:
            ("connected", bool: the broker remembered this client's session), once,
            ("message", topic bytes, payload bytes), ("acked", packet id), ("late", packet id),
            ("refused", list of topics) of a subscription, the others stand, ("alive",) after a
            ping, ("oversize", str: what was larger than `max_packet_bytes`, and is acknowledged
            and dropped), or None.
        Raises:
            Whatever it is, the connection is closed. Lost: it failed, or the broker stopped
            answering; `code` is 0 where it was closed instead of an answer to CONNECT.
            Refused: CONNACK 1, 2, 4, 5 (in `code`), or as the channel. Throttled: CONNACK 3.
            ProtocolError: the broker sent what MQTT does not allow. MemoryError.
        """
        deadline = clock.Deadline(timeout_ms)
        self.busy = False
        if self.sock is None:
            raise Lost("not connected")
        try:
            while True:
                clock.waited()
                body = self._next()
                event = None
                if body is not None:
                    event = self._handle(body)
                if event is None:
                    self._steps += 1
                    idle = body is None and not self.sock.busy
                    if idle or self._steps > _STEPS:
                        event = self._keep_alive()
                    if idle:
                        self._steps = 0
                if event is not None:
                    self._steps = 0
                    break
                left_ms = deadline.remaining_ms()
                if not left_ms:
                    self.busy = body is not None or self.sock.busy
                    return None
                if body is None:
                    self.sock.wait(clock.Deadline(min(left_ms, _LOOK_MS)))
        except Exception:
            self.close()
            raise
        self.busy = True
        return event

    def _next(self):
        """Returns the body of the next packet, or None; reads nothing while something is to go."""
        if not self.sock.flush():
            return None
        if self._state == _OPENING:
            self._state = _LOGGING_IN
            self._asked_at = clock.ticks_ms()
        try:
            return self._reader.next()
        except Lost as error:
            if self._state == _LOGGING_IN:
                text = "the broker closed the connection instead of answering CONNECT: "
                raise Lost(text + str(error), 0)
            raise

    def _handle(self, body):
        first_byte, length = self._reader.first_byte, self._reader.length
        kind = first_byte >> 4
        if self._state == _LOGGING_IN:
            return self._connected(body)
        if kind == wire.PUBLISH:
            stream = self.sock
            self.sock = WholePacket(stream, first_byte, body)
            try:
                self.wait_msg()  # umqtt: parse, hand over, acknowledge QoS 1
            finally:
                self.sock = stream
            topic, payload = self._message
            self._message = None
            if length > len(body):
                return ("oversize", "{} bytes on {}".format(length, str(topic)[2:-1]))
            return ("message", topic, payload)
        if kind == wire.PINGRESP:
            return self._answered()
        packet_id = body[0] << 8 | body[1]
        for entry in self._awaited:
            if entry[_ID] == packet_id and (entry[_WANTED] is None) == (kind == wire.PUBACK):
                self._awaited.remove(entry)
                return self._subscribed(entry, body) if entry[_WANTED] else ("acked", packet_id)
        return None  # acknowledged twice, after it went again; or late

    def _subscribed(self, entry, body):
        """Takes a SUBACK (3.9)."""
        wanted = entry[_WANTED]
        if len(body) - 2 != len(wanted):
            raise wire.malformed("SUBACK of {} codes for {}".format(len(body) - 2, len(wanted)))
        refused = [name for name, code in zip(wanted, body[2:]) if code == 0x80]
        return ("refused", refused) if refused else None

    def _keep(self, topic, msg):
        self._message = (topic, msg)

    def _answered(self):
        """The broker has answered CONNECT, or a ping."""
        if self._asked_at is None:
            return None
        self._alive_at, self._asked_at = self._asked_at, None
        return ("alive",)

    def _patience_ms(self):
        """Returns how long an answer may take behind all that is on its way."""
        return self._timeout_ms + sum([entry[_SIZE] for entry in self._awaited])

    def _keep_alive(self):
        """Pings when idle, or when an answer is late; notices a dead link.

        Returns:
            ("late", packet id), or ("refused", topics), which the broker has not answered; None.
        """
        if self._state == _OPENING:
            return None  # the channel has a deadline of its own
        stream, awaited = self.sock, self._awaited
        now = clock.ticks_ms()
        moved_ms = clock.ticks_diff(now, stream.moved_at)
        heard_ms = clock.ticks_diff(now, stream.heard_at)
        if not stream.sent:
            if moved_ms > self._timeout_ms:
                raise Lost("the peer takes no data")
            if awaited:  # it may be what is on its way out
                awaited[-1][_DUE] = clock.ticks_add(now, self._patience_ms())
            return None
        if self._asked_at is not None:
            if min(clock.ticks_diff(now, self._asked_at), heard_ms) > self._patience_ms():
                if self._state == _OPEN:
                    raise Lost("the broker does not answer pings")
                raise Lost("the broker does not answer CONNECT")
            return None
        is_due = max(moved_ms, heard_ms) >= self.keepalive * 750  # three quarters of it
        for entry in awaited:
            if clock.ticks_diff(now, entry[_DUE]) > 0:
                if clock.ticks_diff(self._alive_at, entry[_DUE]) >= 0:
                    awaited.remove(entry)
                    wanted = entry[_WANTED]
                    return ("refused", wanted) if wanted else ("late", entry[_ID])
                is_due = True
        if is_due:
            stream.write(_PINGREQ)
            self._asked_at = now
        return None
