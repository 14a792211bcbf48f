"""Does `signet bench mqtt` measure what it says?  No timing is judged here but by its bounds."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import command, goals, mqtt, peers
from tools.ui import UserError


@pytest.fixture(scope="module")
def rows():
    try:
        peers.sources(lambda text: None)
    except UserError as error:
        pytest.skip(str(error))
    steps = []
    found = mqtt.measure(1, 0.1, True, steps.append)
    assert len(steps) == mqtt.steps(1, True)
    return found


def test_each_client_publishes_on_loopback_and_far_away(rows):
    assert [*rows] == [mqtt.NOTHING, *mqtt.CLIENTS]
    for client in mqtt.CLIENTS:
        row = rows[client]
        assert row.near and row.cpu_us >= 0 and row.start_ms and row.flash
        round_trips = row.far * mqtt.ROUND_TRIP_MS / 1000
        assert 0 < round_trips <= 1.05 * client.window, "more in flight than it may have"


def test_bytes_are_those_of_the_modules_that_a_client_loads(rows):
    assert rows[mqtt.UMQTT].flash == rows[mqtt.NODELAY].flash < rows[mqtt.OURS].flash
    assert rows[mqtt.NOTHING].flash == 0
    assert rows[mqtt.OURS].flash < rows[mqtt.LINK].flash


@pytest.mark.parametrize("needs", [8, 41, 109])
def test_the_smallest_heap_is_found_and_confirmed(monkeypatch, needs):
    tried = []

    def does(bench, client, port, kib):
        tried.append(kib)
        return kib >= needs

    monkeypatch.setattr(mqtt.Bench, "does", does)
    bench = mqtt.Bench([])
    assert bench.smallest_kib(mqtt.UMQTT, 0) == needs
    assert tried[-2:] == [needs] * 2


def test_the_tables_fit_a_terminal_and_nothing_ends_in_red(rows, monkeypatch):
    monkeypatch.setattr(mqtt, "measure", lambda *arguments: rows)
    done = CliRunner().invoke(command.app, ["mqtt"], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    for text in ("at 50 ms", "CPU, µs", "signet Link", "chumicro-mqtt 0.30.3", "machine.RTC"):
        assert text in done.stdout
    screens.look("bench mqtt", done.stdout)


@pytest.mark.parametrize(
    ("limit", "found", "at_least", "shown"),
    [
        (1.5, 1.5, False, "≤ 1.5 x 1.5 x met"),
        (1.5, 1.504, False, "≤ 1.5 x 1.5 x met"),
        (1.5, 1.51, False, "≤ 1.5 x 1.51 x missed"),
        (6, 5.97, True, "≥ 6 x 5.97 x missed"),
        (6, 118.3, True, "≥ 6 x 118 x met"),
    ],
)
def test_a_goal_is_judged_by_what_is_shown_and_a_missed_one_says_why(
    limit, found, at_least, shown
):
    goal = goals.Goal("Speed", limit, found, "x", "It is slow.", at_least)
    console = Console(width=80, file=io.StringIO())
    console.print(goals.table([goal]))
    assert shown in " ".join(console.file.getvalue().split())
    missed = "" if shown.endswith("met") else "Missed: Speed. It is slow."
    assert goals.reasons([goal]) == missed
