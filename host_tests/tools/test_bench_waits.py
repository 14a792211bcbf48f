"""Do `signet bench waits` and `bench lateness` see what they judge?  No timing is judged here."""

import socket

import pytest
from rich.console import Console
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import command, lateness, waits
from tools.bench.waits_peers import PEERS
from tools.bench.waits_stages import Unanswered
from tools.ui import UserError

_SHORT = ["waits", "--seconds", "0.5", "--way", "mqtt", "--peer"]


def test_the_command_meets_a_device_with_two_peers_and_says_what_no_way_meets():
    done = CliRunner().invoke(
        command.app, [*_SHORT, "answering", "--peer", "alerts", "--way", "mqtts"]
    )
    assert "Longest poll(0), ms" in done.stdout, done.output
    assert "Longest time without a feed, ms" in done.stdout
    cells = [line.split() for line in done.stdout.splitlines()]
    (answering, _), (alerts, _) = (
        [line for line in cells if line[: len(name)] == name]
        for name in (["answering"], ["flood:", "alerts"])
    )
    assert len(answering) == 1 + 2
    assert alerts[2] == "-", "plain TCP has no alerts"
    screens.look("bench waits", done.stdout)


def test_reports_arrive_from_a_device_that_is_answered_and_none_through_silence():
    answered, silent = waits.measure(
        waits.pairs(["mqtt"], ["answering", "silent"])[:2], 0.5, lambda text: None
    )
    assert answered.stored and answered.polls > 10 and answered.error is None
    assert silent.stored == 0 and silent.peer.name == "silent"


def _row(longest_ms, unfed_ms=1.0, error=None, stored=1):
    return waits.Row(waits.WAYS[0], PEERS[0], longest_ms, unfed_ms, 10, stored, error)


def test_what_is_longer_than_50_ms_raises_or_never_opens_is_marked_and_fails(monkeypatch):
    good, slow, killed, raised, shut = (
        _row(50.0),
        _row(51.0),
        _row(waits.KILLED_MS, waits.KILLED_MS),
        _row(1.0, error="KeyError: 1"),
        _row(1.0, stored=0),
    )
    rows = (good, slow, killed, raised, shut)
    assert [row.passed for row in rows] == [True, False, False, False, False]
    cells = [waits._cell(row, lambda row: row.longest_ms) for row in rows]
    marked = ["[red]51![/]", "[red]>5 s![/]", "[red]raises[/]", "[red]none![/]"]
    assert cells == ["50", *marked]
    assert "MQTT, answering: KeyError: 1" in waits.verdict([good, raised])
    assert "No poll(0) took longer" in waits.verdict([good])
    monkeypatch.setattr(waits, "measure", lambda met, seconds, step: iter([slow]))
    assert CliRunner().invoke(command.app, [*_SHORT, "answering"]).exit_code == 1


def test_an_unanswered_syn_gets_no_answer():
    with (
        Unanswered() as stage,
        pytest.raises(TimeoutError),
        socket.create_connection(("127.0.0.1", stage.port), 0.3),
    ):
        pass


def test_a_way_that_is_not_known_is_told_the_known_ones():
    with pytest.raises(UserError, match="alibaba-mqtts"):
        waits.pairs(["mqttt"])


def test_a_task_runs_beside_a_link_that_reports():
    alone, beside = lateness.measure(1, lambda title: None, lateness.CASES[:2])
    assert len(alone.late_us) == len(beside.late_us) == 100
    assert beside.stored and not alone.stored


def test_lateness_is_shown_by_percentile_and_idle_cost_is_judged():
    late_us = list(range(0, 101_000, 1000))  # 0 to 100 ms
    rows = [
        lateness.Row(lateness.CASES[0], [us // 2 for us in late_us], None, 0),
        lateness.Row(lateness.CASES[1], late_us, 501.0, 4),
        lateness.Row(lateness.CASES[2], late_us, 500.0, 4),
    ]
    assert [rows[1].late(percent) for percent in (50, 99, 100)] == [50, 99, 100]
    assert [goal.met for goal in lateness.goals(rows)] == [False, True]
    console = Console(width=80)
    with console.capture() as capture:
        console.print(lateness.table(rows))
    screens.look("bench lateness", capture.get() + lateness.explanation(15))
    assert capture.get().splitlines()[-3].split()[-6:] == [
        "TLS",
        "50.0",
        "99.0",
        "100.0",
        "2.0",
        "0.50",
    ]


def test_explanations_fit_a_terminal_of_80_columns():
    lines = (lateness.explanation(15) + "\n" + waits.explanation(3.0)).splitlines()
    assert max(map(len, lines)) <= 80
