"""How does a gateway report to Watson IoT Platform over MQTT, for itself and others?

It says in each topic whose event it is (`report.device`, or itself), and hears the commands of
all devices behind it; a device that the platform does not know is registered by its first event.
The platform keeps the connection when it refuses a topic: a notice says so, which fails the
report where it is still in flight, and is a line of the log where it is not.  Without a
subscription that it refuses, reports still go; the next connection asks for it again.

Source: Watson IoT "MQTT connectivity for gateways"; eclipse/amlen server_proxy, pxmqtt.c.
"""

from signet.cloud import mqtt, thing
from signet.cloud.watson.behind import EVENT, Behind
from signet.errors import Refused, Rejected


class _Dialect(Behind):
    """See cloud/mqtt.py; decode also gives ("refused", topic, Rejected)."""

    publish = (EVENT,)
    refusals = Behind.refusals.copy()
    refusals[5] = "check role, token, org_id, type_id and device_id"

    def __init__(self, config):
        self._config = config
        self._own = (config["type_id"], config["device_id"])
        self._notices = "iot-2/type/{}/id/{}/notify".format(*self._own)
        self.subscriptions = [("iot-2/type/+/id/+/cmd/+/fmt/+", 1), (self._notices, 1)]

    def _device(self, report):
        return report.device or self._own

    def decode(self, topic, payload):
        if topic == self._notices:
            return self._refused(thing.parse(topic, payload))
        meaning = super().decode(topic, payload)
        if meaning is not None and meaning[1].device == self._own:
            meaning[1].device = None
        return meaning

    def _refused(self, notice):
        topic, code = notice.get("Topic"), notice.get("RC")
        text = "{} refused: {}: RC {}: {}".format(
            notice.get("Request", "a request"), topic, code, notice.get("Message")
        )
        return ("refused", topic, Rejected(text, code))


class _Session(mqtt.MqttSession):
    """See cloud/mqtt.py."""

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
        for entry in self._flight:
            if self._dialect.topic(entry.report) == meaning[1]:
                return self._done(entry, meaning[2])
        self._log(str(meaning[2]))
        return None


def session(config, log):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return _Session(config, _Dialect(config), log)
