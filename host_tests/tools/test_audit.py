"""Does the audit of the documents say what it sees, and fail where a sentence does not hold?"""

import re

import pytest
from rich.console import Console

from host_tests.audit import __main__ as audit
from host_tests.audit.alibaba_coap import auth
from host_tests.audit.command import file, signet
from host_tests.audit.enos_mqtt import ROWS
from host_tests.audit.row import NotHereError, Probe, beyond, decided, departures, row


def _no_client(place):
    raise NotHereError("curl is not here")


_TABLE = """
## Where signet departs from the documents

| document and line | what it says | what signet does | why |
|---|---|---|---|
| A document 5, 6-7 | one | two | two is better |

## Next
| A document 8 | one | two | of another table |
"""

_ROWS = {
    "holds": ROWS[4],
    "contradicts": row(2, "a wrong expectation", (auth(), "4.04")),
    "missing": row(3, "a command", (signet("twin fly"), "0 .*")),
    "not applicable": beyond(4, "a button of the console", "it is a button"),
    "decision": decided("6-7", "one", (file("README.md"), "there")),
    "not checked": row(9, "a client", (Probe("curl", _no_client), "200")),
}


def test_each_verdict_has_its_row_and_a_reason(capfd):
    out = Console(width=80)
    reasons = departures(_TABLE)
    assert reasons == {("A document", line): "two is better" for line in ("5", "6-7")}
    undecided = decided(8, "without a reason", (file("README.md"), "there"))
    broken = decided(5, "not as the table says", (file("README.md"), "gone"))
    rows = [
        *_ROWS.values(),
        undecided,
        broken,
        row("10", "a crash", (Probe("x", lambda p: 1 / 0), "")),
    ]
    outcomes = audit.audit({"A document": rows}, reasons, out)
    verdicts = [outcome.verdict for outcome in outcomes]
    assert verdicts == [*_ROWS, "contradicts", "contradicts", "contradicts"]
    assert audit.status(outcomes, [], out, 0) == 1
    printed = capfd.readouterr()
    assert "it is a button" in printed.out
    assert "two is better" in printed.out
    assert "curl is not here" in printed.out
    assert "A document 2: contradicts: trial 1 of aiocoap: '2.05', not '4.04'" in printed.err
    assert "9 sentences: 1 holds, 1 decision, 1 not applicable, 1 not checked, " in printed.out
    assert max(map(len, printed.out.splitlines()[:-1])) <= 80


@pytest.mark.parametrize(("idle", "status"), [([], 0), (["A document 5"], 1)])
def test_a_departure_that_no_row_shows_fails(idle, status):
    assert audit.status([], idle, Console(), 0) == status


def test_every_departure_has_its_row():
    decisions = {
        (name, row.line) for name, rows in audit.DOCUMENTS.items() for row in rows if row.decided
    }
    assert decisions == departures().keys()


def test_an_unknown_document_is_an_error_that_names_those_there_are(capfd):
    assert audit.main(["EnOS:24"]) == 2
    assert re.search("there is no document 'EnOS'; there is: EnOS MQTT, ", capfd.readouterr().err)
