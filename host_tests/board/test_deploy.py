"""Does a deployment put on a board what it should, fast, and say clearly when it cannot?"""

import fcntl
import functools
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from host_tests.board.conftest import PROMPT
from tools import toolchain
from tools.board.deploy import deploy, project_files
from tools.board.mpremote import ask
from tools.board.virtual import VirtualBoard
from tools.ui import UserError

_SECRET = "never-to-be-shown-4711"
_CONFIG: dict[str, object] = {"cloud": "enos", "device_secret": _SECRET}
_FILES = {
    "/boot.py": b"print('boot one')\n",
    "/main.py": b"import pack.part\nprint('main', pack.part.x)\n",
    "/lib/pack/part.py": b"x = 1\n",
}


@pytest.fixture
def bits() -> int:
    """One word width is enough: test_mpremote.py shows the rest."""
    return toolchain.word_sizes()[0]


@pytest.fixture
def copied() -> Callable[..., None]:
    """Progress that remembers the paths it was told."""
    paths: list[str] = []

    def progress(done: int, total: int, path: str) -> None:
        assert 0 <= done <= total
        if path:
            paths.append(path)

    progress.paths = paths  # type: ignore[attr-defined]
    return progress


def test_a_deployed_program_starts(board: VirtualBoard) -> None:
    before = board.printed
    assert deploy(board.device, _FILES) == 3
    board.wait_for(r"boot one\nmain 1\n", since=before)


def test_only_what_changed_is_copied(board: VirtualBoard, copied: Callable[..., None]) -> None:
    deploy(board.device, _FILES)
    assert deploy(board.device, _FILES, copied) == 0
    assert deploy(board.device, _FILES | {"/boot.py": b"print('boot two')"}, copied) == 1
    assert copied.paths == ["/boot.py"]  # type: ignore[attr-defined]
    board.wait_for("boot two\nmain 1\n")


