"""How does a device report to any MQTT broker, in words of its own?

Topics and bodies are as templates.py has worked them out of device.json.  PUBACK is the
acknowledgement: the broker has the report, and nobody says whether anyone else has. Some brokers
acknowledge what their access control denies.  Where device.json names a `reply_topic`, what is
answered there counts instead.
"""

from signet.cloud.broker.session import Session
from signet.errors import ProtocolError
from signet.modules import call
from signet.reports.messages import Command, Report, check_name
from signet.wire.exact_json import dumps, loads, member, parse


class Dialect:
    """See cloud/mqtt_session.py; config: dict from config.load."""

    max_payload_bytes = 131_072
    acked = batch = None

    def __init__(self, config):
        self._config = config
        self.subscriptions = config["subscriptions"]
        self.replies = config["reply"] is not None

    def check_topic(self, topic):
        pass

    def is_reply(self, filter):
        return filter == self._config["reply_topic"]

    def encode(self, report):
        config = self._config
        event, time_ms = report.event, report.time_ms
        topic, at = config["topic"], 0
        if event is not None:
            check_name(event)
            topic, at = config["event_topic"].replace("{event}", event), 2
        iso = None
        if config["iso"] and time_ms is not None:
            from signet.wire import iso8601

            iso = iso8601.text(time_ms)
        before, behind = config["forms"][at + (time_ms is None)]
        what = time_ms, event, report.id, iso
        parts = before.format(*what).encode(), report.body, behind.format(*what).encode()
        return topic, b"".join(parts)

    def decode(self, topic, payload):
        config = self._config
        if self.replies and topic in config["reply"][:2]:
            return self._replied(topic, parse(topic, payload))
        levels = topic.split("/")
        for rule, *members, answer in config["commands"]:
            found = _levels(rule.split("/"), levels)
            if found is not None:
                return ("command", _command(found, members, answer, topic, payload))
        return None

    def _replied(self, topic, body):
        id = body.get(self._config["reply"][2])
        if id is None:  # about what somebody else has said there
            return None
        error = None
        if topic != self._config["reply_topic"]:
            error = call("signet.cloud.broker.refusals", "rejected", topic, body)
        return ("reply", str(id), error)

    def answer(self, command, result):
        if command.answer is None:
            return None
        (topic, before, behind, tells), id = command.answer
        if id is None and "{message_id}" in topic:
            return None
        if isinstance(result, Exception):
            if not tells:
                return None
            result = {"error": "{}: {}".format(type(result).__name__, result)}
        topic = topic.replace("{name}", command.name).replace("{message_id}", str(id))
        what = None, None, "null" if id is None else dumps([id])[1:-1].decode()
        if result is None:  # what a shadow desires is so now
            result = {} if tells else command.data
        parts = before.format(*what).encode(), dumps(result), behind.format(*what).encode()
        return Report(b"".join(parts), topic=topic)


def _levels(rule, levels):
    """Returns what stands in a topic where its rule has {name} and {message_id}, None if none."""
    found = {}
    if len(rule) != len(levels):
        return None
    for part, level in zip(rule, levels):
        if part[:1] == "{":
            found[part] = level
        elif part != level:
            return None
    return found


def _command(found, members, answer, topic, payload):
    name_in, data_in, id_in = members
    try:
        data = loads(payload, topic) if payload else None
    except ProtocolError:  # "ON" is none
        data = payload
    name, id = found.get("{name}", "set"), found.get("{message_id}")
    if isinstance(data, dict):
        if name_in is not None:
            name = member(data, name_in, topic, str)
        if id_in is not None and data.get(id_in) is not None:
            id = member(data, id_in, topic, str, int)
        if data_in is not None:
            data = data.get(data_in)
    # ThingsBoard's, in the topic only, is a count that may begin anew: it tells nothing apart.
    command = Command(name, data, topic, None if id_in is None else id)
    command.answer = answer and (answer, id)
    return command


def session(config, log, state=None):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    kind = Session
    if not config["qos"]:
        from signet.cloud.broker.at_most_once import AtMostOnce

        kind = AtMostOnce
    return kind(config, Dialect(config), log)
