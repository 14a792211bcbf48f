"""What do a Link and a Session hand each other?  Reports up, commands down."""

import json
import os

from signet.errors import Rejected
from signet.modules import call
from signet.wire.exact_json import dumps, encode, printable


def check_name(name, what="event", limit=64):
    """Raises Rejected unless `what` may be called so: 1 to `limit` letters, digits and -_."""
    if not isinstance(name, str) or not 1 <= len(name) <= limit:
        raise Rejected("the name of {} must have 1 to {} characters".format(what, limit))
    for byte in name.encode():  # a character by itself would stay in the heap for good, interned
        if not (97 <= byte | 32 <= 122 or byte in b"0123456789-_."):
            raise Rejected("{} {}: a name holds letters, digits and -_. only".format(what, name))


class Report:
    """What a board has measured, in the form in which it waits for the cloud.

    Args:
        values: dict of str to int, float, bool, str, None, list or dict; or bytes with a `topic`,
            or a file, which must stay open. They are copied: the caller may use them again.
        time_ms: int, Unix ms when they were taken; None when the clock was not set.
        topic: str, publish `values` as they are to this topic; None for the cloud's own form.
        event: str, the event's name in the cloud; None for the cloud's plain report.
        device: (type id, device id), at Watson: whose report it is, when not the board's own.
        id: int, of a report that was made before: `values` is its `body` then.
    Raises:
        Rejected: a value has no form in JSON; names it.
    Attributes:
        body: bytes: `values` as JSON, or as they are where it has a topic; or the file.
        id: int, 0 to 2**32 - 1, by which the cloud knows it, the same for its whole life.
    """

    topic = event = device = None
    _last_id = int.from_bytes(os.urandom(4), "little")  # of 86,400 random ones a day two are alike

    def __init__(self, values, time_ms=None, topic=None, event=None, device=None, id=None):
        if id is None:
            Report._last_id = id = (Report._last_id + 1) & 0xFFFFFFFF
            if topic is None:
                values = dumps(values)
            elif not hasattr(values, "seek"):
                values = bytes(values)
        self.body = values
        self.time_ms = time_ms
        self.id = id
        if topic is not None:  # few have one: fewer attributes are set faster
            self.topic = topic
        if event is not None:
            self.event = event
        if device is not None:
            self.device = tuple(device)

    @property
    def values(self):
        """What `body` was made of."""
        return json.loads(self.body) if self.topic is None else self.body


def check(values, topic, event, device, takes_files, has_role):
    """Returns the values of a report as they are kept; str is encoded.

    Args:
        values, topic, event, device: see link.Link.report.
        takes_files: bool, a file is taken.
        has_role: bool, for a gateway or an application: reports of other devices are taken.
    Raises:
        ValueError: says what is wrong.
    """
    if topic is not None and isinstance(values, str):
        values = encode(values.encode("utf-8", "surrogatepass"), False)
    if topic is None:
        good = isinstance(values, dict)
    else:
        good = isinstance(values, (bytes, bytearray)) or (takes_files and hasattr(values, "seek"))
        good = good and printable(topic) == topic
    if event is not None and not isinstance(event, str):
        good = False
    if device is not None:
        is_pair = has_role and isinstance(device, (tuple, list))
        good = good and is_pair and [type(n) for n in device] == [str, str]
    if not good:
        raise call("signet.reports.trouble", "unfit", values, topic, event, device, has_role)
    return values


class Command:
    """What the cloud asks the board to do; an application also hears events and who is on line.

    Attributes:
        name: str, the service or command; "set" when the cloud sets properties or measurepoints.
        data: dict, list or other JSON value, or bytes where the format is not JSON.
        topic: str, where it came from.
        id: the cloud's own id of it, str or int; None where the cloud wants no answer.
        kind: str, "command"; what an application hears is an "event" or a "status", too.
        device: (type id, device id) when it is for or from another than the board itself.
    """

    kind = "command"
    device = None

    def __init__(self, name, data, topic, id=None):
        self.name = name
        self.data = data
        self.topic = topic
        self.id = id
