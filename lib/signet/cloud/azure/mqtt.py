"""How does a device report to Azure IoT Hub over MQTT, and hear from it?

A report goes to `devices/{id}/messages/events/{properties}`; PUBACK says that the hub has it.  The
event "reported" goes to the device twin, as reported properties: what counts there is the hub's
answer, on `$iothub/twin/res/{status}/?$rid={id}`.

Down come direct methods, messages, and changes of the twin's desired properties, as the command
"set"; its answer is reported.  What was desired while the board was away is asked for at each
login: of that the command has what is not reported as desired.

A token ends, and the hub closes the connection then.  So the session logs in anew before, at a
moment when nothing is in flight, and the link does not notice.

Sources: Azure "Communicate with an IoT hub using the MQTT protocol"; azure-iot-device 2.14.0, the
names of properties.
"""

from binascii import unhexlify

from micropython import const

from signet import clock
from signet.cloud import mqtt_session
from signet.errors import ProtocolError, Rejected, Throttled
from signet.modules import call
from signet.reports.messages import Command, Report, check_name
from signet.wire import iso8601
from signet.wire.exact_json import dumps, loads, member, parse

_DPS = const("signet.cloud.azure.dps")
_METHOD = const("$iothub/methods/POST/")
_RESULT = const("$iothub/methods/res/")
_ANSWERS = const("$iothub/twin/res/")
_DESIRED = const("$iothub/twin/PATCH/properties/desired/?$version=")
_REPORTED = const("$iothub/twin/PATCH/properties/reported/?$rid=")
_JSON = const("$.ct=application%2Fjson&$.ce=utf-8&$.mid=")
_OWN = "own"  # key, and id, of what the session asks by itself, here and in dps.py
_AGAIN_MS = const(30_000)  # until that is asked for again
_LOOK_MS = const(100)


class Dialect:
    """See cloud/mqtt_session.py.

    Attributes:
        ask_at: clock.Deadline from which the twin is to be asked for; None where it was.
        until: clock.Deadline, how long its answer is awaited; None where it has come.
        logins: int, which one it is now: the answer to a method goes with that of its call.
    """

    max_payload_bytes = 261_120  # 256 KB, of which the properties are a part
    replies = True
    acked = batch = ask_at = until = None
    logins = 0

    def identify(self, device_id):
        """Takes the name by which the hub knows the device (str), for a login."""
        self.logins += 1
        self._prefix = prefix = "devices/{}/messages/".format(device_id)
        self.subscriptions = [
            prefix + "devicebound/#",
            _METHOD + "#",
            _ANSWERS + "#",
            _DESIRED.split("?")[0] + "#",
        ]

    def is_reply(self, topic):
        return topic.startswith(_ANSWERS)

    def check_topic(self, topic):
        good = self._prefix + "events/", _REPORTED, _RESULT
        if not any(topic.startswith(start) for start in good):
            raise Rejected("a device may publish to {}.., {}.. or {}.. only".format(*good))

    def encode(self, report):
        if report.event == "reported":
            return _REPORTED + str(report.id), report.body
        topic = self._prefix + "events/" + _JSON + str(report.id)
        if report.event is not None:
            check_name(report.event)
            topic += "&event=" + report.event
        if report.time_ms is not None:
            time = iso8601.text(report.time_ms).replace(":", "%3A")
            topic += "&iothub-creation-time-utc=" + time
        return topic, report.body

    def decode(self, topic, payload):
        try:
            if topic.startswith(_METHOD):
                # It comes once, and its id, a count of this connection, comes again in the next.
                name = topic[len(_METHOD) :].partition("/")[0]
                return (
                    "command",
                    Command(name, loads(payload, topic) if payload else None, topic),
                )
            if topic.startswith(_DESIRED):
                return _set(parse(topic, payload), {}, topic)
            if topic.startswith(_ANSWERS):
                return self._answered(topic, payload)
            start = self._prefix + "devicebound/"
            return (
                _message(topic, topic[len(start) :], payload) if topic.startswith(start) else None
            )
        except ValueError:
            raise ProtocolError("a bad topic: " + topic)

    def _answered(self, topic, payload):
        """Takes what the hub says of the twin."""
        status, _, rest = topic[len(_ANSWERS) :].partition("/?$rid=")
        id, status = rest.partition("&")[0], int(status)
        error = None
        if id == _OWN:
            self.until = None
        if status >= 300:
            text = "{}: {}".format(topic, str(payload[:128])[2:-1])
            passes = status == 429 or status >= 500
            error = Throttled(text) if passes else Rejected(text, status)
        elif id == _OWN:
            twin = parse(topic, payload)
            return _set(twin.get("desired"), twin.get("reported"), topic)
        if id == _OWN:
            self.ask_at = clock.Deadline(_AGAIN_MS)
        return ("reply", id, error)

    def answer(self, command, result):
        topic = command.topic
        failed = isinstance(result, Exception)
        if topic.startswith(_METHOD):
            if failed:
                result = {"message": "{}: {}".format(type(result).__name__, result)}
            id = topic.partition("?$rid=")[2]
            topic = "{}{}/?$rid={}".format(_RESULT, 500 if failed else 200, id)
            report = Report(dumps({} if result is None else result), topic=topic)
            report.login = self.logins
            return report
        if failed or not topic.startswith(_DESIRED):
            return None  # the twin has no place for it
        # A twin takes an object only.
        values = result if isinstance(result, dict) else command.data
        report = Report(dumps(values), topic=_REPORTED)
        report.topic += str(report.id)
        return report


