"""Is a project that is on a board already safe from a deployment, and is what it does shown?"""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from host_tests.board.conftest import SIGNET, flash, signet_board
from host_tests.tools.pki_files import Issued, damaged, device, server
from tools.board import plan
from tools.board.check import check, check_wifi
from tools.board.deploy import project_files
from tools.board.virtual import VirtualBoard
from tools.toolchain import word_sizes
from tools.ui import UserError

_SECRET = "never-to-be-shown-4711"
_CONFIG: dict[str, object] = {"cloud": "enos", "host": "localhost", "port": 9, "insecure": True}
_CONFIG |= {"product_key": "pk", "device_key": "dk", "device_secret": _SECRET}
_THEIRS = {
    "/app.py": b"from signet import aio\nfrom signet.client import umqtt\n",
    "/boot.py": b"# theirs\n",
    "/main.py": b"import app\n",
    "/data/log.bin": b"1",
    "/lib/foo/__init__.py": b"2",
    "/lib/signets.py": b"3",
    "/lib/umqtt/robust.py": b"4",
    "/lib/umqtt/simple.py": b"5",
    "/outbox/0": b"",
    "/wifi.json": b"{}",
}


@pytest.fixture
def board(tmp_path: Path) -> VirtualBoard:
    """With a project of somebody else's on it; without power."""
    board = VirtualBoard(tmp_path / "board").create(512)
    board.fill(_THEIRS)
    return board


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "device.json"
    path.write_text(json.dumps(_CONFIG))
    return path


def _command(board: VirtualBoard, config: Path, *more: str | Path) -> list[str | Path]:
    return ["deploy", "--folder", board.folder, "--config", config, *more]


def _deploy(board: VirtualBoard, config: Path, *more: str | Path, status: int = 0) -> str:
    said = signet_board(*_command(board, config, *more), status=status)
    assert _SECRET not in said
    assert all(len(line) <= 80 for line in said.splitlines() if line.startswith("  "))
    return said


def _rows(said: str) -> list[list[str]]:
    return [line.split() for line in said.splitlines()]


def test_a_project_of_others_stays_and_signet_comes_beside_it(
    board: VirtualBoard, config: Path
) -> None:
    said = _deploy(board, config)
    there = flash(board.folder)
    assert {path: there.get(path) for path in _THEIRS} == _THEIRS
    new = there.keys() - _THEIRS.keys()
    assert {path for path in new if not path.startswith("/lib/signet/")} == {
        "/.signet",
        "/board.py",
        "/device.json",
    }
    assert "/lib/signet/aio.mpy" in new, "what their own modules import"
    kept = [row[1] for row in _rows(said) if row[:1] == ["keep"]]
    assert kept == ["/boot.py", "/lib/umqtt/simple.mpy", "/main.py"]
    assert "0 of " in _deploy(board, config)


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    """What is on an empty board after a deployment of `config`."""
    folder = tmp_path_factory.mktemp("deployed")
    (folder / "device.json").write_text(json.dumps(_CONFIG))
    board = VirtualBoard(folder / "board").create(512)
    _deploy(board, folder / "device.json")
    return flash(board.folder)


def test_readable_and_linked_take_each_others_place(
    board: VirtualBoard, config: Path, deployed: Mapping[str, bytes]
) -> None:
    board.fill(deployed)
    _deploy(board, config, "--plain")
    readable = flash(board.folder)
    assert "/lib/signet/reports/outbox.mpy" in readable.keys() - deployed.keys()
    _deploy(board, config)
    assert {**flash(board.folder), plan.MANIFEST: deployed[plan.MANIFEST]} == deployed


_OPENS = """
import gc
gc.collect()
before = gc.mem_alloc()
import board, signet
link = signet.open("device.json", board)
gc.collect()
print("heap", gc.mem_alloc() - before)
"""


