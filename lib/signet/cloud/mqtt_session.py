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
    batch(handover, key)      where it answers: see cloud/session.py
    is_reply(filter)          where it answers: bool, is it replies that this subscription brings?
    acked                     None, or a function of (key, topic): told of each report that is
                              acknowledged

A report counts as handed over when the broker acknowledged it (PUBACK), or, where the cloud
replies, when the cloud's own reply says so: a PUBACK alone proves that a broker had it.  Where the
topics of replies are refused, none can come, and PUBACK counts.
"""

from micropython import const

from signet import clock, modules
from signet.client.mqtt import MQTTClient
from signet.cloud.dial import connect, load
from signet.cloud.session import Session
from signet.errors import ProtocolError, Rejected, TimedOut
from signet.wire.exact_json import printable

_REFUSED_MS = const(3_600_000)  # until a refused subscription is asked for again
_LONGEST = const(512)  # bytes of a topic


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
            self.answer, self.batch = dialect.answer, dialect.batch
        self._log = log
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
            self.client.begin(channel, login)
        except BaseException:  # no memory
            channel.close()
            raise

    def _connected(self):
        self._subscribe(self.dialect.subscriptions)
        self._opened = True
        return ("opened",)

    def _subscribe(self, topics):
        self._refused = []
        self.client.replies = self.dialect.replies
        if topics:
            self.client.subscribe(topics)

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
        client = self.client
        if client.holds(key):
            return True
        if len(client.flight) - client.asked >= self.window or not client.ready:
            return False
        dialect = self.dialect
        if report.topic is None:
            topic, payload = dialect.encode(report)
        else:
            topic, payload = report.topic, report.body
            dialect.check_topic(topic)
        id = self.reply_id(key, report, topic) if dialect.replies else None
        if dialect.acked is not None:
            id = topic
        if len(payload) > dialect.max_payload_bytes:
            raise Rejected("{} bytes are more than this cloud takes".format(len(payload)))
        client.publish(topic, payload, key, id)
        return True

    def reply_id(self, key, report, topic):
        """Returns the id (str) of the reply to what is published; None where PUBACK is all."""
        return str(report.id) if report.topic is None or isinstance(key, tuple) else None

    def poll(self, timeout_ms):
        """Waits for one event, see cloud.session; None early where it means nothing.

        Args:
            timeout_ms: int, 0 for one step.
        """
        client = self.client
        try:
            if self._refused and client.ready and self._refused_until.expired():
                self._subscribe(self._refused)
            event = client.poll(timeout_ms)
            return event and self._handle(event)
        except Exception as error:  # of whatever kind: the link must go on
            return self.lost(error)

    def lost(self, error):
        """Closes, and returns the event that says so."""
        self.client.close()
        return ("lost", self._explained(error), self.client.forget())

    def _handle(self, event):
        kind = event[0]
        if kind == "acked":
            if self.dialect.acked is not None:
                self.dialect.acked(event[1], event[2])
            return (kind, event[1], None)
        if kind == "late":
            return ("failed", event[1], TimedOut("no {} in time".format(event[2])))
        if kind == "alive":
            return event
        if kind == "connected":
            return self._connected()
        if kind == "refused":
            self._refused += event[1]
            self._refused_until = clock.Deadline(_REFUSED_MS)
            text = "subscription to {} refused; reports go on without it"
            dialect = self.dialect
            if dialect.replies and any(dialect.is_reply(name) for name in self._refused):
                self.client.replies = False
                text += ", PUBACK acknowledges them"
            self._log(text.format(", ".join(event[1])))
            return None
        if kind == "oversize":
            self._log("dropped a message: {}, more than this board takes".format(event[1]))
            return None
        return self._heard(event[1], event[2])

    def _heard(self, topic, payload):
        """Takes a message; both bytes."""
        try:  # it may be in the log, and in that of an answer (MQTT-3.3.2-2)
            good = 0 < len(topic) < _LONGEST and 43 not in topic and 35 not in topic
            topic = topic.decode()
            if not good or printable(topic) != topic:
                raise ProtocolError("a bad topic")
            meaning = self.dialect.decode(topic, payload)
        except (ProtocolError, UnicodeError) as error:
            self._log("dropped a message: {}".format(error))
            return None
        if meaning is None or meaning[0] != "reply":
            return meaning
        _, id, error = meaning
        key = self.client.replied(id)
        if key is not None:
            if error is not None:
                return ("failed", key, error)
            return self._handle(("acked", key, id))
        if error is not None:
            self._log(str(error))
        return None  # answered twice, or late; or about nothing that is in flight

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
        self.client.forget()
