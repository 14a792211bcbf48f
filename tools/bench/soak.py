"""Does a device stay as it is for a million reports, outages among them?

`firmware/bench/soak.py` reports to a twin, on MicroPython with the documented heap. The twin ends
for seconds and for longer, again and again. What a device says of its heap and its flash becomes a
picture, and has to be flat; each report carries a number, so the twin's registry tells which it
has.
"""

import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.picture import BLUE, ORANGE, RED, Picture, Plot
from tools.bench.soak_cloud import WAYS, Cloud, Way
from tools.scratch import scratch
from tools.ui import UserError, check_ways

LIMITS_BYTES = {"free": 1024, "largest": 2048}
"""By so much each may shrink from the first third of a run to the last. What leaks is missing in
free heap. The largest block may end elsewhere after an outage without a leak, where something that
lasts has come to lie among the 2 KiB of reports that waited."""

_PARTS = (1 / 3, 1, 1 / 30, 1 / 12)  # of the longest outage, in turn
_BETWEEN_S = 15.0  # at least: a device whose connections are short waits longer and longer
_ENOUGH = 8  # samples in a third: one by itself says little, of the largest block above all
_CALM = 8  # reports that wait while all is well
_WAIT_S = 120.0
_FRAME = (380, 170)
_MARGIN = (80, 50)


class Sample(NamedTuple):
    """What a device said. at_s: since the start."""

    at_s: float
    said: dict[str, Any]


class Row(NamedTuple):
    """A soak. outages: from, to (s). missing, twice: reports that the twin never had, and had more
    than once. trouble: why it ended early, or "".
    """

    way: Way
    samples: list[Sample]
    outages: list[tuple[float, float]]
    missing: int
    twice: int
    trouble: str

    @property
    def last(self) -> dict[str, Any]:
        """What it said at the end."""
        return self.samples[-1].said if self.samples else {}

    @property
    def lost(self) -> int:
        """Reports that are neither with the twin nor counted as dropped or set aside.

        One that is with the twin, without an acknowledgement, may be dropped too.
        """
        if self.trouble:
            return 0  # nobody knows
        counted: int = sum(self.last.get(name, 0) for name in ("dropped", "set_aside"))
        return max(0, self.missing - counted)

    def calm(self) -> list[Sample]:
        """Samples while reports went as they were made, from the first outage on, in which it has
        loaded what it needs.
        """
        first_s = self.outages[0][1] if self.outages else 0.0
        return [
            sample
            for sample in self.samples
            if sample.said["waiting"] <= _CALM
            and sample.at_s >= first_s
            and not any(start <= sample.at_s <= end for start, end in self.outages)
        ]

    def fall(self, name: str) -> float:
        """By how many bytes a value has shrunk, first third to last; 0 where too few are there."""
        values = [int(sample.said[name]) for sample in self.calm()]
        third = len(values) // 3
        if third < _ENOUGH:
            return 0.0
        return statistics.median(values[:third]) - statistics.median(values[-third:])

    @property
    def calm_erases(self) -> int:
        """Of flash, between two samples that were both calm."""
        calm = set(map(id, self.calm()))
        pairs = itertools.pairwise(self.samples)
        return sum(
            after.said["erases"] - before.said["erases"]
            for before, after in pairs
            if id(before) in calm and id(after) in calm and "end" not in after.said
        )

    def troubles(self) -> list[str]:
        """What is wrong."""
        found = [self.trouble] if self.trouble else []
        falls = {name: self.fall(name) for name in LIMITS_BYTES}
        found += [
            f"{name} fell by {by:.0f} B" for name, by in falls.items() if by > LIMITS_BYTES[name]
        ]
        if self.lost:
            found.append(f"{self.lost} reports lost")
        if self.last.get("shortages"):
            found.append(f"the log missed memory {self.last['shortages']} times")
        if self.last.get("refused"):
            found.append(f"{self.last['refused']} reports refused for want of memory")
        return found


def chosen(keys: Sequence[str]) -> list[Way]:
    """The ways in with these keys; all without any.

    raises: UserError for a key that there is not.
    """
    known = {way.key: way for way in WAYS}
    check_ways(keys, known)
    return [known[key] for key in keys] if keys else list(WAYS)


def measure(way: Way, reports: int, outage_s: float, step: Callable[..., object]) -> Row:
    """One soak.

    outage_s: the longest. step: told `completed`, the reports that are acknowledged.
    raises: UserError where there is no MicroPython, or the twin does not start.
    """
    with scratch() as name:
        folder = Path(name)
        with Cloud(way, folder) as far:
            after_s = max(1, min(10, round(outage_s / 6)))
            config = far.config() | {"retry_s": 1, "flash_after_s": after_s}
            (folder / "device.json").write_text(json.dumps(config))
            failing = _Failing(far, outage_s)
            row = Row(way, [], failing.outages, 0, 0, "")
            build = programs.builds()[0]
            job = programs.Job(
                "soak",
                build,
                (name, str(reports), str(way.each_ms)),
                silence_s=_WAIT_S,
                heap=f"{way.heap_kib}k" if build == "i386" else programs.HEAP,
            )
            failing.start()
            try:
                stored, since_s = 0, 0.0
                for _, said in programs.run([job]):
                    row.samples.append(Sample(failing.now_s(), said))
                    step(completed=said["acknowledged"])
                    if said["acknowledged"] != stored:
                        stored, since_s = said["acknowledged"], failing.now_s()
                    elif failing.now_s() - since_s > _WAIT_S + outage_s or failing.error:
                        raise UserError(failing.error or f"it stands still: {said['log']}")
            except UserError as error:
                row = row._replace(trouble=str(error))
            finally:
                failing.stop()
            times = far.times(reports)
    made = row.last.get("made", 0)
    return row._replace(missing=times[:made].count(0), twice=sum(each > 1 for each in times))


