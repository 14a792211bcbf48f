"""How does a device report to EnOS over MQTT?

Measurepoints go to `thing/measurepoint/post`, those older than a minute to `.../resume`, which
EnOS does not treat as live; events to `thing/event/{id}/post`.  Each is answered on its topic +
"_reply".  Down come services and `measurepoint/set`, answered in the same way.

Source: EnOS device SDK (Python), topic formats; EnOS "Upstream / downstream messages".
"""

from micropython import const

from signet import clock
from signet.cloud import mqtt_session, thing, thing_mqtt
from signet.reports.messages import check_name
from signet.wire.exact_json import dumps

_LATE_MS = const(60_000)


# Codes of a reply that says "not now": internal, too many, handler failed, timed out.
_PASSING = (400, 429, 500, 6205)


class Dialect:
    """See cloud/mqtt_session.py; config: dict from config.load."""

    max_payload_bytes = 524_288
    acked = None

    def __init__(self, config):
        self._prefix = prefix = "/sys/{}/{}/thing/".format(
            config["product_key"], config["device_key"]
        )
        self.subscriptions = [
            (prefix + "measurepoint/post_reply", 1),
            (prefix + "measurepoint/resume_reply", 1),
            (prefix + "event/+/post_reply", 1),
            (prefix + "service/+", 1),
            (prefix + "service/measurepoint/set", 1),
        ]

    def check_topic(self, topic):
        pass

    def encode(self, report, message_id):
        where, key = "measurepoint/post", "measurepoints"
        if report.event is not None:
            check_name(report.event)
            where, key = "event/{}/post".format(report.event), "events"
        elif report.time_ms is not None and clock.unix_ms() - report.time_ms > _LATE_MS:
            where = "measurepoint/resume"
        params = '{"' + key + '":' + dumps(report.values)
        if report.time_ms is not None:
            params += ',"time":' + str(report.time_ms)
        method = "thing." + where.replace("/", ".")
        return self._prefix + where, thing.request(message_id, method, params + "}"), True

    def decode(self, topic, payload):
        if not topic.startswith(self._prefix):
            return None
        where = topic[len(self._prefix) :]
        if where.endswith("_reply"):
            return thing_mqtt.answer(topic, payload, _PASSING)
        if where == "service/measurepoint/set":
            return thing_mqtt.command("set", topic, payload)
        if where.startswith("service/"):
            return thing_mqtt.command(where[8:], topic, payload)
        return None

    def result(self, command, value):
        return thing_mqtt.result(command, value)


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return mqtt_session.MqttSession(config, Dialect(config), log)
