"""Do the commands of README.md, docs/walks.md and docs/certificates.md run, from nothing on?

They run as written, in an empty folder; appended is only what keeps them apart from other runs:
free ports, a folder for the twin's state, one for the board. Those of docs/pki.md within this
process, which is quicker; `make broker` is in test_make.py.
"""

import contextlib
import functools
import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from host_tests import screens
from host_tests.twin.certified import Sealed, connect_as
from tools import toolchain
from tools.board.virtual import VirtualBoard
from tools.lifeline import die_with_parent
from tools.paths import ROOT
from tools.pki import command as pki
from tools.twin.clouds.doors import DOORS

_WALKS = (ROOT / "docs" / "walks.md").read_text()
_LINE = re.compile(r"^    (\.venv/|sed |Ctrl-C)(.+?)(?: {2,}# (.+))?$", re.MULTILINE)
_SIGNET = Path(sys.executable).with_name("signet")
_AS_WRITTEN = ".venv/bin/signet"
_FREE_PORTS = [word for door in DOORS for word in ("--port", f"{door.key}=0")]
_LONG_S = 240
_APART = """#!/bin/sh
case "$1 $2" in
"broker "*) [ -e broker/device.json ] || set -- "$@" --port 0 ;;
"board "*) set -- "$@" --folder flash ;;
"twin " | "twin --"*) set -- "$@" --state twin {ports} ;;
"twin "* | "new "*) set -- "$@" --state twin ;;
esac
exec {signet} "$@"
"""


def _commands() -> tuple[list[list[str]], list[list[str]]]:
    """The five command lines of docs/certificates.md, and those of docs/pki.md."""
    pages = [(ROOT / "docs" / f"{name}.md").read_text() for name in ("certificates", "pki")]
    first, others = (_command_lines(page.replace("\\\n", "")) for page in pages)
    return first, others


def _command_lines(page: str) -> list[list[str]]:
    lines = re.findall(r"^    (make .+|\.\w+/bin/.+)", page, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@contextlib.contextmanager
def _running(command: list[str], folder: Path, name: str) -> Iterator[Callable[[], str]]:
    """A command that stays open; gives what it has printed."""
    log = folder / name
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509
        )
        try:
            yield log.read_text
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def _wait_until(
    seen: Callable[[], object],
    printed: Callable[[], str],
    again: Callable[[], object] = lambda: None,
) -> None:
    """again: called every 20 s, for what may be lost where a connection is made anew."""
    deadline = time.monotonic() + _LONG_S
    next_call = time.monotonic() + 20
    while not seen():
        assert time.monotonic() < deadline, printed()
        if time.monotonic() > next_call:
            again()
            next_call += 20
        time.sleep(0.02)


def _stored(printed: Callable[[], str]) -> bool:
    """Of any number: a board that is slow to lose its power after a deployment has sent one."""
    return bool(re.search(r"^report \d+ stored", printed(), re.MULTILINE))


def _says(printed: Callable[[], str], text: str) -> bool:
    return text in printed()


def _shows(printed: Callable[[], str], since: int, topic: str) -> bool:
    return f"signet/board-1/{topic} {{" in printed()[since:]


def _done(command: list[str], folder: Path) -> str:
    """What a command prints that ends by itself."""
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=_LONG_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_commands_of_the_readme_lead_from_nothing_to_a_report_at_a_plain_broker(
    tmp_path: Path,
) -> None:
    page = (ROOT / "README.md").read_text()
    demo, make, deploy, boot, publish, *_ = _command_lines(page)
    assert [demo, make, deploy[:3], boot] == [
        ["make", "demo"],
        ["make", "broker"],
        [_AS_WRITTEN, "board", "deploy"],
        [_AS_WRITTEN, "board", "boot"],
    ]
    publish[0] = str(toolchain.mosquitto(Path(publish[0]).name))
    shown, program = re.findall(r"```\w+\n(.+?)```", page, re.DOTALL)
    flash = ["--folder", str(tmp_path / "flash")]
    deploy, boot = ([str(_SIGNET), *words, *flash] for _, *words in (deploy, boot))
    own = tmp_path / "own"
    own.mkdir()
    (own / "main.py").write_text(program)
    VirtualBoard(tmp_path / "flash").create()

    with _running([str(_SIGNET), "broker", "--port", "0"], tmp_path, "broker.log") as broker:
        _wait_until(lambda: "Ctrl-C ends it" in broker(), broker)
        made = json.loads((tmp_path / "broker" / "device.json").read_text())
        assert made.pop("password") not in broker()
        del made["port"]
        assert json.loads(shown) == made | {"password": "..."}
        for more in ([], ["--program", str(own)]):
            _done([*deploy, *more], tmp_path)
            before = len(broker())
            with _running(boot, tmp_path, "board.log") as board:
                _wait_until(functools.partial(_stored, board), board)
                _done(publish, tmp_path)
                publish_again = functools.partial(_done, publish, tmp_path)
                _wait_until(
                    functools.partial(_says, board, "command set: {'led': 1}"),
                    board,
                    publish_again,
                )
                assert "Error" not in board()
            for topic in ("report", "answer/set"):
                _wait_until(functools.partial(_shows, broker, before, topic), broker)
        made = json.loads((tmp_path / "broker" / "device.json").read_text())
        screens.look("broker", broker(), [made["password"]])


