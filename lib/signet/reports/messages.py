"""What do a Link and a Session hand each other?  Reports up, commands down."""


class Report:
    """Values that a board has taken, waiting to be handed over.

    Args:
        values: dict of str to int, float, bool, str, None, list or dict; or bytes with a `topic`.
        time_ms: int, Unix ms when they were taken; None when the clock was not set.
        topic: str, publish `values` as they are to this topic; None for the cloud's own form.
        event: str, the event's name in the cloud; None for the cloud's plain report.
        device: (type id, device id), at Watson: whose report it is, when not the board's own.
    Attributes:
        id: str, by which the cloud knows it again; a session may set it when it sends the report.
        tries, misses: int, how often the cloud answered badly, and not at all; a session's.
    """

    id = None
    tries = misses = 0

    def __init__(self, values, time_ms=None, topic=None, event=None, device=None):
        self.values = values
        self.time_ms = time_ms
        self.topic = topic
        self.event = event
        self.device = device


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
