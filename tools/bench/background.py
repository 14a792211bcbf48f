"""How does a relay or server of a benchmark run beside it, and end with it?"""

import threading
from types import TracebackType
from typing import Self


class Background(threading.Thread):
    """A thread that runs while a context lasts; what inherits it says how it is made to end."""

    def stop(self) -> None:
        """Make `run` end, wait for it, and close what it had open."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