@pytest.mark.parametrize("walk", _WALKS.split("\n## ")[1:4], ids=lambda walk: walk.split("\n")[0])
def test_a_walk_goes_as_its_page_says(tmp_path: Path, walk: str) -> None:
    program = tmp_path / _AS_WRITTEN
    program.parent.mkdir(parents=True)
    program.write_text(_APART.format(signet=_SIGNET, ports=" ".join(_FREE_PORTS)))
    program.chmod(0o755)
    VirtualBoard(tmp_path / "flash").create()
    with contextlib.ExitStack() as stack:
        opened: list[contextlib.ExitStack] = []
        printed: Callable[[], str] = str
        board = printed
        lines = _LINE.findall(walk)
        assert len(lines) >= 6
        for first, rest, comment in lines:
            command = f"{first}{rest}"
            if first == "Ctrl-C":
                opened[0].close()
            elif comment.startswith("stays open"):
                opened.append(stack.enter_context(contextlib.ExitStack()))
                words = ["sh", "-c", f"exec {command}"]
                log = _running(words, tmp_path, f"{len(opened)}.log")
                printed = opened[-1].enter_context(log)
                board = printed if "board boot" in command else board
            else:
                printed = functools.partial(str, _done(["sh", "-c", command], tmp_path))
            said = board if comment.startswith("the board") else printed
            for text in re.findall('"(.+?)"', comment):
                _wait_until(functools.partial(_says, said, text), said)


def test_the_commands_lead_from_nothing_to_a_report_with_a_certificate_and_all_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written, others = _commands()
    assert [line[:3] for line in written] == [
        [_AS_WRITTEN, "twin", "--policy"],
        [_AS_WRITTEN, "pki", "ca"],
        [_AS_WRITTEN, "pki", "device"],
        [_AS_WRITTEN, "board", "deploy"],
        [_AS_WRITTEN, "board", "boot"],
    ]
    assert [" ".join(line[1:4]) for line in others] == [
        "pki check board",
        *(f"pki server {word}" for word in ("csr", "sign", "upload", "activate")),
        *(f"pki enos {word}" for word in ("csr", "issue")),
        "board deploy --config",
        "pki enos renew",
    ]
    aside, empty = tmp_path / "aside", tmp_path / "empty"
    aside.mkdir()
    empty.mkdir()
    VirtualBoard(aside / "board").create()  # `deploy` makes the usual one by itself
    ready_file = aside / "ready.json"
    state, flash = ["--state", str(aside / "twin")], ["--folder", str(aside / "board")]
    also = [[*state, "--ready-file", str(ready_file), *_FREE_PORTS], state, state, flash, flash]
    lines = zip(written, also, strict=True)
    start, ca, device, deploy, boot = ([str(_SIGNET), *line[1:], *more] for line, more in lines)

    with _running(start, empty, "twin.log") as twin:
        _wait_until(ready_file.exists, twin)
        for command in (ca, device, deploy):
            _done(command, empty)
        with _running(boot, empty, "board.log") as board:
            _wait_until(functools.partial(_stored, board), board)
        assert re.search(r"^connected\r?\nreport \d+ stored", board(), re.MULTILINE), board()
        _wait_until(lambda: "signet/esp32/board-1 report: " in twin(), twin)
        _without_a_certificate(json.loads(ready_file.read_text()))
        _wait_until(
            lambda: "no certificate; the policy of type esp32 is certificate (169)" in twin(), twin
        )
        assert "token" not in json.loads((empty / "board" / "device.json").read_text())
        server = empty / "server.crt"  # as if there were one
        server.write_bytes((empty / "board" / "ca.pem").read_bytes())
        monkeypatch.chdir(empty)
        monkeypatch.setattr("tools.pki.console.on_terminal", lambda: True)
        for _, command, *words in others:
            if command == "board":
                _done([str(_SIGNET), command, *words, *flash], empty)
                continue
            done = CliRunner().invoke(
                pki.app, words + (state if _has_state(words) else []), input="y\n"
            )
            assert (done.exit_code, "problem" in done.output) == (0, False), done.output
        _shows_its_own_certificate(json.loads(ready_file.read_text()), empty / "pki" / "ca.pem")


def _has_state(words: list[str]) -> bool:
    return words[:2] not in (["server", "sign"], ["enos", "csr"]) and words[0] != "check"


def _shows_its_own_certificate(ready: dict[str, Any], ca: Path) -> None:
    """The org's server, to who trusts the CA that signed it."""
    with Sealed(ready["clouds"]["watson"]["ways"]["mqtts"], ca) as sealed:
        assert sealed.socket


def _without_a_certificate(ready: dict[str, Any]) -> None:
    """Its token does not help: closed without CONNACK."""
    watson = ready["clouds"]["watson"]
    connect = connect_as("d:signet:esp32:board-1", watson["device"]["token"])
    with Sealed(watson["ways"]["mqtts"], ready["ca_file"]) as raw:
        assert raw.login(connect) is None
