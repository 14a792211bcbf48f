"""Does `signet bench outbox` count what flash does, and tell how long it lasts?"""

import io
import re

import pytest
from rich.console import Console

from host_tests import screens
from tools.bench import outbox


@pytest.fixture(scope="module")
def found():
    return outbox.measure(True, lambda: None)


def test_flash_is_left_alone_on_a_good_link_and_one_append_carries_many_without(found):
    assert found.costs["good"].erases == found.costs["good"].programmed == 0
    assert found.costs["in"].erases < 0.2
    assert 0.9 < found.costs["lines in"].erases < 1.2
    second, minute = (
        found.lives["paced", "signet", ms] for ms in (outbox.SECOND_MS, outbox.MINUTE_MS)
    )
    assert second.erases < 0.2 and 0.9 < minute.erases < 1.2
    assert second.years > 10 and minute.years > 80
    assert found.lives["fat", "lines", outbox.MINUTE_MS].years < 1


def test_years_are_those_of_the_blocks_that_take_turns_or_of_the_one_that_does_not():
    """One erase a report, one report a second: 512 blocks last 512 times as long as one."""
    level = outbox._life("paced", [1000, 5000, 0], 2, 1000, 1000)
    assert (level.erases, level.programmed) == (1.0, 5.0)
    assert level.years == pytest.approx(512 * 100_000 / (365.25 * 86_400))
    assert outbox._life("fat", [2000, 1, 0], 1000, 1000, 1000).years == pytest.approx(
        100_000 / (365.25 * 86_400)
    )


def test_a_week_goes_through_the_window_in_little_more_than_its_round_trips(found):
    least_s = found.delivered / 4 * outbox.ROUND_TRIP_S
    assert found.delivered == 1008 and found.delivered_s >= least_s


def test_the_table_fits_a_terminal(found):
    console = Console(width=80, file=io.StringIO())
    console.print(outbox.table(found))
    text = console.file.getvalue()
    assert re.search(r"good link: in and out, a second +[\d,]+ +-", text)
    screens.look("bench outbox", text + outbox.explanation(found))
