"""Is every report accounted for whichever write to flash fails, or without memory?"""

import pytest

from host_tests.depth import STEP
from tools.bench import faults_store
from tools.bench.faults import verdict

_EVERY = 1 if STEP == 1 else 8 * STEP
_PLACES = [pytest.param(each, id=f"{each.title}, {each.way}") for each in faults_store.places()]
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
