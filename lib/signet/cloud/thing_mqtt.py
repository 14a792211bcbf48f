"""What does a cloud of thing models say over MQTT, and what is it answered?

It answers a post on its topic + "_reply" with {"id":"1","code":200,...}: only that says that the
cloud has it.  What it asks for has an envelope of that kind, and is answered in the same way.

Sources: Alink protocol (Alibaba, "Device properties, events, and services"); EnOS "MQTT:
upstream / downstream messages".
"""

from micropython import const

from signet.errors import Rejected, Throttled
from signet.reports.messages import Command, Report
from signet.wire.exact_json import dumps, member, parse, printable

_OK = const(200)
_HANDLER_FAILED = const(500)
_LONGEST = const(256)  # characters of a cloud's message


class Dialect:
    """What the clouds of thing models have in common; see cloud/mqtt_session.py.

    Args:
        names: (product key, device name).
        subscriptions: tuple of str, each after "/sys/{product key}/{device name}/thing/".
    Attributes, of each cloud's own:
        setting: str, what follows "service/" where the cloud sets values.
        passing: codes of troubles that pass by themselves.
    """

    replies = True
    acked = None

    def __init__(self, names, subscriptions):
        self.prefix = prefix = "/sys/{}/{}/thing/".format(*names)
        self.subscriptions = [prefix + each for each in subscriptions]

    def check_topic(self, topic):
        pass

    def is_reply(self, filter):
        return filter.endswith("_reply")

    def decode(self, topic, payload):
        if not topic.startswith(self.prefix):
            return None
        where = topic[len(self.prefix) :]
        if not where.startswith("service/"):
            return self._reply(topic, payload) if where.endswith("_reply") else None
        if where.endswith("_reply"):  # our own answer, where the subscription covers it
            return None
        body = parse(topic, payload)
        id = None if body.get("id") is None else member(body, "id", topic, str, int)
        name = where[8:]
        if name == self.setting:
            name = "set"
        return ("command", Command(name, body.get("params"), topic, id))

    def _reply(self, topic, payload):
        """Says what the cloud's answer to a post means."""
        body = parse(topic, payload)
        code = member(body, "code", topic, int)
        error = None
        if code != _OK:
            text = "{}: code {}: {}".format(topic, code, printable(body.get("message"), _LONGEST))
            error = Throttled(text) if code in self.passing else Rejected(text, code)
        return ("reply", str(member(body, "id", topic, str, int)), error)

    def answer(self, command, result):
        if command.id is None:
            return None
        body = {"id": command.id, "version": "1.0", "code": _OK, "data": {}, "message": "success"}
        if isinstance(result, Exception):
            body["code"] = _HANDLER_FAILED
            body["message"] = "{}: {}".format(type(result).__name__, result)
        elif result is not None:
            body["data"] = result
        return Report(dumps(body), topic=command.topic + "_reply")
