"""How does a device report to EnOS over MQTT?

Measurepoints go to `thing/measurepoint/post`, those older than a minute to `.../resume`, which
EnOS does not treat as live; events to `thing/event/{id}/post`; several reports at once as
batch.py says.  Each is answered on its topic + "_reply".  Down come services and
`measurepoint/set`, answered in the same way.

Source: EnOS device SDK (Python), topic formats; EnOS "Upstream / downstream messages".
"""

from micropython import const

from signet import clock
from signet.cloud import mqtt_session, thing_mqtt
from signet.modules import call
from signet.reports.messages import check_name

_LATE_MS = const(60_000)

_SUBSCRIPTIONS = const(
    (
        "measurepoint/post_reply",
        "measurepoint/resume_reply",
        "measurepoint/post/batch_reply",
        "measurepoint/resume/batch_reply",
        "event/+/post_reply",
        "service/+",
        "service/measurepoint/set",
    )
)


class Dialect(thing_mqtt.Dialect):
    """See cloud/mqtt_session.py; config: dict from config.load."""

    max_payload_bytes = 524_288
    setting = "measurepoint/set"
    passing = (400, 429, 500, 6205)  # internal, too many, handler failed, timed out

    def __init__(self, config):
        names = config["product_key"], config["device_key"]
        super().__init__(names, _SUBSCRIPTIONS)

    def encode(self, report):
        where, key = "measurepoint/post", "measurepoints"
        if report.event is not None:
            check_name(report.event)
            where, key = "event/{}/post".format(report.event), "events"
        elif report.time_ms is not None and clock.unix_ms() - report.time_ms > _LATE_MS:
            where = "measurepoint/resume"
        head = '{{"id":"{}","version":"1.0","method":"thing.{}","params":{{"{}":'.format(
            report.id, where.replace("/", "."), key
        )
        time = b"}}"
        if report.time_ms is not None:
            time = b',"time":' + str(report.time_ms).encode() + time
        return self.prefix + where, b"".join((head.encode(), report.body, time))

    def batch(self, handover, key):
        late_ms = clock.unix_ms() - _LATE_MS
        return call("signet.cloud.enos.batch", "make", self.prefix, handover, key, late_ms)


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return mqtt_session.MqttSession(config, Dialect(config), log)
