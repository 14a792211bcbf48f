"""How is an MQTT connection safe to leave alone in a field for a year?

Section numbers from MQTT 3.1.1 (OASIS, 2014): every wait bounded, return codes as errors
(3.2.2.3), keepalive and dead links (3.1.2.10), packet ids (2.3.1), many unacknowledged publishes
(4.4), each judged by itself.

An answer's time counts from when all before it has left, and grows with what is on its way.  When
it is over the broker is asked for a sign of life: where that comes the answer is late, else the
connection is lost.  Nothing is judged while there is something left to read.

Not here: QoS 2 of what is published, MQTT 5.
"""

from collections import OrderedDict

from micropython import const

from signet import clock
from signet.client.mqtt_packets import Packets
from signet.errors import Lost, ProtocolError, Refused, Rejected, Throttled
from signet.wire import mqtt as wire
from signet.wire.exact_json import printable

_PINGREQ = const(b"\xc0\0")
_DISCONNECT = const(b"\xe0\0")
_PUBLISH = const(0x30)  # at QoS 0
_QOS_1 = const(0x32)

_LOOK_MS = const(250)  # how often to look at the clock
_STEPS = const(64)  # with something to read that means nothing, until a look at it
_MOST = const(64)  # packet ids that are remembered

# What is kept of a packet that awaits its answer.
_KEY = const(0)  # None of a SUBSCRIBE
_ID = const(1)  # see `publish`; the topic filters of a SUBSCRIBE
_DUE = const(2)  # ticks
_SIZE = const(3)  # bytes: a slow link takes 1 ms for each
_ACKED = const(4)  # bool, only the answer after PUBACK is missing


