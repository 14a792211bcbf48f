"""How many requests of one device does an HTTPS service take per second?

A token bucket per device: a second's worth at once, then as they come back.
"""

import time
from collections.abc import Callable


class Throttle:
    """per_s: requests per second and device; 0 is any number. clock: seconds that only rise."""

    def __init__(self, per_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}  # what is left, and since when

    def wait_s(self, device: str) -> float:
        """Take one request of a device in; else after how many seconds it may ask again."""
        if not self._per_s:
            return 0.0
        most = max(1.0, self._per_s)
        now = self._clock()
        left, since = self._buckets.get(device, (most, now))
        left = min(most, left + (now - since) * self._per_s)
        taken = left >= 1.0
        self._buckets[device] = (left - taken, now)
        return 0.0 if taken else (1.0 - left) / self._per_s
