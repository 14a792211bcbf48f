"""How does a Session run over MQTT?  The same for every cloud; a dialect knows the words.

A dialect is a small object that does no I/O:

    subscriptions             list of topic filters
    max_payload_bytes         int
    replies                   bool, the cloud answers what is encoded, and wants answers
    encode(report)            (topic, payload bytes)
    decode(topic, payload)    ("reply", id, error or None), ("command", Command), or None; id: the
                              report's, as str, or its topic where the dialect has `acked`
    check_topic(topic)        raises Rejected for a raw topic that the cloud would punish
    answer(command, result)   where it wants answers: a Report, or None
    acked                     None, or a function of (key, topic): told of each report that is
                              acknowledged

A report counts as handed over when the broker acknowledged it (PUBACK), or, where the cloud
replies, when the cloud's own reply says so: a PUBACK alone proves that a broker had it.  Where the
topics of replies are refused, none can come, and PUBACK counts.
"""

from micropython import const

from signet import clock, modules
from signet.cloud.dial import connect, load
from signet.cloud.session import Session
from signet.errors import ConfigError, ProtocolError, Rejected, TimedOut
from signet.net.umqtt_stream import Stream
from signet.wire.exact_json import printable

try:
    from signet.client.mqtt import MQTTClient
except ImportError:
    raise ConfigError(
        "way", "mqtt needs umqtt.simple on the board", "mpremote mip install umqtt.simple"
    )

_LOOK_MS = const(1000)  # how often to look whether a subscription is due
_REFUSED_MS = const(3_600_000)  # until a refused subscription is asked for again
_MOST = const(64)  # packet ids that are remembered
_LONGEST = const(512)  # bytes of a topic
_TURNS = const(16)  # events that mean nothing, before a look at the clock

# What is kept of a report in flight.
_KEY = const(0)
_PACKET = const(1)  # its packet id
_ID = const(2)  # by which `decode` names it
_ACKED = const(3)  # bool, only the cloud's reply is missing


