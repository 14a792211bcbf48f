"""What has a twin decided when a trace is replayed, and how long is that waited for?"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from tools.twin.trace import compare
from tools.twin.trace.file import Record
from tools.twin.trace.follow import Follower

_PATIENCE_S = 20.0  # for a decision of which nothing is to be seen
_SETTLE_S = 5.0  # for one in whose place another has come
_LEAST = 0.01  # of both, where one difference has led to others
_HASTY_AFTER = 10  # differences; from then on both are a fifth
_STEP_S, _LONGEST_STEP_S = 0.001, 0.005  # at first: most come in one or two milliseconds
_MOST_DIFFERENCES = 1000
_UNDER_WAY_MS = 2000  # from what is sent to what comes of it, at a busy twin


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that is another now. then: "" where there was none; now: likewise."""

    number: int
    record: Record
    then: str
    now: str


@dataclass(slots=True)
class Outcome:
    """How a replay went. played: what boards sent. left_out: why, and how often.

    decisions: how many were the same. differ: how many were not. differences: the first of those.
    """

    played: int = 0
    decisions: int = 0
    differ: int = 0
    differences: list[Difference] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class Awaited:
    """The decisions of one replay. seen: those of its twin. out: what comes of them.

    left: devices, and peers, that are not played. stopped: whether the twin is.
    """

    def __init__(self, seen: Follower) -> None:
        self.seen = seen
        self.out = Outcome()
        self._misses: Counter[object] = Counter()
        self._causes = deque([(0, 0)])  # when, and how many records were there
        self.left: set[str] = set()
        self.stopped = False

    def leave_out(self, who: str, why: str) -> None:
        """Wait for nothing more of a device, or peer, and count why."""
        self.out.left_out[why] += 1
        self.left.add(who)

    def caused(self, ms: int) -> None:
        """What leads to the next ones is sent now. ms: when it was in the trace."""
        while self._causes and self._causes[0][0] < ms - _UNDER_WAY_MS:
            self._causes.popleft()
        self._causes.append((ms, self.seen.taken))

    def under_way(self, ms: int) -> int:
        """How many records there were when the first was sent of what may be under way then."""
        recent = (taken for cause, taken in self._causes if cause >= ms - _UNDER_WAY_MS)
        return next(recent, self.seen.taken)

    async def wait(
        self,
        number: int,
        record: Record,
        there: Callable[[], list[Record]],
        gone: Callable[[], bool],
        last_s: float = 0.0,
    ) -> Record | None:
        """The same decision, once it is `there`; None when it is another.

        gone: whether nothing more can come there, `last_s` later.
        """
        wanted, kind = compare.normal(record), compare.kind(record)
        who = record.get("device") or record.get("connection")
        hurry = max(_LEAST, 0.25 ** self._misses[who])
        hurry /= 5 if self.out.differ > _HASTY_AFTER else 1
        # What is of no connection may be left over from an earlier difference.
        cause_ms, cause_taken = self._causes[-1]
        since = 0 if "connection" in record else cause_taken
        longer_s = max(0, record["ms"] - cause_ms) * 1.5 / 1000
        ends_s = time.monotonic() + _PATIENCE_S * hurry + longer_s
        settling, going, step_s = True, True, _STEP_S
        while True:
            found = there()
            for each in found:
                if compare.normal(each) == wanted:
                    found.remove(each)
                    self.out.decisions += 1
                    del self._misses[who]
                    return each
            new = (each for each in found if each["taken"] > since)
            rivals = [each for each in new if compare.kind(each) == kind]
            now_s = time.monotonic()
            if now_s > ends_s:
                break
            if rivals and settling:
                settling, ends_s = False, min(ends_s, now_s + _SETTLE_S * hurry)
            if going and gone():  # asked before what is new: that is the last
                going, ends_s = False, min(ends_s, now_s + last_s * hurry)
            if self._over():
                ends_s = 0.0
            step_s = await _step(step_s)
        self._misses[who] += 1
        for each in rivals[:1]:
            found.remove(each)
        now = compare.told(rivals[0]) if rivals else ""
        self.differ(number, record, compare.told(record), now)
        return None

    async def until(self, done: Callable[[], bool], patience_s: float = _PATIENCE_S) -> None:
        """Wait until it is, though not for ever."""
        ends_s, step_s = time.monotonic() + patience_s, _STEP_S
        while not done() and time.monotonic() < ends_s and not self._over():
            step_s = await _step(step_s)

    def _over(self) -> bool:
        """Take what is new; whether nothing more can come."""
        before = self.seen.taken
        self.seen.poll()
        return self.stopped and self.seen.taken == before

    def differ(self, number: int, record: Record, then: str, now: str) -> None:
        """Note a difference. number: of the record, from 0."""
        self.out.differ += 1
        if self.out.differ <= _MOST_DIFFERENCES:
            then, now = compare.shortened(then, now)
            self.out.differences.append(Difference(number + 1, record, then, now))


async def _step(step_s: float) -> float:
    """Wait that long; gives how long the next time."""
    await asyncio.sleep(step_s)
    return min(step_s + _STEP_S, _LONGEST_STEP_S)
