"""Do the documents hold, sentence by sentence?  `make audit`

Other people's clients ask a twin, and the real board programs run on MicroPython. Exit status 1
when a sentence is contradicted or missing. Words after the command name the documents to audit,
or single lines of one: `python -m host_tests.audit "EnOS MQTT:24"`.
"""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from host_tests.audit import (
    alibaba_coap,
    alibaba_http,
    design_card,
    enos_mqtt,
    watson_certificates,
    watson_connect,
)
from host_tests.audit.place import Place
from host_tests.audit.row import BAD, DEPARTURES, VERDICTS, Outcome, Row, departures, judge
from tools.lifeline import end_as_ctrl_c
from tools.ui import UserError, console, errors

DOCUMENTS: dict[str, Sequence[Row]] = {
    module.DOCUMENT: module.ROWS
    for module in (
        enos_mqtt,
        alibaba_http,
        alibaba_coap,
        watson_connect,
        watson_certificates,
        design_card,
    )
}
_STYLES = dict.fromkeys(BAD, "bold red") | {"holds": "green", "decision": "yellow"}


def audit(
    documents: Mapping[str, Sequence[Row]], reasons: Mapping[tuple[str, str], str], out: Console
) -> list[Outcome]:
    """Judges all rows and prints a table for each document; returns what came of them."""
    outcomes = []
    with tempfile.TemporaryDirectory(prefix="signet-audit-") as name, Place(Path(name)) as place:
        for document, rows in documents.items():
            errors.print(f"{document}: {len(rows)} sentences")
            found = []
            for row in rows:
                found.append(outcome := judge(place, document, row, reasons))
                if outcome.verdict in BAD:
                    text = f"{document} {row.line}: {outcome.verdict}: {outcome.note}"
                    errors.print(text, markup=False, soft_wrap=True)
            out.print(_table(document, found))
            outcomes += found
    return outcomes


def _table(document: str, outcomes: Sequence[Outcome]) -> Table:
    table = Table(title=document, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("line", max_width=8, overflow="fold")
    table.add_column("sentence, and what there is to say", overflow="fold", ratio=1)
    table.add_column("asked by", max_width=16, overflow="fold")
    table.add_column("verdict", width=14)
    for outcome in outcomes:
        note = f"\n{outcome.note}" if outcome.note else ""
        text = Text(outcome.row.sentence).append(note, "dim")
        clients = Text(", ".join(outcome.clients))
        verdict = Text(outcome.verdict, _STYLES.get(outcome.verdict, ""))
        table.add_row(Text(outcome.row.line), text, clients, verdict)
    return table


def status(outcomes: Sequence[Outcome], idle: Sequence[str], out: Console, seconds: float) -> int:
    """Prints the sum; returns the exit status. idle: departures that no row stands for."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    words = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS)
    out.print(f"{len(outcomes)} sentences: {words}; in {seconds:.0f} s", soft_wrap=True)
    for name in idle:
        errors.print(f"{DEPARTURES.name} departs from {name}, which no row of the audit shows")
    return 1 if idle or any(counts[verdict] for verdict in BAD) else 0


def _chosen(words: Sequence[str]) -> dict[str, Sequence[Row]]:
    chosen: dict[str, Sequence[Row]] = {}
    for word in words:
        name, _, line = word.partition(":")
        if name not in DOCUMENTS:
            raise UserError(f"there is no document {name!r}; there is: {', '.join(DOCUMENTS)}")
        rows = [row for row in DOCUMENTS[name] if line in ("", row.line)]
        chosen[name] = [*chosen.get(name, ()), *rows]
    return chosen or DOCUMENTS


def main(words: Sequence[str]) -> int:
    """Returns the exit status: 2 when nothing could be asked."""
    end_as_ctrl_c()
    began = time.monotonic()
    out = Console(width=min(console.width, 100), highlight=False, emoji=False)
    try:
        documents, reasons = _chosen(words), departures()
        outcomes = audit(documents, reasons, out)
    except UserError as error:
        errors.print(f"signet: {error}", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        return 130
    shown = {(outcome.document, outcome.row.line) for outcome in outcomes if outcome.row.decided}
    idle = [" ".join(key) for key in reasons if key not in shown] if not words else []
    return status(outcomes, idle, out, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
