"""Who ends a connection of which nothing is heard for too long (MQTT 3.1.1, section 3.1.2.10)?"""

import asyncio
import contextlib
import functools
from collections.abc import Callable, Iterator

_PATIENCE = 1.5
_UNREAD_S = 0.05  # to read what came while the twin itself stood still, in a debugger or by Ctrl-Z


class Silence:
    """Watches one connection's keep alive, of which each wait for the device's bytes is told.

    One timer, which is set anew when it is due: one for each read takes longer than the read.

    over: is called once, when it has lasted too long.
    """

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    @contextlib.contextmanager
    def watched(self, keepalive_s: int) -> Iterator[None]:
        """While this lasts. keepalive_s: 0 for never."""
        if keepalive_s:
            self._look(keepalive_s * _PATIENCE)
        try:
            yield
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def begins(self) -> None:
        """Bytes are waited for."""
        self._since = asyncio.get_running_loop().time()

    def ends(self) -> None:
        """Some came."""
        self._since = None

    def _look(self, at_most_s: float, *, over: bool = False) -> None:
        loop = asyncio.get_running_loop()
        lasted_s = 0.0 if self._since is None else loop.time() - self._since
        if lasted_s < at_most_s:
            self._timer = loop.call_later(at_most_s - lasted_s, self._look, at_most_s)
        elif over:
            self._over()
        else:
            again = functools.partial(self._look, at_most_s, over=True)
            self._timer = loop.call_later(_UNREAD_S, again)