class MqttSession(Session):
    """See cloud/session.py.

    Args:
        config: dict from config.load.
        dialect: see above.
        log: function of one str.
    """

    is_exclusive = True  # a second login of this identity ends the first

    def __init__(self, config, dialect, log):
        self.window = config["window"]
        self._config = config
        self.dialect = dialect
        if dialect.replies:
            self.answer = dialect.answer
        self._log = log
        self._flight = []  # lists, oldest first
        self._packets = {}  # by key, packet ids of what was sent without PUBACK (4.4)
        self._opened = False
        self._refused = []  # topic filters
        self._refused_until = None  # clock.Deadline
        self.client = MQTTClient(
            config["keepalive_s"],
            config["clean_session"],
            timeout_ms=config["ack_timeout_s"] * 1000,
        )
        load(config)

    def begin(self, deadline):
        """Begins to connect, to log in and to subscribe; `poll` does the rest.

        Args:
            deadline: clock.Deadline of connect and TLS; MQTT's own answers have `ack_timeout_s`.
        Raises:
            Lost: no such name.
        """
        self._opened = False
        config = self._config
        name = "signet.cloud.{}.login".format(config["cloud"])
        login = modules.call(name, "login", config, clock.unix_ms())
        channel = connect(config, deadline)
        try:
            self.client.begin(Stream(channel), login)
        except BaseException:  # no memory
            channel.close()
            raise

    def _connected(self, again):
        if not again:  # the broker knows no packet id of before
            self._packets.clear()
        self._refused = []
        if self.dialect.subscriptions:
            self.client.subscribe(self.dialect.subscriptions)
        self._opened = True
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
        """See cloud/session.py; a key in flight already is not sent twice."""
        for entry in self._flight:
            if entry[_KEY] == key:
                return True
        dialect = self.dialect
        if len(self._flight) >= self.window or not self.client.ready:
            return False
        id = None
        if report.topic is None:
            topic, payload = dialect.encode(report)
            id = str(report.id)
        else:
            topic, payload = report.topic, report.body
            dialect.check_topic(topic)
        if dialect.acked is not None:
            id = topic
        if len(payload) > dialect.max_payload_bytes:
            raise Rejected("{} bytes are more than this cloud takes".format(len(payload)))
        try:
            packet_id = self.client.publish(topic, payload, self._packets.get(key))
        except ValueError as error:
            raise Rejected(str(error))
        self._packets.pop(key, None)
        self._flight.append([key, packet_id, id, False])
        return True

    def poll(self, timeout_ms):
        """Waits for one event, see cloud.session; returns None early where `submit` may go on.

        Args:
            timeout_ms: int, 0 for one step.
        """
        client = self.client
        turns = 0  # events that mean nothing
        try:
            deadline = clock.Deadline(timeout_ms)
            while True:
                ready = client.ready
                if ready and self._refused and self._refused_until.expired():
                    wanted, self._refused = self._refused, []
                    client.subscribe(wanted)
                event = client.poll(min(deadline.remaining_ms(), _LOOK_MS))
                if event is not None:
                    event = self._handle(event)
                    if event is not None:
                        return event
                    turns += 1
                    if turns < _TURNS and timeout_ms:
                        continue
                if deadline.expired() or client.ready != ready:
                    return None
        except Exception as error:  # of whatever kind: the link must go on
            client.close()
            return ("lost", self._explained(error), self.forget())

    def _handle(self, event):
        kind = event[0]
        if kind == "acked" or kind == "late":
            for entry in self._flight:
                if entry[_PACKET] == event[1]:
                    return self._acknowledged(entry, kind == "late")
            return None
        if kind == "alive":
            return event
        if kind == "connected":
            return self._connected(event[1])
        if kind == "refused":
            self._refused += event[1]
            self._refused_until = clock.Deadline(_REFUSED_MS)
            text = "subscription to {} refused; reports go on without it"
            if self._is_deaf():
                text += ", PUBACK acknowledges them"
            self._log(text.format(", ".join(event[1])))
            return None
        if kind == "oversize":
            self._log("dropped a message: {}, more than this board takes".format(event[1]))
            return None
        try:
            topic = event[1]  # it may be in the log, and in that of an answer (MQTT-3.3.2-2)
            good = 0 < len(topic) < _LONGEST and 43 not in topic and 35 not in topic
            topic = topic.decode()
            if not good or printable(topic) != topic:
                raise ProtocolError("a bad topic")
            meaning = self.dialect.decode(topic, event[2])
        except (ProtocolError, UnicodeError) as error:
            self._log("dropped a message: {}".format(error))
            return None
        if meaning is not None and meaning[0] == "reply":
            for entry in self._flight:
                if entry[_ID] == meaning[1]:
                    return self._done(entry, meaning[2])
            if meaning[2] is not None:
                self._log(str(meaning[2]))
            return None  # answered twice, or late; or about nothing that is in flight
        return meaning

    def _is_deaf(self):
        """Can no reply come?"""
        return any(name.endswith("_reply") for name in self._refused)

    def _acknowledged(self, entry, is_late):
        """PUBACK, or nothing in time."""
        if is_late:
            missing = "reply" if entry[_ACKED] else "PUBACK"
            return self._done(entry, TimedOut("no {} in time".format(missing)))
        entry[_ACKED] = True
        if entry[_ID] is None or not self.dialect.replies or self._is_deaf():
            return self._done(entry)
        self.client.expect(entry[_PACKET])
        return None

    def _done(self, entry, error=None):
        self._flight.remove(entry)
        self.client.forget(entry[_PACKET])
        if error is not None:
            self._keep([entry])
            return ("failed", entry[_KEY], error)
        if self.dialect.acked is not None:
            self.dialect.acked(entry[_KEY], entry[_ID])
        return ("acked", entry[_KEY], None)

    def _keep(self, entries):
        """Remembers the packet ids of what may be sent again without PUBACK."""
        if len(self._packets) > _MOST:  # of reports that were dropped meanwhile
            self._packets.clear()
        for entry in entries:
            if not entry[_ACKED]:
                self._packets[entry[_KEY]] = entry[_PACKET]

    def forget(self):
        """Nothing is in flight; returns the keys of what was."""
        flight, self._flight = self._flight, []
        self._keep(flight)
        return [entry[_KEY] for entry in flight]

    @property
    def busy(self):
        """bool, see cloud.session."""
        return self.client.busy

    def readable(self):
        """See cloud.session."""
        return self.client.readable()

    def close(self):
        """Says goodbye and closes."""
        self.client.disconnect()
        self.forget()
