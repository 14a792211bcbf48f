"""What does a session with a plain broker do beside that of a cloud?

It has reports retained where device.json says so, tells at each connection that the device is
there, and leaves without a goodbye where there is a will: so the broker publishes that at once.
AWS closes the connection without a word where a topic is not allowed; then it says what to check.
Where nobody answers on `reply_topic`, it is no report's fault: all of them wait.

Sources: MQTT 3.1.1 (OASIS, 2014), 3.1.2.5 and 3.3.1; AWS IoT Core "MQTT", authorization.
"""

from micropython import const

from signet.cloud.mqtt_session import MqttSession
from signet.errors import Lost, Throttled

_QOS_1 = const(0x32)  # PUBLISH
_RETAINED = const(1)


class Session(MqttSession):
    """See cloud/mqtt_session.py; arguments as there."""

    _answers = False  # somebody has answered since a reply was late

    def __init__(self, config, dialect, log):
        super().__init__(config, dialect, log)
        self.answer = dialect.answer
        self.config = config

    def submit(self, key, report, last=False):
        """See cloud/session.py."""
        retained = self.config["retain"] and report.topic is None and report.event is None
        self.client.first_byte = _QOS_1 | _RETAINED if retained else _QOS_1
        return super().submit(key, report, last)

    def poll(self, timeout_ms):
        """See cloud/session.py."""
        event = super().poll(timeout_ms)
        if event is None:
            return None
        if self.config["preset"] == "aws" and event[0] == "lost":
            _, error, keys = event
            if keys and isinstance(error, Lost):  # missing memory stays what it is
                text = "{}; does the policy of `cert` allow the topics?"
                return ("lost", Lost(text.format(error)), keys)
        if event[0] == "opened":
            try:
                for topic, text in self.config["announce"]:
                    self.client.publish_once(topic, text.encode(), _RETAINED)
            except Exception as error:  # of memory
                return self.lost(error)
        return event

    def _handle(self, event):
        if event[0] == "acked" and event[2] is not None:
            self._answers = True
        elif event[0] == "late" and event[2] == "reply":
            answers, self._answers = self._answers, False
            if not answers:
                text = "nobody answers on {}"
                return ("failed", event[1], Throttled(text.format(self.config["reply_topic"])))
        return super()._handle(event)

    def close(self):
        """Closes; see cloud/session.py."""
        if self.config["will_topic"] is not None:
            self.client.close()
        super().close()
