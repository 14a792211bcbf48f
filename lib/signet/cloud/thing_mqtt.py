"""What does a cloud of thing models say over MQTT, and what is it answered?

It answers a post on its topic + "_reply" with {"id":"1","code":200,...}: only that says that the
cloud has it.  What it asks for has the envelope of thing.py, and is answered in the same way.

Sources: as in thing.py.
"""

from micropython import const

from signet.errors import Rejected, Throttled
from signet.modules import call
from signet.reports.messages import Command
from signet.wire.exact_json import dumps, member, parse

_OK = const(200)
_HANDLER_FAILED = const(500)


def answer(topic, payload, passing):
    """Says what the cloud's answer to a post means.

    Args:
        topic: str, ends with _reply.
        payload: bytes.
        passing: codes of troubles that pass by themselves.
    Returns:
        ("reply", id str, error): None when the cloud has it, Throttled for a passing trouble,
        Rejected when this report will never be taken.
    Raises:
        ProtocolError: it is no such answer.
    """
    body = parse(topic, payload)
    code = member(body, "code", topic, int)
    error = None
    if code != _OK:
        message = call("signet.printable", "printable", body.get("message"))
        text = "{}: code {}: {}".format(topic, code, message)
        error = Throttled(text) if code in passing else Rejected(text, code)
    return ("reply", str(member(body, "id", topic, str, int)), error)


def command(name, topic, payload):
    """Returns ("command", Command) for a request that came down; ProtocolError for another."""
    body = parse(topic, payload)
    id = None if body.get("id") is None else member(body, "id", topic, str, int)
    return ("command", Command(name, body.get("params"), topic, id))


def result(command, value):
    """Builds the answer to a command.

    Args:
        command: Command.
        value: dict that the board returns, None for an empty one, or the exception it raised.
    Returns:
        (topic str, payload bytes); None for a command without an id, which wants no answer.
    """
    if command.id is None:
        return None
    body = {"id": command.id, "version": "1.0", "code": _OK, "data": {}, "message": "success"}
    if isinstance(value, Exception):
        body["code"] = _HANDLER_FAILED
        body["message"] = "{}: {}".format(type(value).__name__, value)
    elif value is not None:
        body["data"] = value
    return command.topic + "_reply", dumps(body).encode()
