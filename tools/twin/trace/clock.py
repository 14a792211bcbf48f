"""When does a replay send what a board sent, and how much later is that than in the trace?"""

import asyncio
import time


class Clock:
    """That of one replay. first_ms: when the trace begins. fast: without its pauses.

    later_ms: see `tools.twin.clouds.proof.Then`.
    """

    def __init__(self, first_ms: int, *, fast: bool) -> None:
        self.fast = fast
        self.later_ms = _now_ms() - first_ms
        self._ahead_ms = self.later_ms

    async def reach(self, ms: int) -> None:
        """Wait until what happened then is due."""
        if not self.fast:
            await asyncio.sleep(max(0, ms + self._ahead_ms - _now_ms()) / 1000)
        self.later_ms = _now_ms() - ms


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
