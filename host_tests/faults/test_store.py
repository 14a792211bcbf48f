"""Is every report accounted for whichever write to flash fails, or without memory?"""

import pytest
from typer.testing import CliRunner

from host_tests import screens
from host_tests.depth import STEP
from tools.bench import command, faults_store
from tools.bench.faults import Plan, verdict
from tools.bench.faults_audit import Audit, Row

_EVERY = 1 if STEP == 1 else 8 * STEP
_PLACES = [
    pytest.param(
        each,
        id=f"{each.title}, {each.way}",
        # As costly as all others; with a wait, reports are in the memory that is missing, too.
        marks=[pytest.mark.proof] * (each.fault == "no memory" and each.after_s == 0),
    )
    for each in faults_store.places()
]
_FEW = faults_store.Places("power cut", "LittleFS", 0, 1, 60, 20)


def _row(where, every=1, sabotage=""):
    (row,) = faults_store.measure([where], lambda text: None, every, sabotage)
    return row


@pytest.mark.parametrize("where", _PLACES)
def test_what_was_accepted_is_stored_set_aside_or_counted(where):
    row = _row(where, _EVERY)
    assert row.audit.passed, verdict([row])


@pytest.mark.parametrize(
    ("sabotage", "found"), [("forgets", "lost: [3]"), ("invents", "invented: [3]")]
)
def test_the_audit_sees_one_report_that_the_cloud_forgot_or_changed(sabotage, found):
    assert found in _row(_FEW, sabotage=sabotage).audit.trouble


@pytest.mark.parametrize(("trouble", "status"), [("", 0), ("at 1: lost: [7]", 1)])
def test_the_command_fails_when_a_report_is_lost(monkeypatch, trouble, status):
    audit = Audit(1234, 99_999, 99_999, 9999, 9999, 9999, 999, 999, 9999, trouble)
    rows = [Row("clock 25 years behind", "LittleFS, 10 s", audit)]
    monkeypatch.setattr(Plan, "run", lambda plan, step: rows)
    done = CliRunner().invoke(command.app, ["faults", "--fault", "clock"])
    assert done.exit_code == status, done.output
    assert ("lost: [7]" in done.output) is bool(trouble)
    assert "99 999" in done.output
    screens.look("bench faults", done.stdout)


def test_a_fault_that_is_not_known_is_told_the_known_ones():
    done = CliRunner().invoke(command.app, ["faults", "--fault", "flood"])
    assert "power cut at a write" in str(done.exception)