def _set(desired, reported, topic):
    """Returns the command of what is desired and not reported so, both dict; None for nothing."""
    if not isinstance(desired, dict) or not isinstance(reported, dict):
        raise ProtocolError("no twin on " + topic)
    values = {}
    for name in desired:
        if name[:1] != "$" and (name not in reported or desired[name] != reported[name]):
            values[name] = desired[name]
    version = desired.get("$version")
    # By its own topic, from wherever we know of it: each version is executed once.
    return (
        ("command", Command("set", values, _DESIRED + str(version), version)) if values else None
    )


def _message(topic, bag, payload):
    """Returns a message from the cloud as a command: the name is in its property "command"."""
    found = {}
    for pair in bag.lstrip("/?").split("&"):  # the document has it both ways
        name, _, value = pair.partition("=")
        found[_unquoted(name)] = _unquoted(value)
    if found.get("$.ct") == "application/json":
        payload = loads(payload, topic)
    name = member(found, "command", topic, str) if found.get("command") else "message"
    return ("command", Command(name, payload, topic, found.get("$.mid")))


def _unquoted(text):
    parts = text.encode().split(b"%")
    return (parts[0] + b"".join([unhexlify(each[:2]) + each[2:] for each in parts[1:]])).decode()


class AzureSession(mqtt_session.MqttSession):
    """See cloud/session.py; arguments as of MqttSession."""

    def __init__(self, config, dialect, log):
        super().__init__(config, dialect, log)
        self._config, self._log = config, log
        self._host = config["host"]
        self._registration = self._ends = None
        self._renews = False

    def begin(self, deadline):
        """See cloud/session.py.

        Raises:
            Throttled: the clock is not set, and there is no token without. Lost: no such name.
        """
        config = self._config
        self._ends = None
        if config.get("id_scope") and not config["hub"]:
            self._opened = False
            self._registration = call(_DPS, "begin", config, self.client, deadline, self._log)
            if self._registration is not None:
                return
        self.dialect.identify(config["device_id"])
        super().begin(deadline)
        self.dialect.ask_at = clock.Deadline(0)
        if config["cert"] is None:
            self._ends = clock.Deadline(config["token_s"] * 875)  # seven eighths of it

    def pending(self, timeout_ms):
        """See cloud/session.py: a board does not sleep before it knows what is desired of it."""
        ask_at, until = self.dialect.ask_at, self.dialect.until
        if ask_at is not None:
            return ask_at.expired()
        return until is not None and not until.expired()

    def _begin_again(self):
        self.client.disconnect()
        self.begin(clock.Deadline(self._config["open_timeout_s"] * 1000))
        self.client.busy = True

    def submit(self, key, report, last=False):
        """See cloud/session.py; while the token is about to end only answers to methods are taken.

        Raises:
            Rejected: who called the method went with the connection. Its id may be another's now.
        """
        login = getattr(report, "login", 0)
        if login and login != self.dialect.logins:
            raise Rejected("too late, the call of the method ended with its connection")
        if self._opened and (login or not (self._ends and self._ends.expired())):
            return super().submit(key, report, last)
        return self.client.holds(key)

    def reply_id(self, key, report, topic):
        """See MqttSession."""
        return topic[len(_REPORTED) :] if topic.startswith(_REPORTED) else None

    def poll(self, timeout_ms):
        """See cloud/session.py."""
        try:
            if self._config.get("id_scope") and self._registration is not None:
                if self._registration.poll(timeout_ms):
                    self._registration = None
                    self._begin_again()
                return None
            if self._config["cert"] is None and self._ends is not None:
                left_ms = self._ends.remaining_ms()
                if not left_ms and self._opened and not self.client.flight:
                    self._renews = True
                    self._begin_again()
                    return None
                timeout_ms = min(timeout_ms, left_ms or timeout_ms)
            if self.dialect.ask_at is not None:
                timeout_ms = self._ask(timeout_ms)
        except Exception as error:  # of whatever kind: the link must go on
            event = self.lost(error)
        else:
            event = super().poll(timeout_ms)
        return event and self._judged(event)

    def _ask(self, timeout_ms):
        """Asks for the twin when it is time; returns for how long `poll` may wait."""
        dialect, client = self.dialect, self.client
        if dialect.ask_at.expired() and client.ready and not client.asked:
            dialect.ask_at = None
            dialect.until = clock.Deadline(self._config["ack_timeout_s"] * 1000)
            client.publish("$iothub/twin/GET/?$rid=" + _OWN, b"", _OWN)
            return timeout_ms
        return min(timeout_ms, max(dialect.ask_at.remaining_ms(), _LOOK_MS))

    def _judged(self, event):
        """Returns the event without what only we know of."""
        if event[0] == "lost":
            self._forget()
            while _OWN in event[2]:
                event[2].remove(_OWN)
            refused = not self._opened and getattr(event[1], "code", None)
            if self._config.get("id_scope") and refused:
                try:
                    call(_DPS, "refused", self._config, self._host, self._log)
                except MemoryError:  # the next refusal may find some
                    pass
            return event
        return event if len(event) == 1 or event[1] != _OWN else None

    def _connected(self):
        event = super()._connected()
        if not self._renews:
            return event
        self._renews = False
        self._log("logged in with a new token")
        return None

    def close(self):
        """Says goodbye and closes."""
        self._forget()
        super().close()

    def _forget(self):
        self._registration = self._ends = None
        self._renews = False
        self.dialect.ask_at = self.dialect.until = None


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return AzureSession(config, Dialect(), log)
