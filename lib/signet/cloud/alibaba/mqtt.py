"""How does a device report to Alibaba Cloud IoT Platform over MQTT?

The thing model: properties go to `thing/event/property/post`, events to `thing/event/{id}/post`,
each answered on its topic + "_reply".  Down come `thing/service/property/set` and
`thing/service/{id}`, answered in the same way.

Source: Alink protocol, "Device properties, events, and services".
"""

import json

from signet.cloud import mqtt, thing

# Codes of a reply that says "not now": too many requests, internal.
_PASSING = (429, 500)


class _Dialect:
    """See cloud/mqtt.py; config: dict from config.load."""

    max_payload_bytes = 262_144
    refusals = {
        2: "check client_id",
        4: "check device_secret and sign_method",
        5: "check product_key and device_name, and that the device is enabled",
    }

    def __init__(self, config):
        self._prefix = prefix = "/sys/{}/{}/thing/".format(
            config["product_key"], config["device_name"]
        )
        self.subscriptions = [
            (prefix + "event/+/post_reply", 1),
            (prefix + "service/property/set", 1),
            (prefix + "service/+", 1),
        ]

    def check_topic(self, topic):
        pass

    def encode(self, report, message_id):
        if report.event is not None:
            thing.check_name(report.event)
            where = "event/{}/post".format(report.event)
            params = _timed(thing.dumps(report.values), report.time_ms)
        else:
            where = "event/property/post"
            thing.check(report.values)
            params = ",".join(
                json.dumps(name) + ":" + _timed(json.dumps(value), report.time_ms)
                for name, value in report.values.items()
            )
            params = "{" + params + "}"
        method = "thing." + where.replace("/", ".")
        return self._prefix + where, thing.request(message_id, method, params), True

    def decode(self, topic, payload):
        if not topic.startswith(self._prefix):
            return None
        where = topic[len(self._prefix) :]
        if where.startswith("event/") and where.endswith("/post_reply"):
            return thing.answer(topic, thing.parse(topic, payload), _PASSING)
        if where == "service/property/set":
            return thing.command("set", topic, thing.parse(topic, payload))
        if where.startswith("service/") and not where.endswith("_reply"):
            return thing.command(where[8:], topic, thing.parse(topic, payload))
        return None  # our own answers come back where the subscription covers them

    def result(self, command, value):
        return thing.result(command, value)


def _timed(value, time_ms):
    if time_ms is None:
        return '{"value":' + value + "}"
    return '{"value":' + value + ',"time":' + str(time_ms) + "}"


def session(config, log):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return mqtt.MqttSession(config, _Dialect(config), log)