class _Failing(threading.Thread):
    """Ends the twin and starts it again, until `stop`."""

    def __init__(self, far: Cloud, longest_s: float) -> None:
        super().__init__(name="outages", daemon=True)
        self._far, self._longest_s = far, longest_s
        self._began = time.monotonic()
        self._ended = threading.Event()
        self.outages: list[tuple[float, float]] = []
        self.error = ""

    def now_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self._began

    def run(self) -> None:
        """Until `stop`, or an error."""
        try:
            self._run()
        except UserError as error:
            self.error = str(error)

    def _run(self) -> None:
        turn = 0
        while not self._ended.wait(max(self._longest_s, _BETWEEN_S) if turn else self._longest_s):
            start = self.now_s()
            self._far.down()
            self._ended.wait(self._longest_s * _PARTS[turn % len(_PARTS)])
            self._far.up()
            self.outages.append((start, self.now_s()))
            turn += 1

    def stop(self) -> None:
        """Ends it; the twin is there."""
        self._ended.set()
        self.join()


def picture(rows: Sequence[Row], path: Path) -> None:
    """Free heap, largest free block and erases of each soak, over time."""
    height = _FRAME[1] + 2 * _MARGIN[1]
    drawn = Picture(2 * (_FRAME[0] + _MARGIN[0]) + 40, height * len(rows))
    for number, row in enumerate(rows):
        if not row.samples:
            continue
        top = height * number + _MARGIN[1]
        end = row.samples[-1].at_s
        heap = f"{row.way.title}: KiB free (blue), largest (orange)"
        plots = (
            Plot(drawn, (_MARGIN[0], top, *_FRAME), (end, _most(row, "free") / 1024), "s", heap),
            Plot(
                drawn,
                (2 * _MARGIN[0] + _FRAME[0], top, *_FRAME),
                (end, _most(row, "erases")),
                "s",
                f"erases of flash; {row.last['acknowledged']} reports stored",
            ),
        )
        for plot in plots:
            for outage in row.outages:
                plot.shade(outage[0], min(end, outage[1]))
        lines = ((0, "free", BLUE, 1024), (0, "largest", ORANGE, 1024), (1, "erases", RED, 1))
        for place, name, colour, unit in lines:
            points = [(sample.at_s, sample.said[name] / unit) for sample in row.samples]
            plots[place].draw(points, colour)
    drawn.save(path)


def _most(row: Row, name: str) -> float:
    return max(float(sample.said[name]) for sample in row.samples)


def table(rows: Sequence[Row]) -> Table:
    """The figures for a person."""
    shown = Table(title="A soak of each way in", title_justify="left", box=box.SIMPLE_HEAD)
    shown.padding = (0, 1, 0, 0)
    shown.add_column("way in", no_wrap=True)
    names = ("heap\nKiB", "stored", "a s", "out-\nages", "lost, drop-\nped, twice")
    for name in (*names, "free\nfall", "block\nfall", "erases,\ncalm"):
        shown.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        last, end_s = row.last, row.samples[-1].at_s if row.samples else 0.0
        stored = int(last.get("acknowledged", 0))
        shown.add_row(
            row.way.title,
            str(row.way.heap_kib),
            str(stored),
            f"{stored / end_s:.0f}" if end_s else "-",
            str(len(row.outages)),
            f"{row.lost}, {last.get('dropped', 0)}, {row.twice}",
            f"{row.fall('free'):.0f}",
            f"{row.fall('largest'):.0f}",
            f"{last.get('erases', 0)}, {row.calm_erases}",
        )
    return shown


def verdict(rows: Sequence[Row]) -> str:
    """What is wrong, or that nothing is."""
    lines = [f"{row.way.title}: {'; '.join(row.troubles())}" for row in rows if row.troubles()]
    return "\n".join(lines) or "Flat, and nothing lost."


def explanation(outage_s: float) -> str:
    """What was measured."""
    return (
        f"The twin is ended for up to {outage_s:g} s again and again. lost: neither there nor\n"
        "counted as dropped or set aside.\n"
        "fall: of the free heap and its largest block, B, first third to last, medians of\n"
        "a second's samples while nothing piles up, from the first outage on;\n"
        f"{LIMITS_BYTES['free']} and {LIMITS_BYTES['largest']} at most. calm: erases of flash "
        "meanwhile."
    )