@pytest.mark.skipif(32 not in word_sizes(), reason="no 32-bit MicroPython here")
def test_what_it_takes_of_flash_and_heap_is_said(
    board: VirtualBoard, config: Path, tmp_path: Path
) -> None:
    board.fill({})
    (tmp_path / "main.py").write_text(_OPENS)
    own = ["--program", tmp_path]
    on_flash, in_heap, *_ = _deploy(board, config, *own, "--dry-run").splitlines()
    assert flash(board.folder) == {}
    assert _deploy(board, config, *own).splitlines()[:2] == [on_flash, in_heap]
    sizes = [len(data) for path, data in flash(board.folder).items() if path != plan.MANIFEST]
    kib = [round(sum(sizes) / 1024), 4 * sum(-(-size // 4096) for size in sizes)]
    assert re.findall(r"(\d+) KiB", on_flash)[:2] == [*map(str, kib)]
    told = re.match(r"Heap: (\d+) KiB once a link is open, measured by", in_heap)
    with board:
        takes = int(board.wait_for(r"^heap (\d+)")[1]) / 1024
    # A part of the names, and umqtt, are in the virtual board's firmware already.
    assert told and takes - 1 < int(told[1]) < takes + 9


def test_a_dry_run_shows_and_changes_nothing(board: VirtualBoard, config: Path) -> None:
    board.fill(_THEIRS | {"/device.json": b"{}"})
    said = _deploy(board, config, "--dry-run")
    assert flash(board.folder) == _THEIRS | {"/device.json": b"{}"}
    shown = [row[:2] for row in _rows(said)]
    assert ["add", "/board.py"] in shown
    assert ["replace", "/device.json"] in shown
    assert ["keep", "/main.py"] in shown


def test_what_is_not_from_here_goes_only_when_that_is_allowed(
    board: VirtualBoard, config: Path, tmp_path: Path
) -> None:
    (tmp_path / "main.py").write_text("print('asked for')\n")
    own = ["--program", tmp_path]
    said = _deploy(board, config, *own, status=2)
    assert "--yes does it without asking" in said
    assert ["replace", "/main.py"] in [row[:2] for row in _rows(said)]
    assert flash(board.folder) == _THEIRS
    _deploy(board, config, *own, "--yes")
    there = flash(board.folder)
    assert there["/main.py"] == b"print('asked for')\n"
    assert there["/boot.py"] == _THEIRS["/boot.py"]
    (tmp_path / "main.py").write_text("print('ours by now')\n")
    _deploy(board, config, *own)


def test_the_boot_py_that_a_firmware_makes_on_an_empty_flash_is_nobodys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = plan.Board({"/boot.py": plan.File(1, plan.digest(b"#"))}, frozenset(), {})
    assert plan.make(there, {"/boot.py": b"1"}, ["/boot.py"]).keep
    monkeypatch.setattr(plan, "FIRMWARE_BOOT", plan.digest(b"#"))
    assert plan.make(there, {"/boot.py": b"1"}, ["/boot.py"]).update == ["/boot.py"]


def test_an_empty_program_is_a_program_too(board: VirtualBoard, config: Path) -> None:
    board.fill({"/boot.py": b"", "/main.py": b""})
    kept = [row[1] for row in _rows(_deploy(board, config)) if row[:1] == ["keep"]]
    assert kept == ["/boot.py", "/main.py"]
    assert flash(board.folder)["/boot.py"] == b""


@pytest.mark.parametrize("path", ["/signet/__init__.py", "/signet.py"])
def test_what_would_be_imported_in_place_of_signet_is_named(
    board: VirtualBoard, config: Path, path: str
) -> None:
    board.fill({path: b""})
    said = _deploy(board, config, status=2)
    assert f"{path.removesuffix('/__init__.py')} on the board would be imported in place" in said
    assert flash(board.folder) == {path: b""}


def test_the_note_holds_what_stands_there_and_what_comes_and_no_more() -> None:
    files: dict[str, plan.File] = {}
    note = b""
    for content in (b"1", b"2", b"3", b"4"):
        there = plan.Board(files, frozenset(), plan.read_manifest(note.decode()))
        note = plan.make(there, {"/main.py": content}).manifest or b""
        files = {"/main.py": plan.File(1, plan.digest(content))}
    kept = {plan.digest(content)[:16] for content in (b"3", b"4")}
    assert plan.read_manifest(note.decode()) == {"/main.py": kept}


@pytest.mark.parametrize("answer", ["n", "y"])
def test_who_sits_at_a_terminal_is_asked(board: VirtualBoard, config: Path, answer: str) -> None:
    board.fill({"/device.json": b"{}"})
    child, terminal = pty.fork()
    if child == 0:
        os.execv(SIGNET, [str(SIGNET), "board", *map(str, _command(board, config))])
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(terminal, 4096)
    os.write(terminal, answer.encode() + b"\n")
    try:
        while piece := os.read(terminal, 4096):
            seen += piece
    except OSError:  # it has ended
        pass
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert (status, flash(board.folder)["/device.json"] == b"{}") == (
        (2, True) if answer == "n" else (0, False)
    ), seen


def _edited(there: Mapping[str, bytes], **changes: bytes | None) -> dict[str, bytes]:
    """A flash with other content in some files: by the name's beginning, None for none at all."""
    files = dict(there)
    for name, content in changes.items():
        path = next(path for path in there if path.rpartition("/")[2].startswith(name))
        files.pop(path)
        if content is not None:
            files[path] = content
    return files


def test_what_was_changed_on_the_board_is_shown_and_asked_about(
    board: VirtualBoard, config: Path, deployed: Mapping[str, bytes]
) -> None:
    edited = _edited(deployed, main=b"print('mine')", core=b"damaged")
    board.fill(edited)
    said = _rows(_deploy(board, config, status=2))
    assert ["keep", "/main.py"] in [row[:2] for row in said]
    assert ["replace", "/lib/signet/core.mpy"] in [row[:2] for row in said]
    assert flash(board.folder) == edited
    _deploy(board, config, "--yes")
    assert flash(board.folder)["/main.py"] == b"print('mine')"
    assert flash(board.folder)["/lib/signet/core.mpy"] != b"damaged"


def test_a_board_of_before_the_manifest_and_one_cut_short_are_not_asked_about(
    board: VirtualBoard, config: Path
) -> None:
    board.fill({"/app.py": b"from signet.client import umqtt\n"})
    _deploy(board, config)
    there = flash(board.folder)
    old = _edited(there, core=b"of an earlier version", **{".signet": None})
    theirs = {"/lib/umqtt/robust.mpy": b"", "/lib/signet/their_own.py": b""}
    board.fill(old | theirs | {"/lib/signet/gone.mpy": b""})
    _deploy(board, config)
    assert flash(board.folder) == there | theirs
    board.fill(old | {"/lib/signet/core.py": b"# patched by hand"})
    assert "/lib/signet/core.py" in _deploy(board, config, status=2)
    board.fill(_edited(there, core=None, board=None) | {plan.PART: b"half of a file"})
    _deploy(board, config)
    assert flash(board.folder) == there
    config.write_text(json.dumps(_ALIBABA))
    board.fill(_edited(there, app=None))
    _deploy(board, config)
    assert "/lib/umqtt/simple.mpy" not in flash(board.folder), "ours, and no longer needed"


_ALIBABA = {"cloud": "alibaba", "way": "coap", "host": "pk.coap.cn-shanghai.link.aliyuncs.com"}
_ALIBABA |= {"tls": False, "product_key": "pk", "device_name": "dn", "device_secret": _SECRET}


def test_a_certificate_that_the_board_renewed_stays(board: VirtualBoard, config: Path) -> None:
    board.fill({})
    ca = Issued()
    own, renewed = device(by=ca), device(by=ca)
    for name, content in (("ca.pem", ca.pem), ("device.pem", own.pem + own.key_bytes())):
        (config.parent / name).write_bytes(content)
    config.write_text(json.dumps(_WATSON))
    _deploy(board, config)
    board.fill(_edited(flash(board.folder), **{"device.pem": renewed.pem + renewed.key_bytes()}))
    assert ["keep", "/device.pem"] in [row[:2] for row in _rows(_deploy(board, config))]
    assert flash(board.folder)["/device.pem"].startswith(renewed.pem)


_WATSON: dict[str, object] = {"cloud": "watson", "host": "orgid1.messaging.example.com"}
_WATSON |= {"org_id": "orgid1", "type_id": "esp32", "device_id": "board-1", "cert": "device.pem"}
_CA = Issued()
_OWN = device(by=_CA)
_APPLICATION = {"role": "application", "app_id": "a", "type_id": None, "device_id": None}
_ALONE = {"device.pem": _OWN.pem}  # without its key


@pytest.mark.parametrize(
    ("changes", "files", "said"),
    [
        ({"cloud": "cumulus"}, {}, "cloud: must be one of alibaba, azure, broker, enos, watson"),
        ({"device_id": "a b"}, {}, "device_id: "),
        (
            {"key": "k.pem"},
            {"k.pem": _CA.key_bytes(), **_ALONE},
            "key: is not the one of the certificate",
        ),
        (
            {"key": "k.pem"},
            {"k.pem": _OWN.key_bytes(passphrase=b"x"), **_ALONE},
            "private key is encrypted",
        ),
        ({}, _ALONE, "cert: holds no private key"),
        ({}, {"ca.pem": Issued(days=(-9, -2)).pem}, "ca.pem expired on "),
        ({"expiry_warning_days": 0}, {"ca.pem": Issued(days=(-9, -2)).pem}, "expired on "),
        (_APPLICATION, {"ca.pem": Issued(days=(-9, -2)).pem}, "ca.pem expired on "),
        ({}, {"ca.pem": b"-----BEGIN CERTIFICATE-----\n"}, "ca: "),
        ({}, {"ca.pem": damaged(_CA.pem)}, "ca: "),
        ({}, {"ca.pem": server(by=_CA).pem}, "ca: the certificate is a server's"),
        ({}, {"ca.pem": _CA.pem + _CA.key_bytes()}, "ca: the file holds a private key"),
    ],
)
def test_what_the_board_would_refuse_is_refused_before_in_its_words(
    tmp_path: Path, changes: dict[str, object], files: dict[str, bytes], said: str
) -> None:
    good = {"ca.pem": _CA.pem, "device.pem": _OWN.pem + _OWN.key_bytes()}
    for name, content in (good | files).items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        check(project_files(_WATSON | changes, beside=tmp_path, frozen=True))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("changes", [{}, {"ca": "missing.pem"}])
def test_what_the_board_takes_is_taken_and_a_ca_may_be_there_already(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    (tmp_path / "ca.pem").write_bytes(server().pem + _CA.pem)
    (tmp_path / "device.pem").write_bytes(_OWN.pem + _OWN.key_bytes())
    assert check(project_files(_WATSON | changes, beside=tmp_path, frozen=True)) == []


def test_a_ca_is_looked_for_on_the_board_too(board: VirtualBoard, config: Path) -> None:
    config.write_text(json.dumps(_CONFIG | {"insecure": False, "tls": True, "port": None}))
    board.fill({})
    assert "there is no ca.pem beside device.json, nor on" in _deploy(board, config, status=2)
    board.fill({"/ca.pem": Issued(days=(-9, -2)).pem})
    assert "ca.pem expired on" in _deploy(board, config, status=2)
    assert "/device.json" not in flash(board.folder)
    board.fill(_THEIRS | {"/ca.pem": _CA.pem})
    _deploy(board, config)
    assert b'"checked": ' in flash(board.folder)["/device.json"]
    assert "\n0 of " in _deploy(board, config)


@pytest.mark.parametrize(
    ("wifi", "said"),
    [
        ({}, "ssid is missing"),
        ({"ssid": 5}, "ssid must be text of at most 32 bytes"),
        ({"ssid": "ä" * 17}, "ssid must be text of at most 32 bytes"),
        ({"ssid": "a", "password": [_SECRET]}, "password must be text of at most 64 bytes"),
        ({"ssid": "a", "pasword": _SECRET}, "there is another key in it"),
    ],
)
def test_a_wifi_json_that_cannot_be_is_refused(wifi: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        check_wifi(wifi)
    assert said in str(caught.value)
    assert _SECRET not in str(caught.value)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_of_a_deployment_is_left_on_the_host_when_it_is_killed(
    board: VirtualBoard, config: Path, tmp_path: Path, number: signal.Signals
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = [SIGNET, "board", *_command(board, config), "--plain"]  # many files
    output = tmp_path / "output"
    ended = 0
    while ended == 0:  # it was over before the signal came
        board.fill({})
        with output.open("wb") as said:
            process = subprocess.Popen(
                command,
                env=os.environ | {"TMPDIR": str(scratch)},
                stdout=said,
                stderr=subprocess.STDOUT,
            )
        _wait_for_copying(process)
        process.send_signal(number)
        ended = process.wait(30)
    assert list(scratch.iterdir()) == []
    _wait_until_off(board)
    there = flash(board.folder)
    there.pop(plan.PART, None)
    noted = plan.read_manifest(there.pop(plan.MANIFEST, b"").decode())
    assert all(plan.digest(there[path])[:16] in noted[path] for path in there), "each whole"
    assert (number == signal.SIGKILL) != ("deploy again" in output.read_text())
    _deploy(board, config)
    assert "/device.json" in flash(board.folder)


def _wait_for_copying(process: subprocess.Popen[bytes]) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    while process.poll() is None:
        for child in children.read_text().split():
            with contextlib.suppress(OSError):  # it may have ended
                if b"\0cp\0" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return
        time.sleep(0.005)


def _wait_until_off(board: VirtualBoard) -> None:
    while board.in_use():
        time.sleep(0.01)
