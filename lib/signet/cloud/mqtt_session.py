"""How does a Session run over MQTT?  The same for every cloud; a dialect knows the words.

A dialect is a small object that does no I/O:

    subscriptions             [(topic, qos)]
    max_payload_bytes         int
    encode(report, id)        (topic, payload bytes, True when a reply with `id` will come)
    decode(topic, payload)    ("reply", id, error or None), ("command", Command), or None; where
                              no reply will come, the report's topic stands for the id
    check_topic(topic)        raises Rejected for a raw topic that the cloud would punish
    result(command, value)    (topic, payload) or None
    acked(key, topic)         or None: told of each report that is acknowledged; reports go on
                              where a subscription is refused

A report counts as handed over when the broker acknowledged it (PUBACK), or, where the cloud
replies, when the cloud's own reply says so: a PUBACK alone proves that a broker had it.
"""

import os

from micropython import const

from signet import clock, modules
from signet.cloud.dial import connect, load
from signet.cloud.session import Session
from signet.errors import ConfigError, Lost, ProtocolError, Refused, Rejected, Throttled
from signet.net.umqtt_stream import Stream

try:
    from signet.client.mqtt import MQTTClient
except ImportError:
    raise ConfigError(
        "way", "mqtt needs umqtt.simple on the board", "mpremote mip install umqtt.simple"
    )

_REPLY_TIMEOUT_MS = const(10_000)
_LOOK_MS = const(1000)  # how often to look for replies that are overdue
_MISSES = const(3)  # of a reply to one report, until others have their turn
_ANSWERS = const(8)  # answers to commands that may wait for their turn
_LONGEST = const(512)  # bytes of a topic
_TURNS = const(16)  # events that mean nothing, before a look at the clock


def _login(config):
    """Returns (client id, user, password); the code for it is loaded and forgotten."""
    name = "signet.cloud.{}.login".format(config["cloud"])
    return modules.call(name, "login", config, clock.unix_ms())


class _InFlight:
    """One report on its way. `packet_id` is None once the broker has acknowledged it."""

    def __init__(self, key, report, message_id):
        self.key = key
        self.report = report
        self.message_id = message_id
        self.topic = self.packet_id = None
        self.wants_reply = False
        self.sent_at = 0
        self.due = self.resent = False  # is it to be sent again, has it been, on this connection


