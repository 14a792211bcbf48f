"""When is a report at QoS 0 told of as acknowledged?  When it has left; nobody says more.

Source: MQTT 3.1.1 (OASIS, 2014), 4.3.1.
"""

from micropython import const

from signet.cloud.broker.session import Session

_RETAINED = const(1)


class AtMostOnce(Session):
    """See session.py; arguments as there."""

    def __init__(self, config, dialect, log):
        super().__init__(config, dialect, log)
        self._sent = []  # keys of what is told of once nothing is left to go
        self.client.publish = self._publish

    def _publish(self, topic, payload, key, id):
        self.client.publish_once(topic, payload, self.client.first_byte & _RETAINED)
        self._sent.append(key)

    def submit(self, key, report, last=False):
        """See cloud/session.py."""
        return key in self._sent or super().submit(key, report, last)

    def poll(self, timeout_ms):
        """See cloud/session.py."""
        if self._sent and self.client.ready:
            return ("acked", self._sent.pop(0), None)
        event = super().poll(timeout_ms)
        if event is not None and event[0] == "lost":
            event, self._sent = ("lost", event[1], event[2] + self._sent), []
        return event

    @property
    def busy(self):
        """bool, see cloud/session.py."""
        return self.client.busy or (self.client.ready and len(self._sent) > 0)

    def close(self):
        """See cloud/session.py."""
        self._sent = []
        super().close()
