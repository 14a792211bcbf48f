"""Which reports that a board accepted are lost, and which has it never taken?

One judge for all faults: it is told what the board said, and what the cloud has.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

_GRACE_MS = 1000
"""What has waited for its time goes to flash in the next `poll`, and that takes time."""


class Audit(NamedTuple):
    """How many reports came to which end, in so many runs.

    promised: lost, but accepted within the last flash_after_s before a power cut. lost: beyond
    that. invented: never taken, changed, or under a second message id. trouble: the first of it.
    """

    runs: int = 0
    accepted: int = 0
    stored: int = 0
    aside: int = 0
    dropped: int = 0
    twice: int = 0
    promised: int = 0
    lost: int = 0
    invented: int = 0
    trouble: str = ""

    @property
    def passed(self) -> bool:
        """Was anything accepted, and all of it as promised?"""
        return bool(self.accepted) and not self.trouble


class Row(NamedTuple):
    """What became of the reports under one fault, by one way in."""

    fault: str
    way: str
    audit: Audit


def check(number: int) -> int:
    """What stands beside a report's number, so that a changed one shows."""
    return number * 7919 % 65_521


def audit(said: Mapping[str, Any]) -> Audit:
    """Judge one run.

    said: "taken": numbers of the reports with which `link.report` was called. "accepted": [number,
    ms] of those for which it returned a key. "cuts": ms of each power cut. "after_s":
    flash_after_s. "stored": [number, message id, check] of each copy in the cloud; the
    id is "" where several came in one message. "aside": [number, check] of each in outbox.dead.
    "dropped": that counter. "waiting": how many still do.
    "obeyed": ids of commands, as executed. "raised": what came out of the link. "place": for
    `trouble`.
    """
    taken, accepted = set(said["taken"]), dict(said["accepted"])
    copies = Counter(number for number, _, _ in said["stored"])
    known = {(number, name) for number, name, _ in said["stored"] if name}
    names = Counter(number for number, _ in known)
    forms = {(number, form) for number, _, form in said["stored"]} | set(map(tuple, said["aside"]))
    invented = {number for number, form in forms if number not in taken or form != check(number)}
    invented |= {number for number, count in names.items() if count > 1}
    missing = accepted.keys() - copies.keys() - {number for number, _ in said["aside"]}
    within_ms = 1000 * said["after_s"] + _GRACE_MS if said["after_s"] else 0
    promised = {n for n in missing if any(0 <= t - accepted[n] < within_ms for t in said["cuts"])}
    lost = sorted(missing - promised)
    dropped = min(len(lost), said["dropped"])
    lost = lost[dropped:]  # the oldest go first
    again = sorted(name for name, times in Counter(said["obeyed"]).items() if times > 1)
    troubles: dict[str, Any] = {
        "lost": lost,
        "invented": sorted(invented),
        "executed twice": again,
    }
    troubles |= {"not delivered": said["waiting"], "raised": said["raised"][:1]}
    trouble = "; ".join(f"{what}: {which}" for what, which in troubles.items() if which)
    return Audit(
        1,
        len(accepted),
        len(copies.keys() & accepted.keys()),
        len(said["aside"]),
        dropped,
        sum(times > 1 for times in copies.values()),
        len(promised),
        len(lost),
        len(invented),
        f"at {said['place']}: {trouble}" if trouble else "",
    )


def total(audits: Sequence[Audit]) -> Audit:
    """All together, with the first trouble."""
    *counts, troubles = zip(*audits, strict=True)
    return Audit._make([*map(sum, counts), next(filter(None, troubles), "")])
