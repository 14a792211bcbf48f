"""How do the lines that a board prints get to a twin, whose page shows them beside its own side?

By control requests, from a thread of its own: neither a slow twin nor one that has ended holds up
whoever prints them.
"""

import contextlib
import queue
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.twin.hub import control
from tools.ui import UserError

_WAITING = 1_000  # lines; more are lost
_LONGEST = 2_000
_END_S = 2.0


class BoardLog:
    """A context manager. socket: of the twin's control requests."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._rest = ""
        self._whose: tuple[str, str | None] | None = None
        self._queue: queue.Queue[dict[str, str | None] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._send, name="board log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Send what is waiting, for a moment."""
        self.feed("\n")
        self._whose = None
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(None)
        self._thread.join(_END_S)

    def of(self, cloud: str, device: str | None = None) -> None:
        """Whose lines come from now on. device: as commands take it; None: the one on line."""
        self._whose = cloud, device

    def check(self) -> None:
        """raises: UserError when the twin knows no such device, or does not answer."""
        control.ask(self._socket, self._request(""))

    def _request(self, text: str) -> dict[str, str | None]:
        cloud, device = self._whose or ("", None)
        return {"do": "line", "cloud": cloud, "device": device, "text": text}

    def feed(self, piece: str) -> None:
        """Take what the board has printed; each line goes when it is whole."""
        *lines, self._rest = (self._rest + piece).split("\n")
        self._rest = self._rest[-_LONGEST:]
        if self._whose is None:
            return
        for line in lines:
            if text := line.rstrip("\r")[:_LONGEST]:
                with contextlib.suppress(queue.Full):
                    self._queue.put_nowait(self._request(text))

    def _send(self) -> None:
        while (request := self._queue.get()) is not None:
            with contextlib.suppress(UserError):
                control.ask(self._socket, request)
