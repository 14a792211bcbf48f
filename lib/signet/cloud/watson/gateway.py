"""How does a gateway report to Watson IoT Platform over MQTT, for itself and others?

It says in each topic whose event it is (`report.device`, or itself), and hears the commands of
all devices behind it; a device that the platform does not know is registered by its first event.
PUBACK means less than to a device: the platform acknowledges what it refuses, too, keeps the
connection, and says so in a notice, before PUBACK or soon after.  So "report 7 stored" means that
it was read and not refused so far.  A notice names the topic only: it is taken to be about the
oldest report to that topic that is in flight, or was until a moment ago.  If that was
acknowledged, it is gone, and a line of the log says which it was and how many were lost so;
if not, it fails, and is sent again where the trouble passes by itself.
Without a subscription that the platform refuses, reports still go; the next connection asks for
it again.

Source: Watson IoT "MQTT connectivity for gateways"; eclipse/amlen server_proxy, pxmqtt.c, and
ismrc.h for the codes.
"""

from micropython import const

from signet import clock, modules
from signet.cloud import mqtt_session
from signet.cloud.watson.behind import EVENT, Behind
from signet.errors import Refused, Rejected, Throttled
from signet.wire.exact_json import member, parse

_NOTICE_MS = const(10_000)  # so long after PUBACK a notice may still be about that report
# Codes of what passes by itself: capacity reached, no server, no messaging, too many
# authentication requests (a new device waits to be registered), too much in its buffers, no
# authorization service.
_PASSING = (104, 167, 168, 176, 178, 188)


class _Dialect(Behind):
    """See cloud/mqtt_session.py; decode also gives ("refused", topic, Rejected or Throttled)."""

    publish = (EVENT,)
    refusals = Behind.refusals.copy()
    refusals[5] = "check role, token, org_id, type_id, device_id and host"

    def __init__(self, config):
        self._config = config
        self._own = (config["type_id"], config["device_id"])
        self._notices = "iot-2/type/{}/id/{}/notify".format(*self._own)
        self.subscriptions = [("iot-2/type/+/id/+/cmd/+/fmt/+", 1), (self._notices, 1)]

    def _device(self, report):
        return report.device or self._own

    def decode(self, topic, payload):
        if topic == self._notices:
            return self._refused(parse(topic, payload))
        meaning = super().decode(topic, payload)
        if meaning is not None and meaning[1].device == self._own:
            meaning[1].device = None
        return meaning

    def _refused(self, notice):
        topic = member(notice, "Topic", self._notices, str)
        code = member(notice, "RC", self._notices, int)
        text = "{} refused: {}: RC {}: {}".format(
            member(notice, "Request", self._notices, str),
            topic,
            code,
            modules.call("signet.printable", "printable", notice.get("Message")),
        )
        return ("refused", topic, Throttled(text) if code in _PASSING else Rejected(text, code))


class _Session(mqtt_session.MqttSession):
    """See cloud/mqtt_session.py.

    Attributes:
        refused: int, reports that the platform has acknowledged and then refused.
    """

    def __init__(self, config, dialect, log):
        super().__init__(config, dialect, log)
        self.refused = 0
        self._recent = []  # (key, topic, ticks) of what was acknowledged lately, oldest first

    def _hear(self, timeout_ms):
        try:
            return super()._hear(timeout_ms)
        except Refused as error:
            self._log("{}; reports go on without it".format(error))
            return None

    def _meaning(self, event):
        meaning = super()._meaning(event)
        if meaning is None or meaning[0] != "refused":
            return meaning
        topic, error = meaning[1:]
        for entry in self._recent:
            late_ms = clock.ticks_diff(clock.ticks_ms(), entry[2])
            if entry[1] == topic and 0 <= late_ms < _NOTICE_MS:
                self._recent.remove(entry)
                self.refused += 1
                text = "report {} is lost, refused after its acknowledgement ({} so far): {}"
                self._log(text.format(entry[0], self.refused, error))
                return None
        for entry in self._flight:
            if self._dialect.topic(entry.report) == topic:
                return self._done(entry, error)
        self._log(str(error))
        return None

    def _done(self, entry, error=None):
        if error is None:
            topic = self._dialect.topic(entry.report)
            self._recent.append((entry.key, topic, clock.ticks_ms()))
            del self._recent[: -2 * self.window]
        return super()._done(entry, error)


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return _Session(config, _Dialect(config), log)
