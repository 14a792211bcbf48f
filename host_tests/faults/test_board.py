"""Is every report of a whole board accounted for when power, cloud or network fail?"""

from collections.abc import Iterator

import pytest

from tools.bench import faults_board
from tools.bench.faults import verdict

_IN_EACH_TEST = (
    ("board killed, 0 s", "alibaba-mqtts"),
    ("power cut at a write", "alibaba-coap"),
    ("twin killed", "watson-https"),
)


_PAIRS = [
    pytest.param(
        fault,
        way,
        id=f"{fault.name}, {way.cloud}-{way.way}",
        marks=()
        if (fault.name, f"{way.cloud}-{way.way}") in _IN_EACH_TEST
        else (pytest.mark.proof,),
    )
    for fault, way in faults_board.pairs()
]


@pytest.fixture(scope="module")
def strike() -> Iterator[faults_board.Strike]:
    with faults_board.stage() as strike:
        yield strike


@pytest.mark.parametrize(("fault", "way"), _PAIRS)
def test_what_was_accepted_is_stored_set_aside_or_counted(strike, fault, way):
    row = strike(fault, way)
    assert row.audit.passed, verdict([row])