class MqttSession(Session):
    """The Session contract of DESIGN over MQTT.

    Args:
        config: dict from config.load.
        dialect: see above.
        log: function of one str.
    Attributes:
        window: int, how many reports may be in flight.
    """

    is_exclusive = True  # a second login of this identity ends the first

    def __init__(self, config, dialect, log):
        self.window = config["window"]
        self._config = config
        self._dialect = dialect
        self._log = log
        self._flight = []
        self._opened = False
        self._answers = []  # (topic, payload) of answers that wait for room
        self._next_id = int.from_bytes(os.urandom(4), "big")  # a reboot must not repeat ids
        self._client = MQTTClient(
            "",
            keepalive_s=config["keepalive_s"],
            clean_session=config["clean_session"],
            window=self.window + 1,  # room for an answer
        )
        load(config)

    def begin(self, deadline):
        """Begins to connect, to log in and to subscribe; `poll` does the rest.

        Args:
            deadline: clock.Deadline of connect and TLS; MQTT's own answers have 10 s each.
        Raises:
            Lost: no such name.
        """
        client = self._client
        client.set_login(*_login(self._config))
        if self._dialect.subscriptions:
            client.subscribe(self._dialect.subscriptions)
        self._opened = False
        channel = connect(self._config, deadline)
        try:
            client.begin(Stream(channel))
        except BaseException:  # no memory
            channel.close()
            raise

    def _connected(self):
        """What the broker had not the client has sent again; `_ask_again` sends the rest."""
        self._opened = True
        for entry in self._flight:
            entry.due = entry.packet_id is None  # the broker had it; the cloud's reply is lost
            entry.resent = False
            entry.sent_at = clock.ticks_ms()
        return ("opened",)

    def _explained(self, error):
        """Adds what to check to the cloud's refusal of a login."""
        code = getattr(error, "code", None)
        if self._opened or code is None:
            return error
        config = self._config
        where = "signet.cloud.{}.refusals".format(config["cloud"])
        try:
            hint = modules.call(where, "explain", config, code)
        except MemoryError:
            hint = None
        return type(error)("{}; {}".format(error, hint), code) if hint else error

    def submit(self, key, report, last=False):
        """Hands one report to the wire.

        Args:
            key: int, the caller's name for it; a key in flight already is not sent twice.
            report: messages.Report.
            last: bool, no other report waits; of no use here.
        Returns:
            bool, False while not opened, while the window is full or anything waits to be sent.
        Raises:
            Rejected: this report can never be sent; says why.
        """
        for entry in self._flight:
            if entry.key == key:
                return True
        client = self._client
        if len(self._flight) >= self.window or client.unacked() > self.window or not client.ready:
            return False
        self._next_id = (self._next_id + 1) & 0xFFFFFFFF
        entry = _InFlight(key, report, str(self._next_id))
        self._send(entry)
        self._flight.append(entry)
        return True

    def _send(self, entry):
        report = entry.report
        if report.topic is None:
            topic, payload, wants_reply = self._dialect.encode(report, entry.message_id)
        else:
            self._dialect.check_topic(report.topic)
            topic, payload, wants_reply = report.topic, report.values, False
        if len(payload) > self._dialect.max_payload_bytes:
            raise Rejected("{} bytes are more than this cloud takes".format(len(payload)))
        try:
            entry.packet_id = self._client.publish(topic, payload, qos=1)
        except ValueError as error:
            raise Rejected("{}: {}".format(topic, error))
        if self._dialect.acked is not None:  # else it need not take up the heap
            entry.topic = topic
        entry.wants_reply = wants_reply
        entry.sent_at = clock.ticks_ms()

    def poll(self, timeout_ms):
        """Waits for one event, see cloud.session; returns None early where `submit` may go on.

        Args:
            timeout_ms: int, 0 for one step.
        """
        client = self._client
        turns = 0  # events that mean nothing
        try:
            deadline = clock.Deadline(timeout_ms)
            while True:
                ready = client.ready
                while self._answers and client.ready and client.unacked() <= self.window:
                    self._answer()
                event = self._ask_again() if self._opened else None
                if event is not None:
                    return event
                event = self._hear(min(deadline.remaining_ms(), _LOOK_MS))
                if event is not None:
                    event = self._meaning(event)
                    if event is not None:
                        return event
                    turns += 1
                    if turns < _TURNS and timeout_ms:
                        continue
                if deadline.expired() or client.ready != ready:
                    return None
        except Exception as error:  # of whatever kind: the link must go on
            client.close()
            return ("lost", self._explained(error))

    def _answer(self):
        answer = self._answers.pop(0)
        try:
            self._client.publish(*answer, qos=1)
        except (ValueError, MemoryError) as error:
            self._log("dropped an answer: {}".format(error))

    def _hear(self, timeout_ms):
        try:
            return self._client.poll(timeout_ms)
        except (ProtocolError, Refused) as error:
            if self._client.sock is None:
                raise
            text = "dropped a message: {}"
            if isinstance(error, Refused):
                if self._dialect.acked is None:
                    raise
                text = "{}; reports go on without it"
            self._log(text.format(error))
            return None

    def _meaning(self, event):
        if event[0] == "acked":
            for entry in self._flight:
                if entry.packet_id == event[1]:
                    entry.packet_id = None
                    return None if entry.wants_reply else self._done(entry)
            return None
        if event[0] == "subscribed":
            return None
        if event[0] == "connected":
            return self._connected()
        try:
            topic = event[1]  # it may be in the log, and in that of an answer (MQTT-3.3.2-2)
            if not 0 < len(topic) < _LONGEST or min(topic) < 32 or 43 in topic or 35 in topic:
                raise ProtocolError("a bad topic")
            meaning = self._dialect.decode(topic.decode(), event[2])
        except (ProtocolError, UnicodeError) as error:
            self._log("dropped a message: {}".format(error))
            return None
        if meaning is not None and meaning[0] == "reply":
            for entry in self._flight:
                if meaning[1] == (entry.message_id if entry.wants_reply else entry.topic):
                    return self._done(entry, meaning[2])
            if meaning[2] is not None:
                self._log(str(meaning[2]))
            return None  # answered twice, after a resend; or about nothing that is in flight
        return meaning

    def _done(self, entry, error=None):
        self._flight.remove(entry)
        if entry.packet_id is not None:
            self._client.forget(entry.packet_id)
        if error is not None:
            return ("failed", entry.key, error)
        if self._dialect.acked is not None:
            self._dialect.acked(entry.key, entry.topic)
        return ("acked", entry.key, None)

    def _ask_again(self):
        """Sends a report again, once a connection, when the cloud's reply to it does not come.

        Returns:
            the event of a report that cannot be sent again, or that the cloud never answers: the
                others have their turn; None.
        """
        for entry in self._flight:
            late = clock.ticks_diff(clock.ticks_ms(), entry.sent_at) > _REPLY_TIMEOUT_MS
            if entry.packet_id is not None or not (entry.due or late):
                continue
            if self._client.unacked() > self.window or not self._client.ready:
                continue
            if entry.resent:
                report = entry.report
                report.misses += 1
                if report.misses < _MISSES:
                    raise Lost("the broker is there, but the cloud does not reply")
                report.misses = 0
                return self._done(entry, Throttled("the cloud does not reply"))
            if not entry.due:
                self._log("no reply to report {}: sent again".format(entry.key))
            entry.resent, entry.due = not entry.due, False
            try:
                self._send(entry)
            except Rejected as error:
                return self._done(entry, error)
            except MemoryError:
                return self._done(entry, Throttled("no memory to send it again"))
        return None

    def reply(self, command, value):
        """Answers a command, where the cloud wants an answer; `poll` sends it.

        Args:
            command: messages.Command from `poll`.
            value: dict, None, or the exception that the board's handler raised.
        Raises:
            Rejected: the value has no form in JSON.
            Throttled: too many answers are waiting already.
        """
        message = self._dialect.result(command, value)
        if message is not None:
            if len(self._answers) >= _ANSWERS:
                raise Throttled("{} answers are waiting already".format(_ANSWERS))
            self._answers.append(message)

    @property
    def busy(self):
        """bool, see cloud.session."""
        return self._client.busy

    def readable(self):
        """See cloud.session."""
        return self._client.readable()

    def close(self):
        """Says goodbye and closes; what is in flight stays in the caller's hands."""
        self._client.disconnect()