class MQTTClient:
    """One MQTT 3.1.1 connection at a time, over a channel that opens by itself; nothing waits.

    Args:
        keepalive_s: int, 1 to 65535; pings are sent and answers to them demanded.
        clean_session: bool; False lets the broker keep subscriptions and queued messages.
        max_packet_bytes: int, larger incoming messages are dropped.
        timeout_ms: int, how long an answer (CONNACK, SUBACK, PUBACK, PINGRESP) may take.
    Attributes:
        flight: OrderedDict of packet id to what awaits its answer, oldest first.
        asked: int, how many of them are a SUBSCRIBE.
        replies: bool, PUBACK is not enough for what was published with an `id`.
        first_byte: int, of a PUBLISH at QoS 1: whether it is retained.
        busy: bool, another `poll(0)` may have more to do, which no socket shows.
    """

    first_byte = _QOS_1

    def __init__(
        self, keepalive_s=60, clean_session=True, max_packet_bytes=4096, timeout_ms=10_000
    ):
        self._keepalive_s = keepalive_s
        self._clean_session = clean_session
        self._max_packet_bytes = max_packet_bytes
        self._timeout_ms = timeout_ms
        self.flight = OrderedDict()
        self.asked = 0
        self._size = 0  # of all that is in flight
        self._ids = {}  # by key, the packet ids of what has no answer, and of before (4.4)
        self._last_id = 0
        self._topic = self._field = None  # the last that was found good
        self._last = None  # what was put in flight last
        self._packets = None  # None: closed
        self._asked_at = None  # ticks, when CONNECT or the last ping went; None once answered
        self._alive_at = None  # ticks, when what the broker has answered last was asked
        self._looked_at = self._steps = 0
        self.replies = True
        self.busy = False

    # Connecting

    def begin(self, channel, login):
        """Begins to log in, and returns; `poll` says ("connected", ...) once it is done.

        Args:
            channel: see net.stream; it belongs to the client from now on.
            login: see wire.connect.
        """
        self.close()
        self.forget()
        self._asked_at = self._last = None
        self._packets = packets = Packets(channel, self._max_packet_bytes, self._timeout_ms)
        # It goes as soon as the channel is open.
        packets.write(wire.connect(login, self._keepalive_s, self._clean_session))

    def _connected(self, body):
        """Takes CONNACK."""
        code = body[1]
        if 1 <= code <= 5:  # 3.2.2.3
            texts = (
                "protocol version not accepted|client id rejected|server unavailable|"
                "bad user name or password|not authorized"
            )
            text = "CONNACK {}: {}".format(code, texts.split("|")[code - 1])
            raise Throttled(text) if code == 3 else Refused(text, code)
        if code or body[0] > 1:
            raise ProtocolError(wire.NO_CONNACK)
        self._packets.is_open = True
        self._answered()
        if not body[0]:  # the broker knows no packet id of before
            self._ids.clear()
        return ("connected", bool(body[0]))

    def disconnect(self):
        """Says goodbye, and closes."""
        if self._packets is not None and self._packets.is_open:
            self._packets.write(_DISCONNECT)
        self.close()

    def close(self):
        """Closes without goodbye."""
        if self._packets is not None:
            self._packets.close()
            self._packets = None  # free the old connection's buffers before the next
            self.busy = False

    def forget(self):
        """Nothing is in flight; returns the list of keys of what was.

        What has no PUBACK goes again as the same packet, where the broker knows it still (4.4).
        """
        keys = []
        for entry in self.flight.values():
            key = entry[_KEY]
            if key is not None:
                keys.append(key)
                if entry[_ACKED]:
                    self._ids.pop(key, None)
        self.flight.clear()
        self._size = self.asked = 0
        return keys

    # Sending

    def publish(self, topic, payload, key=None, id=None):
        """Sends one message at QoS 1 and does not wait; only while `ready`.

        Args:
            topic: str. payload: bytes.
            key: by what `poll` names it, None for its packet id; not in flight.
            id: str, by which the cloud's own answer names it, see `replied`.
        Returns:
            int, the packet id. The message itself is not kept.
        Raises:
            Rejected, ValueError: the topic is not allowed, or it is too long.
        """
        if topic != self._topic:
            self._check_topic(topic)
        packet_id = None if key is None else self._ids.get(key)
        again = packet_id is not None and packet_id not in self.flight
        if not again:
            packet_id = self._new_packet_id()
        if key is None:
            key = packet_id
        if len(self._ids) > _MOST:  # of what was dropped meanwhile
            self._ids = {each[_KEY]: n for n, each in self.flight.items()}
        first_byte = self.first_byte | again << 3
        packet = wire.publish(first_byte, self._field, wire.two_bytes(packet_id), payload)
        self._ids[key] = packet_id
        self._expect(packet_id, key, id, len(packet))
        self._packets.write(packet)
        return packet_id

    def publish_once(self, topic, payload, retain):
        """Sends one message at QoS 0: nobody says that it came; only while connected.

        Args:
            topic: str. payload: bytes. retain: int, 1 for the broker to keep it, 0.
        Raises:
            as `publish`.
        """
        if topic != self._topic:
            self._check_topic(topic)
        self._packets.write(wire.publish(_PUBLISH | retain, self._field, b"", payload))

    def _check_topic(self, topic):
        if not topic or "+" in topic or "#" in topic or printable(topic) != topic:
            raise Rejected("the topic is empty, or holds + # or what MQTT does not allow (1.5.3)")
        self._field = wire.field(topic.encode())
        self._topic = topic

    def subscribe(self, topics):
        """Subscribes at QoS 1, and does not wait; only while connected.

        Args:
            topics: list of str; `poll` names those refused in ("refused", list of str).
        """
        packet_id = self._new_packet_id()
        packet = wire.subscribe(packet_id, topics)
        self._expect(packet_id, None, topics, len(packet))
        self.asked += 1
        self._packets.write(packet)

    def _new_packet_id(self):
        while True:
            self._last_id = self._last_id % 65_535 + 1  # 2.3.1: never 0
            if self._last_id not in self.flight:
                return self._last_id

    def _expect(self, packet_id, key, id, size):
        due = clock.ticks_add(clock.ticks_ms(), self._timeout_ms + self._size + size)
        self.flight[packet_id] = self._last = [key, id, due, size, False]
        self._size += size

    def _done(self, packet_id, is_late=False):
        """Takes it out of flight."""
        entry = self.flight.pop(packet_id)
        self._size -= entry[_SIZE]
        if entry[_ACKED] or not is_late:
            self._ids.pop(entry[_KEY], None)
        return entry

    def holds(self, key):
        """bool, is what was published under this key in flight?"""
        entry = self.flight.get(self._ids.get(key))
        return entry is not None and entry[_KEY] == key

    def replied(self, id):
        """Returns the key of the oldest in flight that was published with this id, or None.

        It is awaited no more.
        """
        for packet_id, entry in self.flight.items():
            if entry[_ID] == id:
                return self._done(packet_id)[_KEY]
        return None

    @property
    def ready(self):
        """bool, connected, and nothing is left to be sent: else `publish` has to wait."""
        packets = self._packets
        return packets is not None and packets.is_open and not packets.out

    def readable(self):
        """Returns the socket whose bytes are all that `poll` waits for, or None."""
        return None if self._packets is None else self._packets.readable()

    # Receiving

    def poll(self, timeout_ms=0):
        """Opens the connection, handles what has come and keeps the connection alive.

        Args:
            timeout_ms: int, how long to wait for an event, 0 for one step. It is None early where
                `ready` became true.
        Returns:
            ("connected", bool: the broker remembered this client's session), once,
            ("message", topic bytes, payload bytes), ("acked", key, id), ("late", key, str: what
            did not come), ("refused", list of topics) of a subscription, the others stand,
            ("alive",) after a ping, ("oversize", str: what was larger than `max_packet_bytes`, and
            is acknowledged and dropped), or None.
        Raises:
            Whatever it is, the connection is closed. Lost: it failed, or the broker stopped
            answering; `code` is 0 where it was closed instead of an answer to CONNECT.
            Refused: CONNACK 1, 2, 4, 5 (in `code`), or as the channel. Throttled: CONNACK 3.
            ProtocolError: the broker sent what MQTT does not allow. MemoryError.
        """
        try:
            return self._step() or (self._wait(timeout_ms) if timeout_ms else None)
        except Exception:
            self.close()
            raise

    def _step(self):
        """Takes one packet, or looks at the clock; returns an event, or None."""
        clock.waited()
        packets = self._packets
        if packets is None:
            raise Lost("not connected")
        body = packets.next() if packets.is_open else self._login()
        event = None
        if body is not None:
            event = self._handle(packets.first_byte, body)
        self.busy = busy = packets.busy
        if event is None and (body is not None or busy):
            self._steps += 1
            if self._steps <= _STEPS:
                return None
        else:
            self._steps = 0
        return event or self._keep_alive()

    def _wait(self, timeout_ms):
        """Goes on until there is an event, or something to do for the caller, or no time left."""
        deadline = clock.Deadline(timeout_ms)
        sends = len(self._packets.out) > 0
        event = None
        while event is None:
            left_ms = deadline.remaining_ms()
            if not left_ms or (sends and self.ready):
                break
            if not self.busy:
                self._packets.wait(clock.Deadline(_LOOK_MS) if left_ms > _LOOK_MS else deadline)
            event = self._step()
        return event

    def _login(self):
        """Returns the body of CONNACK, or None; what is rare, apart from what is frequent."""
        packets = self._packets
        try:
            body = packets.next()
        except Lost as error:
            if packets.out:
                raise
            text = "the broker closed the connection instead of answering CONNECT: "
            raise Lost(text + str(error), 0)
        if self._asked_at is None and not packets.out:
            self._asked_at = clock.ticks_ms()  # CONNECT has gone
        return body

    def _handle(self, first_byte, body):
        kind = first_byte >> 4
        if kind == wire.PUBACK:
            return self._acknowledged(body[0] << 8 | body[1])
        if kind == wire.PUBLISH:
            return self._heard(wire.message(first_byte, body), len(body))
        if kind == wire.SUBACK:
            return self._subscribed(body)
        return self._answered() if self._packets.is_open else self._connected(body)

    def _heard(self, message, kept):
        topic, payload, puback = message
        if puback:
            self._packets.write(puback)
        size = self._packets.length
        if size > kept:
            return ("oversize", "{} bytes on {}".format(size, str(topic)[2:-1]))
        return ("message", topic, payload)

    def _acknowledged(self, packet_id):
        entry = self.flight.get(packet_id)
        if entry is None or entry[_KEY] is None:
            return None  # acknowledged twice, after it went again; or late
        if entry[_ID] is not None and self.replies:
            entry[_ACKED] = True
            self._size -= entry[_SIZE]
            entry[_SIZE] = 0
            entry[_DUE] = clock.ticks_add(clock.ticks_ms(), self._timeout_ms + self._size)
            return None
        self._done(packet_id)
        return ("acked", entry[_KEY], entry[_ID])

    def _subscribed(self, body):
        """Takes SUBACK (3.9)."""
        packet_id = body[0] << 8 | body[1]
        entry = self.flight.get(packet_id)
        if entry is None or entry[_KEY] is not None:
            return None
        wanted, codes = entry[_ID], body[2:]
        if len(codes) != len(wanted):
            raise wire.malformed("SUBACK of {} codes for {}".format(len(codes), len(wanted)))
        self._done(packet_id)
        self.asked -= 1
        refused = [name for name, code in zip(wanted, codes) if code == 0x80]
        return ("refused", refused) if refused else None

    def _answered(self):
        """The broker has answered CONNECT, or a ping."""
        if self._asked_at is None:
            return None
        self._alive_at, self._asked_at = self._asked_at, None
        return ("alive",)

    def _keep_alive(self):
        """Looks at the clock now and then, see `_judge`."""
        now = clock.ticks_ms()
        if 0 <= clock.ticks_diff(now, self._looked_at) < _LOOK_MS:
            return None
        self._looked_at = now
        if self._asked_at is None and not self._packets.is_open:
            return None  # the channel has a deadline of its own
        return self._judge(now)

    def _judge(self, now):
        """Pings when idle, or when an answer is late; notices a dead link.

        Returns:
            ("late", key, what), or ("refused", topics), which the broker has not answered; None.
        """
        packets = self._packets
        moved_ms = clock.ticks_diff(now, packets.moved_at)
        heard_ms = clock.ticks_diff(now, packets.heard_at)
        patience_ms = self._timeout_ms + self._size
        if packets.out:
            if moved_ms > self._timeout_ms:
                raise Lost("the peer takes no data")
            if self._last is not None:  # it may be what is on its way out
                self._last[_DUE] = clock.ticks_add(now, patience_ms)
            return None
        if self._asked_at is not None:
            if min(clock.ticks_diff(now, self._asked_at), heard_ms) > patience_ms:
                what = "pings" if packets.is_open else "CONNECT"
                raise Lost("the broker does not answer " + what)
            return None
        is_due = max(moved_ms, heard_ms) >= self._keepalive_s * 750  # three quarters of it
        for packet_id, entry in self.flight.items():
            key, id, due, _, acked = entry
            if clock.ticks_diff(now, due) > 0:
                if clock.ticks_diff(self._alive_at, due) >= 0:
                    self._done(packet_id, True)
                    if key is None:
                        self.asked -= 1
                        return ("refused", id)
                    return ("late", key, "reply" if acked else "PUBACK")
                is_due = True
        if is_due:
            packets.write(_PINGREQ)
            self._asked_at = now
        return None
