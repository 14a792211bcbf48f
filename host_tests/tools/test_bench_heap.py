"""Is the smallest heap found, and held to its goal?  A device of ours stands for the board."""

import pytest
from typer.testing import CliRunner

from host_tests import screens
from tools.bench import command, heap
from tools.toolchain import word_sizes
from tools.ui import UserError


class _Board:
    """A device that needs so many KiB, and now and then some more."""

    def __init__(self, needs, moods=()):
        self.needs = needs
        self.moods = list(moods)
        self.tried = []
        self.names = 591

    def trouble(self, kib):
        self.tried.append(kib)
        needs = self.needs
        if kib == needs and self.moods:
            needs += self.moods.pop()
        return "" if kib >= needs else f"{kib} KiB are not enough"


@pytest.mark.parametrize("needs", [heap.LOWEST_KIB, 31, 32, 33, heap.HIGHEST_KIB - 1])
def test_the_smallest_heap_is_found_and_confirmed(needs):
    board = _Board(needs)
    said = []
    row = heap._smallest(board, heap.WAYS["coap"], said.append)
    assert (row.kib, row.names) == (needs, 591)
    assert board.tried[-3:] == [needs] * 3
    assert len(board.tried) == len(said) <= 8 + 3
    if needs > heap.LOWEST_KIB:
        assert row.trouble == f"{needs - 1} KiB are not enough"


def test_a_heap_that_does_not_always_do_is_not_taken():
    board = _Board(40, moods=(1, 0, 0))
    assert heap._smallest(board, heap.WAYS["coap"], lambda text: None).kib == 41


def test_three_tries_in_a_row_must_do():
    board = _Board(40, moods=(0, 1, 1))
    assert heap._smallest(board, heap.WAYS["coap"], lambda text: None).kib == 41
    assert board.tried[-3:] == [41] * 3


def test_a_board_that_fails_in_every_heap_is_an_error():
    with pytest.raises(UserError, match="fails in 110 KiB: 110 KiB are not enough"):
        heap._smallest(_Board(111), heap.WAYS["coap"], lambda text: None)


@pytest.mark.proof
@pytest.mark.skipif(32 not in word_sizes(), reason="no 32-bit MicroPython here")
@pytest.mark.parametrize(("place", "sleeps"), [("ROMFS", False), ("flash", True)])
def test_a_board_with_code_in_place_and_one_that_sleeps_do_with_much_and_fail_with_little(
    tmp_path, place, sleeps
):
    with (
        heap.far_side(tmp_path) as end,
        heap.Device(tmp_path / "board", end, heap.WAYS["coap"], place, sleeps) as device,
    ):
        assert device.trouble(110) == "" and 300 < device.names < 800
        assert "memory" in device.trouble(20)


@pytest.mark.parametrize(
    ("way", "option", "kib", "shown"),
    [
        ("mqtts", "", 48, "MQTT over TLS (Alibaba) 48 48 met 500"),
        ("mqtts", "--in-place", 29, "MQTT over TLS (Alibaba) 29 28 missed 500"),
        ("enos", "", 41, "MQTT, plain (EnOS) 41 40 missed 500"),
        ("coap", "--in-place", 24, "CoAP with AES (Alibaba) 24 24 met 500"),
        ("coaps", "", 48, "CoAP over DTLS (Alibaba) 48 48 met 500"),
        ("https", "", 45, "HTTPS (Alibaba) 45 44 missed 500"),
        ("https", "--in-place", 99, "HTTPS (Alibaba) 99 - 500"),
        ("coaps", "--image", 29, "CoAP over DTLS (Alibaba) 29 28 missed 28 1.3 s 40 ms"),
        ("wss", "", 50, "WebSocket over TLS (Watson) 50 50 met 500"),
    ],
)
def test_each_way_is_held_to_its_goal_and_a_missed_one_says_what_failed(
    monkeypatch, way, option, kib, shown
):
    pace = heap.Pace(1300, 40.4, 28 << 10) if option == "--image" else None
    found = [heap.Row(heap.WAYS[way], kib, "MemoryError", 500, pace)]
    monkeypatch.setattr(heap, "measure", lambda *arguments: found)
    words = ["heap", "--way", way, *option.split()]
    done = CliRunner().invoke(command.app, words, env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    screens.look("bench heap", done.stdout)
    assert shown in " ".join(done.stdout.split())
    assert (f"With {kib - 1} KiB: MemoryError" in done.stdout) == ("missed" in shown)


def test_a_way_that_is_not_there_is_named_with_those_that_are():
    done = CliRunner().invoke(command.app, ["heap", "--way", "https,wss"])
    assert str(done.exception).startswith("no way https,wss; use one of: mqtts, enos, coap,")
