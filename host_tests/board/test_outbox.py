"""What does a person see of what waits on a board?  Files are written by the format's table."""

import base64
import json
import subprocess
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from host_tests.board.conftest import signet_board
from tools import toolchain
from tools.board.deploy import project_files
from tools.board.outbox_records import read
from tools.board.virtual import VirtualBoard

_MADE_MS = 1_795_935_600_250  # 2026-11-29 07:00:00.25 UTC


def line(key: int, head: list[object], body: bytes = b"") -> bytes:
    """A line of the outbox, as its format says."""
    text = b"%08x" % key + json.dumps(head).encode()
    if key:
        text += b"\t" + body.replace(b"\x1b", b"\x1b0").replace(b"\n", b"\x1b1")
    return b"%08x" % zlib.crc32(text) + text + b"\n"


def note(
    read: int, missed: Sequence[int] = (), counters: Sequence[int] = (0, 0, 0, 0, 0, 0)
) -> bytes:
    return line(0, [99, read, 1, [(key, 1) for key in missed], counters, [4711]])


VALUES = line(3, [1003, _MADE_MS, None, None, None], b'{"t":21.5}')
RAW = line(4, [1004, None, "/pk/dn/user/up", None, None], b"\x00\r\n\x1b\t\xff\x1b1")
EVENT = line(5, [1005, _MADE_MS, None, "alarm", ["sensor", "s-1"]], b'{"hot":true}')
BAD = line(6, [1006, _MADE_MS, None, None, None], '{"name":"[b]\u00e9\\u001b"}'.encode())


def keys(*segments: bytes, **more: bytes) -> list[int]:
    files = {str(number): data for number, data in enumerate(segments)} | more
    return [report.key for report in read(files).waiting]


def test_records_are_read_in_the_order_of_their_segments() -> None:
    waiting = read({"10": EVENT, "9": VALUES + RAW}).waiting
    assert [(report.key, report.id, report.time_ms) for report in waiting] == [
        (3, 1003, _MADE_MS),
        (4, 1004, None),
        (5, 1005, _MADE_MS),
    ]
    assert [report.values for report in waiting] == [{"t": 21.5}, None, {"hot": True}]
    assert waiting[1].body == b"\x00\r\n\x1b\t\xff\x1b1"
    assert [report.topic for report in waiting] == [None, "/pk/dn/user/up", None]
    assert waiting[2].event == "alarm" and waiting[2].device == ("sensor", "s-1")


def test_what_the_last_note_calls_done_waits_no_more() -> None:
    assert keys(VALUES + RAW + note(4), EVENT) == [5]
    assert keys(VALUES + RAW + EVENT + note(5, [4])) == [4]
    assert keys(note(9) + VALUES + note(3), RAW) == [4]
    assert keys(VALUES, RAW) == [3, 4]
    counters = read({"0": note(0, counters=(7, 5, 1, 2, 3, 4))}).counters
    assert list(counters.values()) == [7, 5, 1, 2, 3, 4]


@pytest.mark.parametrize("at", range(len(VALUES)))
def test_a_damaged_report_is_skipped_and_told_of(at: int) -> None:
    damaged = bytearray(VALUES)
    damaged[at] ^= 0x10
    content = read({"0": RAW + bytes(damaged) + note(0), "1": EVENT})
    assert [report.key for report in content.waiting] == [4, 5]
    assert content.damaged_bytes >= len(VALUES)


def test_any_cut_costs_the_record_in_which_it_is() -> None:
    for end in range(len(VALUES)):
        content = read({"0": RAW + VALUES[:end], "1": EVENT})
        assert [report.key for report in content.waiting] == [4, 5]
        assert content.damaged_bytes == end


def test_another_version_is_not_read() -> None:
    odd = line(3, [1, 2]) + line(0, {"later": 1}) + line(3, ["1", None, None, None, None])
    odd += line(3, [1, "now", None, None, None]) + line(3, [1, None, 7, None, None])
    odd += line(3, [1, None, None, None, [1, 2]]) + line(3, [1, 10**15, None, None, None])
    odd += line(3, [1, None, None, None, ["gateway"]])
    deep = b"00000003" + b"[" * 20_000 + b"\t"
    odd += line(0, [99, 5, 1, [], ["[red]"], []]) + b"%08x%s\n" % (zlib.crc32(deep), deep)
    content = read({"0": odd + RAW})
    assert [report.key for report in content.waiting] == [4]
    assert content.damaged_bytes == len(odd)


def test_what_was_set_aside_has_a_reason_and_does_not_wait() -> None:
    content = read({"0": VALUES + BAD, "x6": BAD + "no \u00e9".encode(), "xs": b"", "retry": b""})
    assert [report.key for report in content.waiting] == [3]
    assert [(report.key, report.reason) for report in content.set_aside] == [(6, "no \u00e9")]
    assert content.is_retried and not content.is_kept


def _signet(*arguments: str | Path, status: int = 0) -> str:
    said = signet_board("outbox", *arguments, status=status)
    assert "\x1b" not in said
    return said


@pytest.fixture
def board_with(tmp_path: Path):
    """A board that is off, with such files on it."""

    def make(files: Mapping[str, bytes]) -> VirtualBoard:
        board = VirtualBoard(tmp_path / "board").create(256)
        board.fill(files)
        return board

    return make


