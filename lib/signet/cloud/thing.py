"""Which envelope do thing models travel in?  EnOS and Alibaba share it, down to the reply.

Up:    {"id":"1","version":"1.0","method":"thing...post","params":{...}}, answered on its topic
       + "_reply" with {"id":"1","code":200,...}; only that answer says that the cloud has it.
Down:  the same shape, answered by the device on topic + "_reply".

Sources: Alink protocol (Alibaba, "Device properties, events, and services"); EnOS "MQTT:
upstream / downstream messages".
"""

import json

from micropython import const

from signet.errors import ProtocolError, Rejected, Throttled
from signet.modules import call
from signet.reports.messages import Command

_CLOSED_BY = {"{": "}", "[": "]", '"': '"'}
_OK = 200
_PRINTABLE = "signet.printable"
_DEEPEST = const(8)  # the stack of a board is small
_HANDLER_FAILED = 500


def dumps(values):
    """Writes values as JSON, exactly or not at all: MicroPython would write nan and bytes too.

    Raises:
        Rejected: a value has no form in JSON; names the key.
    """
    check(values)
    return json.dumps(values)


def check(value, where="report", depth=_DEEPEST):
    """Raises Rejected when a value has no form in JSON, or is nested too deep; see `dumps`."""
    if not depth:
        raise Rejected("{}: nested deeper than {} levels".format(where, _DEEPEST))
    if value is None or isinstance(value, (bool, int, str)):  # a bool of MicroPython is no int
        return
    if isinstance(value, float):
        if value - value == 0:  # false for nan and infinities
            return
    elif isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not key:
                raise Rejected("{}: key {!r} is not text".format(where, key))
            check(value[key], key, depth - 1)
        return
    elif isinstance(value, (list, tuple)):
        for item in value:
            check(item, where, depth - 1)
        return
    raise Rejected("{}: {!r} has no form in JSON".format(where, value))


def check_name(name, what="event", longest=64):
    """Raises Rejected unless `what` may be called so: 1 to `longest` letters, digits and -_."""
    if not isinstance(name, str) or not 1 <= len(name) <= longest:
        raise Rejected("the name of {} must have 1 to {} characters".format(what, longest))
    for character in name:
        if not ("a" <= character.lower() <= "z" or character in "0123456789-_."):
            raise Rejected("{} {}: a name must not hold {!r}".format(what, name, character))


def loads(payload, topic):
    """Reads JSON; MicroPython's own parser would take `{"a":1` for whole.

    Args:
        payload: bytes.
        topic: str, for the error.
    Raises:
        ProtocolError: it is no JSON, or cut off.
    """
    try:
        text = payload.decode().strip()
        if text[:1] not in _CLOSED_BY or text.endswith(_CLOSED_BY[text[:1]]):
            return json.loads(text)
    except (ValueError, UnicodeError, MemoryError, RuntimeError):  # the last two: nested too deep
        pass
    raise ProtocolError("no JSON on " + topic)


def request(message_id, method, params):
    """Builds the body of a request.

    Args:
        message_id: str of digits.
        method: str, for example "thing.event.property.post".
        params: str, JSON.
    Returns:
        bytes
    """
    return (
        '{"id":"'
        + message_id
        + '","version":"1.0","method":"'
        + method
        + '","params":'
        + params
        + "}"
    ).encode()


def parse(topic, payload):
    """Reads the envelope of what came down.

    Returns:
        dict
    Raises:
        ProtocolError: it is no JSON object.
    """
    body = loads(payload, topic)
    if not isinstance(body, dict):
        raise ProtocolError("no JSON object on {}".format(topic))
    return body


def answer(topic, body, passing):
    """Says what the cloud's answer to a post means.

    Args:
        topic: str, ends with _reply.
        body: dict from `parse`.
        passing: codes of troubles that pass by themselves.
    Returns:
        ("reply", id str, error): None when the cloud has it, Throttled for a passing trouble,
        Rejected when this report will never be taken.
    """
    code = body.get("code")
    error = None
    if code != _OK:
        text = "{}: code {}: {}".format(
            topic, code, call(_PRINTABLE, "printable", body.get("message"))
        )
        error = Throttled(text) if code in passing else Rejected(text, code)
    return ("reply", str(body.get("id")), error)


def command(name, topic, body):
    """Returns ("command", Command) for a request that came down."""
    return ("command", Command(name, body.get("params"), topic, body.get("id")))


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
