"""What becomes of the templates in device.json?

In topics: {id}, the client id; {event}, an event's name; {name} and {message_id}, a whole level of
a command's topic, and in that of its answer.

A body is JSON, in which these texts stand for a value: "{values}", what is reported, once;
"{time_ms}", Unix ms, a number; "{iso}", the same time as RFC 3339 text; "{event}", "{message_id}"
and "{id}", texts; in the body of an answer "{result}" and "{message_id}". A member that has no
value, the time of a report without one, or the event of what is none, is left out.

What is left of a body is a text before the values, and one behind them, for `str.format` of
(time_ms, event, message id, iso).  Loaded when device.json is checked, and forgotten.
"""

import json

from micropython import const

from signet.errors import ConfigError
from signet.modules import call

_TIMES = const(("{time_ms}", "{iso}"))
_IN_REPORTS = const(
    (
        ('"{{time_ms}}"', "{0}"),
        ('"{{event}}"', '"{1}"'),
        ("{{message_id}}", "{2}"),
        ('"{{iso}}"', '"{3}"'),
    )
)
_IN_ANSWERS = const((('"{{message_id}}"', "{2}"),))  # a command's is a text or a number
_GONE = object()
_EXAMPLE = const('{"ts": "{time_ms}", "values": "{values}"}')


def work_out(config):
    """Works out what the dialect needs, and takes out what it was made of.

    Args:
        config: dict, filled by presets.py; gets `forms`, four of [before, behind]: a report with
            its time, without it, an event with its time, without it; `iso`, bool;
            `subscriptions`; `commands`, a list of [topic's rule, member of the name, of the data,
            of the id, [answer's topic, before, behind, is a failure told] or None]; `reply`,
            [topic, topic of refusals or None, member of the id] or None; `announce`, a list of
            [topic, text], to be retained at each connection.
    Raises:
        ConfigError: names the key, what is wrong in it, and an example.
    """
    for key in ("topic", "will_topic", "reply_topic", "reject_topic"):
        _topic(config, key)
    if config["event_topic"] is None:
        config["event_topic"] = config["topic"]
    _topic(config, "event_topic", "{event}")
    _topic(config, "command_topic", "{name}", "{message_id}")
    _topic(config, "answer_topic", "{name}", "{message_id}")
    config["forms"] = forms = _forms(config)
    config["iso"] = any("{3}" in before + behind for before, behind in forms)
    config["commands"] = _commands(config)
    config["subscriptions"] = [
        each[0].replace("{name}", "+").replace("{message_id}", "+") for each in config["commands"]
    ]
    config["reply"] = None
    if config["reply_topic"] is not None:
        if not all("{2}" in before + behind for before, behind in forms):
            text = 'must hold "{message_id}", by which a reply names the report'
            raise ConfigError("body", text, _EXAMPLE)
        topics = config["reply_topic"], config["reject_topic"]
        config["subscriptions"] += [each for each in topics if each is not None]
        config["reply"] = topics + (config["reply_member"],)
    config["announce"] = announce = []
    if config["preset"] == "homeassistant" and config["sensors"] is not None:
        announce.append(call("signet.cloud.broker.discovery", "message", config))
    if config["will_topic"] is not None:
        announce.append((config["will_topic"], config["birth"]))
    for key in ("body", "event_body", "answer_body", "sensors", "set", "command"):
        config[key] = None


def _topic(config, key, *words):
    """Puts the client id into a topic, which may hold these words beside."""
    topic = config[key]
    if topic is None:
        return
    config[key] = topic = topic.replace("{id}", config["client_id"])
    for word in words:
        topic = topic.replace(word, "")
    if "{" in topic or "}" in topic:
        raise ConfigError(key, "may hold {}".format(", ".join(("{id}",) + words)), '"home/{id}"')


def _forms(config):
    body = config["body"]
    if not isinstance(body, tuple):
        event = config["event_body"]
        event = body if event is None else event
        body = body, body, event, event
    forms = []
    for at, each in enumerate(body):
        absent = () if at > 1 else ("{event}",)
        if at % 2:
            absent += _TIMES
        key = "event_body" if at > 1 and config["event_body"] is not None else "body"
        forms.append(_split(config, key, _pruned(each, absent), "values"))
    return forms


def _pruned(value, absent):
    """Leaves out the members that hold one of the texts `absent`."""
    if isinstance(value, dict):
        found = {}
        for key in value:
            item = _pruned(value[key], absent)
            if item is not _GONE and key not in absent:
                found[key] = item
        return found
    if isinstance(value, list):
        return [item for item in (_pruned(each, absent) for each in value) if item is not _GONE]
    return _GONE if value in absent else value


def _split(config, key, body, word):
    """Returns [before, behind] the text "{word}" in a body."""
    text = "" if body is _GONE else json.dumps(body)
    text = text.replace("{", "{{").replace("}", "}}")
    text = text.replace("{{id}}", json.dumps(config["client_id"])[1:-1])
    for each, place in _IN_ANSWERS if word == "result" else _IN_REPORTS:
        text = text.replace(each, place)
    parts = text.split('"{{%s}}"' % word)
    text = None
    if len(parts) != 2:
        text = 'must be JSON that holds "{%s}" once; for an event, see event_body' % word
    elif any(each[:1] not in '"}' for each in "".join(parts).split("{{")[1:]):
        text = "holds a word in {} that is none of those for it, or not a whole text"
    if text:
        raise ConfigError(key, text, _EXAMPLE.replace("values}", word + "}"))
    return parts


def _commands(config):
    found = []
    if not config["commands"]:
        return found
    topic = config["command_topic"]
    if topic is not None:
        for level in topic.split("/"):
            if "{" in level and level not in ("{name}", "{message_id}"):
                text = "may hold {name} and {message_id} as a whole level only"
                raise ConfigError("command_topic", text, '"home/{id}/command/{name}"')
        answer = _answer(config, config["answer_topic"], config["answer_body"])
        found.append((topic,) + tuple(config["command"]) + (answer,))
    if config["set"] is not None:
        topic, data, id, answer, body = config["set"]
        config["set_topic"], config["set_answer"] = topic, answer
        _topic(config, "set_topic")
        _topic(config, "set_answer")
        answer = _answer(config, config.pop("set_answer"), body, False)
        found.append((config.pop("set_topic"), None, data, id, answer))
    return found


def _answer(config, topic, body, tells=True):
    if topic is None:
        return None
    before, behind = _split(config, "answer_body", body, "result")
    return topic, before, behind, tells
