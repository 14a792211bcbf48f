"""Does `signet bench hmac` measure what it says?  No timing is judged here."""

import pytest
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import command, hmac, programs
from tools.ui import UserError


@pytest.fixture(scope="module")
def rows():
    steps = []
    found = hmac.measure(3, 32, 120, lambda: steps.append(1))
    assert len(steps) == len(found)
    return found


def test_every_hash_and_the_content_on_every_build_of_this_machine(rows):
    assert [(row.build, row.what) for row in rows] == [
        (build, name)
        for build in programs.builds()
        for name in ("md5", "sha1", "sha256", "content")
    ]


def test_times_are_there_for_every_contender(rows):
    for row in rows:
        names = hmac.CONTENTS if row.what == "content" else hmac.CONTENDERS
        for name in names:
            assert 0 < row.best_us[name] <= row.median_us[name]


def test_what_is_kept_is_compared_with_what_is_kept_and_anew_with_anew():
    times = {"bare": [2, 2], "signer": [3, 3], "anew": [5, 5], "peer": [10, 10]}
    found = {"what": "md5", "calls": 1, "times": times, "heap": dict.fromkeys(times, 0)}
    row = hmac._row("i386", found | {"real": True})
    assert row.ratios == {"bare": 1, "signer": 1.5, "anew": 0.5, "peer": 1}


def test_a_signature_takes_no_more_heap_than_two_bare_hashes(rows):
    for row in rows:
        if row.what != "content":
            assert row.heap["signer"] == row.heap["bare"] < row.heap["peer"]


def _run(*words):
    done = CliRunner().invoke(command.app, ["hmac", *words], env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    screens.look("bench hmac", done.stdout)
    return done.stdout


def test_the_command_prints_figures_units_and_goals_and_names_the_stand_in():
    shown = _run("--rounds", "2")
    for text in ("µs", "heap, B", "sha256", "≤ 1.1 x", "≤ 1.3 x", "stand-in for hmac"):
        assert text in shown


def test_the_real_peer_is_measured_where_a_folder_has_it(tmp_path):
    (tmp_path / "hmac.py").write_text("from peer_hmac import new\n")
    shown = _run("--rounds", "1", "--peer", str(tmp_path))
    assert "hmac 3.4, key anew" in shown and "stand-in" not in shown
    done = CliRunner().invoke(command.app, ["hmac", "--peer", str(tmp_path / "none")])
    assert isinstance(done.exception, UserError)
