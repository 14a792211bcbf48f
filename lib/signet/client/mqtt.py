"""How does umqtt.simple become safe to leave alone in a field for a year?

A subclass of `umqtt.simple.MQTTClient`, the one frozen in ESP32 images (1.4 to 1.8) or 1.3.4.
umqtt still holds the will and takes incoming messages apart, acknowledging them; but it only ever
sees a packet that is complete, bounded and well formed.  Added here, section numbers from
MQTT 3.1.1 (OASIS, 2014): every wait bounded, return codes as errors (3.2.2.3), keepalive and dead
links (3.1.2.10), packet ids (2.3.1), a window of unacknowledged publishes (4.4), resubscription.

Not here: QoS 2, MQTT 5.
"""

from micropython import const
from umqtt import simple

from signet import clock
from signet.client.mqtt_reader import PacketReader, WholePacket
from signet.errors import Lost, ProtocolError, Refused, Throttled
from signet.wire import mqtt as wire

# The states of a connection.
_CLOSED = const(0)
_OPENING = const(1)  # the channel opens, then CONNECT goes
_LOGGING_IN = const(2)  # until CONNACK
_OPEN = const(3)


class MQTTClient(simple.MQTTClient):
    """One MQTT 3.1.1 connection at a time, over a stream that opens by itself; nothing waits.

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
            wire.to_bytes(client_id),
            "",
            1,
            user=None if user is None else wire.to_bytes(user),
            password=None if password is None else wire.to_bytes(password),
            keepalive=keepalive_s,
        )
        self.clean_session = clean_session
        self.window = window
        self._max_packet_bytes = max_packet_bytes
        self._timeout_ms = timeout_ms
        self._unacked = []  # (packet id, packet, ticks when sent), oldest first
        self._subscriptions = []  # (topic, qos)
        self._unanswered = []  # (packet id, subscriptions, ticks when sent)
        self._message = None
        self._reader = None
        self._state = _CLOSED
        self._sent_at = 0
        self.busy = False  # another `poll(0)` may have more to do, which no socket shows
        self.set_callback(self._keep_message)

    # Connecting

    def set_login(self, client_id, user, password):
        """Changes who logs in with the next `begin`; arguments as in the constructor."""
        self.client_id = wire.to_bytes(client_id)
        self.user = None if user is None else wire.to_bytes(user)
        self.pswd = None if password is None else wire.to_bytes(password)

    def begin(self, stream):
        """Begins to log in, and returns; `poll` says ("connected", ...) once it is done.

        Args:
            stream: net.umqtt_stream.Stream; it belongs to the client from now on.
        """
        self.close()
        self.sock = stream
        self._reader = PacketReader(stream, self._max_packet_bytes, self._timeout_ms)
        self._unanswered = []
        self._state = _OPENING
        self._write(self._connect_packet())  # it goes as soon as the channel is open

    def _connect_packet(self):
        will = (self.lw_topic, self.lw_msg, self.lw_qos, self.lw_retain) if self.lw_topic else None
        login = (self.user, self.pswd)
        return wire.connect(self.client_id, self.keepalive, self.clean_session, login, will)

    def _connected(self, body):
        """Takes CONNACK, subscribes again and sends again what was not acknowledged."""
        code = body[1]
        if code in wire.RETURN_CODES:
            raise Refused("CONNACK {}: {}".format(code, wire.RETURN_CODES[code]), code)
        if code == 3:
            raise Throttled("CONNACK 3: server unavailable")
        if code or body[0] > 1:
            raise ProtocolError(wire.NO_CONNACK)
        self._state = _OPEN
        self._reader.check = wire.check_header
        self._heard_at = clock.ticks_ms()
        self._pinged_at = None
        if self._subscriptions:
            self._subscribe(self._subscriptions)
        for index, (packet_id, packet, _) in enumerate(self._unacked):
            self._write(bytes((packet[0] | wire.DUP,)))
            self._write(memoryview(packet)[1:])
            self._unacked[index] = (packet_id, packet, self._sent_at)
        return ("connected", bool(body[0]))

    def set_last_will(self, topic, msg, retain=False, qos=0):
        """Sets the message that the broker publishes when this client vanishes (3.1.2.5).

        Args:
            topic: str or bytes, not empty.
            msg: str or bytes.
            retain: bool.
            qos: int, 0 or 1.
        """
        super().set_last_will(wire.to_bytes(topic), wire.to_bytes(msg), retain, qos)

    def disconnect(self):
        """Says goodbye, so that no will is published, and closes."""
        if self.sock is not None:
            if self._state == _OPEN:
                self.sock.write(wire.DISCONNECT_PACKET)
            self.close()

    def close(self):
        """Closes without goodbye. What was not acknowledged is kept for the next `begin`."""
        if self.sock is not None:
            self.sock.close()
            self.busy = False
            self._state = _CLOSED
            self.sock = self._reader = None  # free the old connection's buffers before the next

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
            Lost: not connected; the message was not taken. One that was taken is kept until its
                acknowledgement, and sent again after `begin`.
            ValueError: the topic or the qos is not allowed.
        """
        topic, msg = wire.to_bytes(topic), wire.to_bytes(msg)
        if qos == 0:
            self._write(wire.publish(topic, msg, None, retain))
            return None
        if qos != 1:
            raise ValueError("qos must be 0 or 1")
        if len(self._unacked) >= self.window:
            raise Throttled("{} messages await their acknowledgement".format(self.window))
        packet_id = self._new_packet_id()
        packet = wire.publish(topic, msg, packet_id, retain)
        self._write(packet)
        self._unacked.append((packet_id, packet, self._sent_at))
        return packet_id

    def forget(self, packet_id):
        """Stops waiting for the acknowledgement of one message, and never sends it again."""
        self._unacked = [entry for entry in self._unacked if entry[0] != packet_id]

    @property
    def ready(self):
        """bool, connected, and nothing is left to be sent: else `publish` should wait."""
        return self._state == _OPEN and self.sock.sent

    def readable(self):
        """Returns the socket whose bytes are all that `poll` waits for, or None."""
        return None if self.sock is None else self.sock.readable()

    def unacked(self):
        """Returns how many QoS 1 messages await their acknowledgement."""
        return len(self._unacked)

    def subscribe(self, topic, qos=0):
        """Subscribes now, if connected, and after every further `begin`; does not wait.

        Args:
            topic: str or bytes, or a list of (topic, qos).
            qos: int, 0 or 1.
        Raises:
            Lost: not connected. `poll` raises Refused when the broker refuses a topic.
        """
        wanted = topic if isinstance(topic, list) else [(topic, qos)]
        wanted = [(wire.to_bytes(name), level) for name, level in wanted]
        self._unsubscribe([name for name, _ in wanted])
        self._subscriptions += wanted
        if self._state == _OPEN:
            self._subscribe(wanted)

    def _unsubscribe(self, names):
        self._subscriptions = [entry for entry in self._subscriptions if entry[0] not in names]

    def _subscribe(self, wanted):
        packet_id = self._new_packet_id()
        self._write(wire.subscribe(packet_id, wanted))
        self._unanswered.append((packet_id, wanted, self._sent_at))

    def _subscribed(self, body):
        """Takes a SUBACK (3.9)."""
        packet_id = body[0] << 8 | body[1]
        for entry in self._unanswered:
            if entry[0] == packet_id:
                break
        else:
            raise wire.malformed("SUBACK that nobody asked for")
        self._unanswered.remove(entry)
        wanted = entry[1]
        if len(body) - 2 != len(wanted):
            raise wire.malformed("SUBACK of {} codes for {}".format(len(body) - 2, len(wanted)))
        refused = [name for (name, _), code in zip(wanted, body[2:]) if code == 0x80]
        if refused:
            self._unsubscribe(refused)
            names = ", ".join([name.decode() for name in refused])
            raise Refused("subscription to {} refused".format(names), 0x80)
        return ("subscribed", [name for name, _ in wanted])

    def ping(self):
        """Asks the broker for a sign of life; `poll` does so by itself."""
        self._write(wire.PINGREQ_PACKET)

    def _new_packet_id(self):
        taken = [entry[0] for entry in self._unacked + self._unanswered]
        while True:
            self.pid = self.pid % 65_535 + 1  # 2.3.1: never 0
            if self.pid not in taken:
                return self.pid

    def _write(self, packet):
        if self.sock is None:
            raise Lost("not connected")
        self.sock.write(packet)
        self._sent_at = clock.ticks_ms()

    # Receiving

    def poll(self, timeout_ms=0):
        """Opens the connection, handles what has come and keeps the connection alive.

        Args:
            timeout_ms: int, how long to wait for an event, 0 for one step.
        Returns:
            ("connected", bool: the broker remembered this client's session), once,
            ("message", topic bytes, payload bytes, retained bool), ("acked", packet id),
            ("subscribed", list of topics as bytes), or None.
        Raises:
            Lost: the connection failed, or the broker stopped answering; `code` is 0 where it was
                closed instead of an answer to CONNECT.
            Refused: CONNACK 1, 2, 4, 5 (in `code`), or as the channel; once connected, the broker
                refuses a subscription, which is forgotten, and the connection stands.
            Throttled: CONNACK 3.
            ProtocolError: the broker sent what MQTT does not allow, and the connection is closed;
                or a message larger than `max_packet_bytes`, which is acknowledged and dropped,
                and the connection stands.
        """
        deadline = clock.Deadline(timeout_ms)
        self.busy = False
        if self.sock is None:
            raise Lost("not connected")
        try:
            while True:
                clock.waited()
                body = self._next()
                if body is not None:
                    event = self._handle(body)
                    if event is not None:
                        break
                due_ms = self._keep_alive()
                left_ms = deadline.remaining_ms()
                if not left_ms:
                    self.busy = body is not None or self.sock.busy
                    return None
                if body is None:
                    self.sock.wait(clock.Deadline(min(left_ms, due_ms)))
        except Exception as error:
            if self._state != _OPEN or not isinstance(error, Refused):
                self.close()
            if isinstance(error, MemoryError):
                raise Lost("no memory for what the broker sends")
            raise
        self.busy = True
        if event[0] == "oversize":
            raise ProtocolError("{}, more than this board takes".format(event[1]))
        return event

    def _next(self):
        """Returns the body of the next packet, or None; reads nothing while something is to go."""
        if not self.sock.flush():
            return None
        if self._state == _OPENING:
            self._state = _LOGGING_IN
            self._sent_at = clock.ticks_ms()
        try:
            return self._reader.next()
        except Lost as error:
            if self._state == _LOGGING_IN:
                text = "the broker closed the connection instead of answering CONNECT: "
                raise Lost(text + str(error), 0)
            raise

    def check_msg(self):
        """umqtt's name for `poll(0)`."""
        return self.poll(0)

    def _handle(self, body):
        first_byte, length = self._reader.first_byte, self._reader.length
        self._heard_at = clock.ticks_ms()
        self._pinged_at = None
        kind = first_byte >> 4
        if self._state == _LOGGING_IN:
            return self._connected(body)
        if kind == wire.PUBACK:
            return self._acknowledged(body[0] << 8 | body[1])
        if kind == wire.SUBACK:
            return self._subscribed(body)
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
            return ("message", topic, payload, bool(first_byte & wire.RETAIN))
        return None

    def _keep_message(self, topic, msg):
        self._message = (topic, msg)

    def _acknowledged(self, packet_id):
        for index, entry in enumerate(self._unacked):
            if entry[0] == packet_id:
                self._unacked.pop(index)
                return ("acked", packet_id)
        return None  # acknowledged twice, after a resend

    def _keep_alive(self):
        """Pings when idle, notices a dead link. Returns the ms until it is due again."""
        if self._state == _OPENING:
            return 1000  # the channel has a deadline of its own
        now = clock.ticks_ms()
        if not self.sock.sent:
            if clock.ticks_diff(now, self.sock.moved_at) > self._timeout_ms:
                raise Lost("the peer takes no data")
            return 250
        if self._state == _LOGGING_IN:
            if clock.ticks_diff(now, self._sent_at) > self._timeout_ms:
                raise Lost("the broker does not answer CONNECT")
            return 250
        if self._unacked and clock.ticks_diff(now, self._unacked[0][2]) > self._timeout_ms:
            raise Lost("the broker does not acknowledge what is published")
        if self._unanswered and clock.ticks_diff(now, self._unanswered[0][2]) > self._timeout_ms:
            raise Lost("the broker does not answer SUBSCRIBE")
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