_FILES = {
    "/outbox/7": VALUES + RAW + note(3, counters=(5, 1, 0, 2, 1, 0)),
    "/outbox/8": EVENT + b"torn",
    "/outbox/x6": BAD + b"code 6207: [red]\nparams\xc2\x9b",
    "/outbox/damaged": b"?",
    "/main.py": b"print('program')",
}


def test_a_board_tells_what_waits_and_what_was_set_aside(board_with, tmp_path) -> None:
    board = board_with(_FILES)
    *lines, hint = _signet("--folder", board.folder).splitlines()
    assert hint.endswith(f"signet board outbox retry --folder {board.folder}")
    assert max(map(len, lines)) <= 80
    shown = "\n".join(" ".join(line.split()) for line in lines)
    assert f"waiting 2 reports, {len(RAW + EVENT)} bytes" in shown
    assert "oldest 4, clock not set" in shown
    assert "newest 5, 2026-11-29 07:00:00Z" in shown
    assert "accepted 5\nacknowledged 1\nsent again 0\ndropped 2\nset aside 1" in shown
    assert "unreadable 4 bytes" in shown
    assert "mpremote fs cp :/outbox/damaged ." in shown
    assert "6 2026-11-29 07:00:00Z code 6207: " in shown and "[red]\\nparams\\x9b" in shown
    assert '{"name": "[b]\u00e9\\u001b"}' in shown

    file = tmp_path / "kept.jsonl"
    _signet("--folder", board.folder, "export", file)
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert [row["key"] for row in rows] == [6, 4, 5]
    assert rows[0]["set_aside"] == "code 6207: [red]\nparams\x9b"
    assert rows[0]["values"] == {"name": "[b]\u00e9\x1b"}
    assert base64.b64decode(rows[1]["base64"]) == b"\x00\r\n\x1b\t\xff\x1b1"
    assert rows[1]["topic"] == "/pk/dn/user/up" and "time_ms" not in rows[1]
    assert rows[2] == {
        "key": 5,
        "id": 1005,
        "time_ms": _MADE_MS,
        "event": "alarm",
        "device": ["sensor", "s-1"],
        "values": {"hot": True},
    }
    assert "name another" in _signet("export", file, "--folder", board.folder, status=2)


def test_what_was_set_aside_is_retried_by_key_or_whole(board_with) -> None:
    with board_with(_FILES | {"/outbox/x4": RAW + b"why"}) as board:

        def retried() -> bytes:
            program = "print(open('/outbox/retry').read())"
            return subprocess.check_output(
                [*toolchain.mpremote(), "connect", board.device, "exec", program]
            )

        board.wait_for("^program")
        said = _signet("retry", "6", "77", "--folder", board.folder, status=2)
        assert said == "signet: no report 77 was set aside; there are 4, 6\n"
        before = board.printed
        assert _signet("retry", "6", "--folder", board.folder).startswith("1 put back")
        board.wait_for("^program", since=before)
        assert retried() == b"6\r\n\r\n"
        assert "2 put back" in _signet("retry", "--folder", board.folder)
        assert retried() == b"\r\n"


def test_nothing_waits_where_there_is_no_outbox(board_with) -> None:
    board = board_with({"/main.py": b"1"})
    assert "nothing waits" in _signet("--folder", board.folder)
    assert _signet("export", "-", "--folder", board.folder) == ""
    assert (
        _signet("retry", "--folder", board.folder, status=2) == "signet: nothing was set aside\n"
    )


def test_a_board_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "run `signet board create`" in _signet("--folder", tmp_path / "none", status=2)
    assert "no device /dev/ttyUSB77" in _signet("--device", "/dev/ttyUSB77", status=2)


# Nobody listens on its port. The second report has no form in JSON.
_MAIN = b"""
import board, signet
link = signet.open("device.json", board)
if not len(link.outbox):
    for values in ({"n": 0}, {"n": float("nan")}, {"n": 2}):
        link.report(values)
    link.report(b"\\x00\\n", topic="iot-2/evt/raw/fmt/bin")
print("waiting", len(link.outbox), len(link.outbox.dead))
link.poll(600000)
"""
_NOBODY = {
    "cloud": "watson",
    "host": "cloud.test",
    "address": "127.0.0.1",
    "port": 9,
    "tls": False,
    "insecure": True,
    "org_id": "abcdef",
    "type_id": "t",
    "device_id": "d",
    "token": "not-a-secret",
    "flash_after_s": 0,
}


def test_what_a_board_keeps_is_told_as_the_board_tells_it(tmp_path: Path) -> None:
    board = VirtualBoard(tmp_path / "board").create()
    board.fill(project_files(_NOBODY, others=[_MAIN]) | {"/main.py": _MAIN})
    with board:
        board.wait_for("^waiting 3 1")
        said = _signet("export", "-", "--folder", board.folder)
        dead, *waiting = (json.loads(row) for row in said.splitlines())
        assert [row.get("values") for row in waiting] == [{"n": 0}, {"n": 2}, None]
        assert base64.b64decode(waiting[2]["base64"]) == b"\x00\n"
        assert waiting[2]["topic"] == "iot-2/evt/raw/fmt/bin"
        assert "n" in dead["set_aside"]
        _signet("retry", str(dead["key"]), "--folder", board.folder)
        board.wait_for("^waiting 4 0")
