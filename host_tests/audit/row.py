"""What is a row of the audit, and what came of it?"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tools.paths import ROOT
from tools.ui import UserError

if TYPE_CHECKING:
    from host_tests.audit.place import Place

DEPARTURES = ROOT / "ARCHITECTURE.md"
_HEADING = "## Where signet departs from the documents"


class MissingError(Exception):
    """What a document has is not there at all."""


class NotHereError(Exception):
    """This machine lacks what the check needs; its text says what."""


def here(find: Callable[[], Path]) -> Path:
    """A program of the toolchain. raises: NotHereError."""
    try:
        return find()
    except UserError as error:
        raise NotHereError(str(error)) from None


class Probe(NamedTuple):
    """One question to signet. client: whose code asks. ask: returns what was seen."""

    client: str
    ask: "Callable[[Place], object]"


Trial = tuple[Probe, object]
"""A question, and the regular expression that all of its answer must match."""


@dataclass(frozen=True)
class Row:
    """A sentence of a document.

    line: of the document. trials: what proves it. decided: signet does otherwise on purpose, and
    the trials prove that. beyond: why no program can check it.
    """

    line: str
    sentence: str
    trials: Sequence[Trial] = ()
    decided: bool = False
    beyond: str = ""


@dataclass
class Outcome:
    """Of a row: its verdict, and what there is to say about it."""

    document: str
    row: Row
    verdict: str
    note: str = ""
    clients: list[str] = field(default_factory=list)


BAD = ("contradicts", "missing")
VERDICTS = ("holds", "decision", "not applicable", "not checked", *BAD)


def row(line: object, sentence: str, *trials: Trial) -> Row:
    """A sentence that must hold."""
    return Row(str(line), sentence, trials)


def decided(line: object, sentence: str, *trials: Trial) -> Row:
    """A sentence from which signet departs: `DEPARTURES` says why, the trials prove how."""
    return Row(str(line), sentence, trials, decided=True)


def beyond(line: object, sentence: str, why: str) -> Row:
    """A sentence that no program can check."""
    return Row(str(line), sentence, beyond=why)


def departures(text: str | None = None) -> dict[tuple[str, str], str]:
    """The reasons of the one table of decisions, by document and line."""
    text = DEPARTURES.read_text() if text is None else text
    section = text.partition(f"{_HEADING}\n")[2].partition("\n## ")[0]
    table = section.partition(f"\n{4 * '|---'}|\n")[2]
    rows = [re.split(r"\s*\|\s*", line.strip("| ")) for line in table.splitlines()]
    return {
        (found[1], line): cells[3]
        for cells in rows
        if len(cells) == 4 and (found := re.fullmatch(r"(.+?) ([\d, -]+|\w+)", cells[0]))
        for line in found[2].split(", ")
    }


def judge(
    place: "Place", document: str, row: Row, reasons: Mapping[tuple[str, str], str]
) -> Outcome:
    """Asks all questions of a row. reasons: as `departures` has them."""
    if row.beyond:
        return Outcome(document, row, "not applicable", row.beyond)
    clients = list(dict.fromkeys(probe.client for probe, _ in row.trials))
    outcome = Outcome(document, row, "holds", clients=clients)
    for number, (probe, expected) in enumerate(row.trials, 1):
        try:
            seen = str(probe.ask(place))
        except NotHereError as reason:
            outcome.verdict, outcome.note = "not checked", str(reason)
            return outcome
        except MissingError as reason:
            outcome.verdict, outcome.note = "missing", f"trial {number}: {reason}"
            return outcome
        except Exception as error:  # of any client: this row fails, others go on
            seen = f"{type(error).__name__}: {error}"
        if not re.fullmatch(str(expected), seen, re.DOTALL):
            outcome.verdict = "contradicts"
            outcome.note = f"trial {number} of {probe.client}: {seen!r}, not {str(expected)!r}"
            return outcome
    if row.decided:
        reason = reasons.get((document, row.line))
        outcome.verdict = "decision" if reason else "contradicts"
        outcome.note = reason or f"{DEPARTURES.name} has no reason for it"
    return outcome