def test_a_file_may_come_from_the_host(board: VirtualBoard, tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("print('from a file')")
    assert deploy(board.device, {"/main.py": tmp_path / "m.py"}) == 1
    board.wait_for("from a file")


def test_device_json_comes_last(board: VirtualBoard, copied: Callable[..., None]) -> None:
    deploy(board.device, {"/device.json": b"{}", "/main.py": b"", "/z.py": b"1"}, copied)
    assert copied.paths == ["/main.py", "/z.py", "/device.json"]  # type: ignore[attr-defined]


def test_modules_that_are_no_more_go(board: VirtualBoard, mpremote: Callable[..., str]) -> None:
    deploy(board.device, {"/lib/signet/old/a.mpy": b"1", "/lib/signet/b.mpy": b"2", "/x": b"3"})
    deploy(board.device, {"/lib/signet/b.mpy": b"2"})
    shown = mpremote("fs", "tree")
    assert "old" not in shown
    assert "b.mpy" in shown
    assert "x" in shown


def test_another_device_json_brings_what_it_needs_and_removes_what_it_does_not(
    board: VirtualBoard, mpremote: Callable[..., str], copied: Callable[..., None]
) -> None:
    deploy(board.device, project_files(_CONFIG), restart=False)
    by_coap = project_files({"cloud": "alibaba", "way": "coap"})
    changed = deploy(board.device, by_coap, copied, restart=False)
    assert changed == len(copied.paths) < len(by_coap)  # type: ignore[attr-defined]
    assert "/boot.py" not in copied.paths  # type: ignore[attr-defined]
    program = "import os\ndef look(p):\n for e in os.ilistdir(p):\n  q = p + '/' + e[0]\n"
    program += "  look(q) if e[1] & 0x4000 else print(q)\nlook('')"
    assert sorted(mpremote("exec", program).splitlines()) == sorted(["/.signet", *by_coap])


def test_a_py_that_would_hide_its_mpy_goes(
    board: VirtualBoard, mpremote: Callable[..., str]
) -> None:
    deploy(board.device, {"/lib/pack.py": b"x = 'old'"})
    deploy(board.device, {"/lib/pack.mpy": b"new"})
    assert mpremote("fs", "ls", ":lib") == "ls :lib\n           3 pack.mpy\n"


def test_a_program_that_feeds_a_watchdog_can_be_replaced(board: VirtualBoard) -> None:
    program = b"import machine, time\nw = machine.WDT(timeout=3000)\nprint('dog')\n"
    deploy(board.device, {"/main.py": program + b"while True:\n w.feed()\n time.sleep_ms(20)\n"})
    at = board.wait_for("dog").end()
    assert deploy(board.device, {"/main.py": b"print('free')"}, restart=False) == 1
    time.sleep(3.5)
    assert "free" not in board.output(at), "the watchdog has not started it meanwhile"
    board.reset()
    board.wait_for("free", since=at)


def test_deploy_can_leave_the_board_at_its_prompt(board: VirtualBoard) -> None:
    before = board.printed
    deploy(board.device, {"/main.py": b"print('started')"}, restart=False)
    board.wait_for(PROMPT, since=before)
    assert "started" not in board.output()


def test_the_project_holds_what_a_board_needs(tmp_path: Path) -> None:
    ca = tmp_path / "other-name.pem"
    ca.write_text("CERTIFICATE")
    files = project_files({"cloud": "enos"}, ca)
    assert {"/boot.py", "/main.py", "/board.py", "/device.json", "/ca.pem"} <= files.keys()
    assert "/lib/signet/__init__.mpy" in files
    assert files["/ca.pem"] == b"CERTIFICATE"
    modules = [path for path in files if path.startswith("/lib/")]
    assert all(path.endswith(".mpy") for path in modules)
    assert project_files({"ca": "x.pem"}, ca, frozen=True)["/x.pem"] == b"CERTIFICATE"
    assert project_files({"ca": None}, ca, frozen=True)["/ca.pem"] == b"CERTIFICATE"
    (tmp_path / "ca.pem").write_text("BESIDE")
    assert project_files({"ca": None}, beside=tmp_path, frozen=True)["/ca.pem"] == b"BESIDE"
    for name in ("main.py", "device.json"):
        with pytest.raises(UserError, match=f"{name} cannot be a certificate's"):
            project_files({"ca": name}, ca)


@pytest.mark.parametrize(
    ("config", "there", "not_there"),
    [
        (_CONFIG, "signet/client/mqtt", "signet/net/secure"),
        ({"cloud": "alibaba", "way": "coap"}, "signet/net/dtls", "signet/client/mqtt"),
        ({"cloud": "watson", "way": "http"}, "signet/net/secure", "signet/client/mqtt"),
        ({"cloud": "nimbus"}, "signet/device/config", "signet/client/mqtt"),
        (
            {"cloud": "watson", "role": 7, "way": []},
            "signet/device/config",
            "signet/cloud/watson/http",
        ),
    ],
)
def test_the_project_holds_what_its_device_json_needs_right_or_wrong(
    config: dict[str, object], there: str, not_there: str
) -> None:
    files = project_files(config, plain=True)
    assert f"/lib/{there}.mpy" in files
    assert f"/lib/{not_there}.mpy" not in files


# Their board.py is all in which the two differ.
@pytest.mark.parametrize("board", ["virtual", pytest.param("esp32", marks=pytest.mark.proof)])
@pytest.mark.parametrize(
    "config",
    [
        {"cloud": "alibaba"},
        {"cloud": "alibaba", "way": "coap", "tls": False},
        {"cloud": "alibaba", "way": "coap", "tls": True},
        {"cloud": "alibaba", "way": "http"},
        {"cloud": "azure"},
        {"cloud": "enos"},
        {"cloud": "enos", "tls": True},
        {"cloud": "watson"},
        {"cloud": "watson", "websocket": True},
        {"cloud": "watson", "way": "http"},
        {"cloud": "watson", "role": "gateway"},
        {"cloud": "watson", "role": "application"},
    ],
)
def test_a_project_is_at_most_twelve_files(
    tmp_path: Path, board: str, config: dict[str, object]
) -> None:
    (tmp_path / "ca.pem").touch()
    files = project_files(config, tmp_path / "ca.pem", board)
    assert len(files) <= 12, sorted(files)


def test_a_modem_takes_two_more_and_a_board_with_a_line_to_it() -> None:
    config: dict[str, object] = {"cloud": "alibaba", "way": "coap", "tls": False}
    config["modem"] = {"family": "bg95"}
    assert len(project_files(config, board="esp32_nbiot")) <= 14
    for board in ("esp32", "esp32_ppp"):
        with pytest.raises(UserError, match=r"board\.py has no uart\(\): .*esp32_nbiot"):
            project_files(config, board=board)
    config["modem"] = {"family": "bg95", "wake": 4}
    with pytest.raises(UserError, match=r"board\.py has no modem_wake\(\)"):
        project_files(config)


def _with_main(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    """A project whose main.py is that."""
    (folder / "boot.py").touch()
    (folder / "main.py").write_text(text)
    monkeypatch.setattr("tools.board.deploy.ROOT", folder)


def test_the_project_holds_what_its_program_imports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"/lib/signet/client/umqtt.mpy", "/lib/umqtt/simple.mpy"}
    assert not own & project_files(_CONFIG).keys()
    _with_main(monkeypatch, tmp_path, "from signet.client import umqtt")
    assert own <= project_files(_CONFIG).keys()


def test_a_program_that_is_not_python_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_main(monkeypatch, tmp_path, "import signet\nif:\n")
    with pytest.raises(UserError, match=r"main\.py, line 2: invalid syntax"):
        project_files(_CONFIG)


def test_certificate_and_key_come_from_beside_device_json(tmp_path: Path) -> None:
    for name in ("ca.pem", "device.pem", "device.key"):
        (tmp_path / name).write_text(name)
    config: dict[str, object] = {"cloud": "watson", "cert": "device.pem", "key": "device.key"}
    files = project_files(config, beside=tmp_path, frozen=True)
    assert [files[f"/{name}"] for name in ("ca.pem", "device.pem", "device.key")] == [
        b"ca.pem",
        b"device.pem",
        b"device.key",
    ]


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*device\.pem"):
        project_files({"cert": "device.pem"}, beside=tmp_path)


@pytest.mark.parametrize("name", ["../device.pem", "/etc/device.pem", 7])
def test_a_certificate_elsewhere_is_refused(tmp_path: Path, name: object) -> None:
    with pytest.raises(UserError, match="name a file beside"):
        project_files({"cert": name}, beside=tmp_path)


def test_a_program_of_an_editor_of_windows_is_python_for_the_board_too(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("print(1)\n", encoding="utf-8-sig")
    files = project_files({"cloud": "enos"}, main=tmp_path / "main.py", frozen=True)
    assert files["/main.py"] == b"print(1)\n"


_PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIN2Y\n-----END PRIVATE KEY-----\n"


@pytest.mark.parametrize("key", ["ca", "cert", "key"])
@pytest.mark.parametrize("secret", ["MP$08VKz!8rXwnR-Q*", "a1B2c3D4" * 40, _PEM])
def test_a_secret_in_place_of_a_file_is_not_shown(tmp_path: Path, key: str, secret: str) -> None:
    with pytest.raises(UserError, match=f"device.json: {key}: ") as raised:
        project_files({key: secret}, tmp_path / "ca.pem", beside=tmp_path)
    assert not any(part in str(raised.value) for part in (secret, *secret.split()[3:4]))


def test_a_ca_that_is_not_beside_device_json_may_be_on_the_board(tmp_path: Path) -> None:
    assert "/ca.pem" not in project_files({"cloud": "enos"}, beside=tmp_path, frozen=True)


def test_the_project_runs_on_the_board(board: VirtualBoard) -> None:
    # A configuration that names an unknown cloud: the program starts, and says so.
    deploy(board.device, project_files({"cloud": "cumulus", "device_secret": _SECRET}))
    board.wait_for("device.json: cloud", timeout_s=60)
    assert _SECRET not in board.output()


_CATCHES = b"""
import signet
from signet import clock, errors
from signet.clock import Deadline
from signet.errors import ConfigError
try:
    signet.open("none.json")
except ConfigError as error:
    same = type(error) is signet.ConfigError is errors.ConfigError
    print("caught", same and clock.Deadline is Deadline)
"""


def test_a_program_has_one_of_each_class_however_it_imports_them(board: VirtualBoard) -> None:
    files = project_files(_CONFIG, others=[_CATCHES])
    deploy(board.device, files | {"/main.py": _CATCHES})
    board.wait_for("caught True")


def test_signet_is_imported_from_lib_and_umqtt_from_the_firmware(
    board: VirtualBoard, mpremote: Callable[..., str]
) -> None:
    files = project_files(_CONFIG)
    deploy(board.device, {path: code for path, code in files.items() if "/lib/" in path})
    program = "import signet, umqtt.simple as u\nprint(signet.__file__, u.__file__)"
    shown = mpremote("exec", program)
    assert shown == "/lib/signet/__init__.mpy ../mpy/umqtt/umqtt/simple.mpy\n"


def test_an_unknown_board_is_an_error_that_names_those_known() -> None:
    with pytest.raises(UserError, match=r"no board 'esp99'; use one of: esp32, .*, virtual"):
        project_files({}, board="esp99")


def test_a_missing_ca_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read .*ca\.pem: No such file"):
        project_files({}, tmp_path / "ca.pem")


def test_a_missing_device_is_said() -> None:
    with pytest.raises(UserError, match=r"no device /dev/ttyUSB77: is the board plugged in\?"):
        deploy("/dev/ttyUSB77", {})


def test_a_file_is_not_a_device(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    for path in (str(tmp_path / "x"), "/dev/null"):
        with pytest.raises(UserError, match="is not a serial line"):
            deploy(path, {})


def test_a_forbidden_device_names_the_group_to_join(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(UserError, match=r"no permission for .*usermod -aG .*dialout"):
        deploy(board.device, {})


def test_a_busy_device_is_said(board: VirtualBoard) -> None:
    other = os.open(board.device, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX)
    try:
        with pytest.raises(UserError, match="in use by another program"):
            deploy(board.device, _FILES)
    finally:
        os.close(other)


def test_a_full_flash_is_said(tmp_path: Path, bits: int) -> None:
    with (
        VirtualBoard(tmp_path, bits=bits).create(32) as board,
        pytest.raises(UserError, match="flash of the board is full"),
    ):
        deploy(board.device, {"/big": os.urandom(60_000)})


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        ("mpremote.transport.TransportError: could not enter raw repl", "press the board's reset"),
        ("device reports readiness to read but read failed", "was unplugged, or the board"),
        ("something nobody has seen yet", "mpremote failed on"),
    ],
)
def test_no_secret_is_in_the_error_whatever_mpremote_says(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch, said: str, cure: str
) -> None:
    failing = [sys.executable, "-c", f"import sys; print({_SECRET!r}, {said!r}); sys.exit(1)"]
    monkeypatch.setattr(toolchain, "mpremote", lambda: failing)
    with pytest.raises(UserError, match=cure) as caught:
        deploy(board.device, project_files(_CONFIG))
    assert _SECRET not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("board_says", "error"),
    [
        ("while True: print('x' * 65536, end='')", "for ever"),
        ('while True: print(\'["/a", 1, "b"]\')', "for ever"),
        ("import time\nwhile True: time.sleep(0.01); print(1, flush=True)", "for ever"),
        ("print('garbage'); print(1)", "cannot be read"),
        ("print('[' * 50_000); print(1)", "cannot be read"),
        ('print(\'["/main.py", 1, "b"]\'); print(2)', "cannot be read"),
        ('print(\'["/main.py", "*"]\'); print(1)', "cannot be read"),
        ('print(\'["/main.py", -1, "b"]\'); print(1)', "cannot be read"),
        ("pass", "cannot be read"),
    ],
)
def test_what_a_board_answers_is_bounded_and_whole_or_refused(
    board: VirtualBoard, monkeypatch: pytest.MonkeyPatch, board_says: str, error: str
) -> None:
    monkeypatch.setattr(toolchain, "mpremote", lambda: [sys.executable, "-c", board_says])
    soon = functools.partial(ask, within_s=1 if "while" in board_says else 60)
    monkeypatch.setattr("tools.board.look.ask", soon)
    with pytest.raises(UserError, match=error) as caught:
        deploy(board.device, _FILES)
    assert "\n" not in str(caught.value)
