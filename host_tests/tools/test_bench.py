"""Does `signet bench hmac` measure what it says?  No timing is judged here."""

import pytest
from typer.testing import CliRunner

from tools import toolchain
from tools.bench import command, hmac


@pytest.fixture(scope="module")
def rows():
    steps = []
    found = hmac.measure(3, 32, 120, lambda: steps.append(1))
    assert len(steps) == len(found)
    return found


def test_every_hash_on_every_build_of_this_machine(rows):
    builds = ["i386" if bits == 32 else "64-bit" for bits in toolchain.word_sizes()]
    assert [(row.build, row.hash) for row in rows] == [
        (build, name) for build in builds for name in ("md5", "sha1", "sha256")
    ]


def test_times_are_there_for_every_contender(rows):
    for row in rows:
        for name in ("bare", "signer", "peer"):
            assert 0 < row.best_us[name] <= row.median_us[name]


def test_a_signature_takes_no_more_heap_than_two_bare_hashes(rows):
    for row in rows:
        assert row.heap["signer"] == row.heap["bare"] < row.heap["peer"]


def test_the_command_prints_figures_units_and_goals():
    done = CliRunner().invoke(command.app, ["hmac", "--rounds", "2"], env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    for text in ("µs", "bytes", "md5", "sha1", "sha256", "at most 1.10 x", "at most 1/10"):
        assert text in done.stdout
