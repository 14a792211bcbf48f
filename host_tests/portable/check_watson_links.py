"""How is a device program of Watson IoT Platform started in a test, by role?"""

import check
from signet import clock, modules

with modules.Tidy():  # what stays lies close together
    from signet.cloud.watson import mqtt
    from signet.link import Link


class Program:
    """A link with what it logs and hears."""

    def __init__(self, server, role="gateway", **changes):
        end = check.server(server)
        values = {
            "cloud": "watson",
            "host": end.get("name", end["host"]),
            "address": end["host"],
            "port": end["port"],
            "org_id": "myorg1",
            "type_id": "r",
            "device_id": "g",
            "app_id": "dash",
            "instance_id": None,
            "api_key": "a-myorg1-k",
            "subscribe": ["iot-2/type/+/id/+/evt/+/fmt/+"],
            "role": role,
            "token": "s3cr3t",
            "event": "status",
            "tls": "ca" in end,
            "trust": None,
            "keepalive_s": 60,
            "ack_timeout_s": 10,
            "clean_session": True,
            "window": 4,
            "report_interval_s": 60,
            "deep_sleep": False,
            "retry_s": 1,
            "drop": "oldest",
        }
        values.update(changes)
        self.lines = []
        self.heard = []
        with modules.Tidy():
            if "ca" in end:
                from signet.net import trust

                with open(end["ca"], "rb") as file:
                    values["trust"] = trust.context(file.read())
                trust = None
                modules.forget("signet.net.trust")  # as config does
            session = mqtt.session(values, self.lines.append)
        self.link = Link(session, values, check.outbox(self.lines.append), None, self.lines.append)
        self.link.on_command = self.heard.append

    def until(self, done):
        """Polls until `done()`, at most 5 s."""
        deadline = clock.Deadline(5000)
        while not done():
            assert not deadline.expired(), self.lines
            self.link.poll(20)

    def logs(self, start):
        """Polls until a line begins so; returns it."""

        def found():
            return [line for line in self.lines if line.startswith(start)]

        self.until(found)
        return found()[0]

    def hears(self, count=1):
        """Polls until so much has come; returns (kind, name, device, data) of the last."""
        self.until(lambda: len(self.heard) >= count)
        last = self.heard[-1]
        return last.kind, last.name, last.device, last.data
