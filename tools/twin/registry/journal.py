"""What happens in a twin, as one stream of records: for whoever looks on, or keeps a trace."""

import time
from collections.abc import Callable
from typing import Any

Record = dict[str, Any]
"""What can be written as JSON. "what": its kind; "ms": milliseconds since 1970."""

Listener = Callable[[Record], None]


class Journal:
    """Hands each record to all who listen; without any it costs next to nothing.

    Records, by "what", beside "ms":

    - event: cloud, device, kind, text: a line for a person to read.
    - message: one that was filed, as `Store.messages` has it; told when it is on file.
    - marked: id, status: that message has another status now.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    @property
    def heard(self) -> bool:
        """Whether anybody listens: what costs something to tell need not be told to nobody."""
        return bool(self._listeners)

    def add(self, what: str, **facts: Any) -> None:
        """Tell all who listen. facts: what can be written as JSON."""
        if not self._listeners:
            return
        record = {"what": what, "ms": time.time_ns() // 1_000_000, **facts}
        for listener in tuple(self._listeners):
            listener(record)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Have `listener` called with each record from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)
