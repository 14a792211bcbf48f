"""What does a person see of `signet board`?"""

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.board.conftest import SIGNET, console, signet_board

_SECRET = "never-to-be-shown-4711"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    signet_board("create", "--folder", tmp_path / "board", "--size", "512")
    return tmp_path / "board"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "device.json"
    values = {"cloud": "enos", "host": "localhost", "port": 9, "insecure": True}
    values |= {"product_key": "pk", "device_key": "dk", "device_secret": _SECRET}
    path.write_text(json.dumps(values))
    return path


@pytest.fixture
def booted(folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [SIGNET, "board", "boot", "--folder", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        yield process
        process.kill()


def _read_until(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout
    seen = ""
    while text not in seen:
        line = process.stdout.readline()
        assert line, seen
        seen += line
    return seen


def test_create_makes_a_board_of_that_size(folder: Path) -> None:
    assert (folder / "flash.img").stat().st_size == 512 * 1024


def test_create_refuses_a_size_that_cannot_be(tmp_path: Path) -> None:
    said = signet_board("create", "--folder", tmp_path, "--size", "33", status=2)
    assert said == "signet: flash size is 33 KiB; it must be a multiple of 4 from 32 up\n"


def test_deploy_fills_a_board_that_is_off_and_boot_shows_its_program(
    folder: Path, config: Path
) -> None:
    assert "files copied" in signet_board("deploy", "--folder", folder, "--config", config)
    assert "\n0 of " in signet_board("deploy", "--folder", folder, "--config", config)
    process = subprocess.Popen(
        [SIGNET, "board", "boot", "--times", "--folder", folder],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen = _read_until(process, "cannot reach localhost:9")
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=30)[0]
    assert process.returncode == 0
    assert re.search(r"^\d\d:\d\d:\d\d\.\d{3} .*cannot reach localhost:9", seen, re.MULTILINE)
    assert _SECRET not in seen + rest
    assert "Traceback" not in rest


def test_deploy_reaches_a_board_booted_elsewhere(
    booted: subprocess.Popen[str], folder: Path, config: Path
) -> None:
    _read_until(booted, "MicroPython v")
    assert "files copied" in signet_board("deploy", "--folder", folder, "--config", config)
    _read_until(booted, "cannot reach localhost:9")
    assert "is in use" in signet_board("create", "--folder", folder, status=2)


def test_sigterm_ends_boot_cleanly(booted: subprocess.Popen[str], folder: Path) -> None:
    _read_until(booted, "MicroPython v")
    booted.send_signal(signal.SIGTERM)
    assert booted.wait(30) == 0
    assert not (folder / "device").is_symlink()


def test_deploy_says_what_to_mend(folder: Path, config: Path, tmp_path: Path) -> None:
    def said(*arguments: str | Path) -> str:
        return " ".join(signet_board("deploy", *arguments, status=2).split())

    assert said("--config", tmp_path / "none.json").endswith(
        "none.json: No such file or directory"
    )
    (tmp_path / "bad.json").write_text("{" + f'"device_secret": "{_SECRET}"')
    text = said("--config", tmp_path / "bad.json")
    assert "bad.json is not JSON: " in text
    assert _SECRET not in text
    (tmp_path / "list.json").write_text("[]")
    assert "must hold one JSON object" in said("--config", tmp_path / "list.json")
    (tmp_path / "deep.json").write_text("[" * 50_000)
    deep = said("--config", tmp_path / "deep.json")
    assert re.search(r"deep\.json is (nested too deep|not JSON)", deep)  # the latter: Python 3.14
    assert "/dev/zero is longer than" in said("--config", "/dev/zero")
    assert "/dev/zero is longer than" in said("--config", config, "--ca", "/dev/zero")
    assert "run `signet board create`" in said("--folder", tmp_path / "no", "--config", config)
    usb = said("--device", "/dev/ttyUSB77", "--config", config)
    assert usb == "signet: no device /dev/ttyUSB77: is the board plugged in?"


def test_wifi_json_is_deployed_and_its_password_shown_nowhere(
    folder: Path, config: Path, tmp_path: Path
) -> None:
    wifi = tmp_path / "wifi.json"
    wifi.write_text(json.dumps({"ssid": "home", "password": _SECRET}))
    text = signet_board("deploy", "--folder", folder, "--config", config, "--wifi", wifi)
    assert _SECRET not in text
    assert _SECRET.encode() in (folder / "flash.img").read_bytes()


def test_console_wants_a_terminal(folder: Path) -> None:
    assert "needs a terminal" in signet_board("console", "--folder", folder, status=2)


def test_console_says_how_to_leave_and_when_each_line_came(folder: Path) -> None:
    with console(folder, "--times") as says:
        says(b"", b"Ctrl-C stops the board's program, Ctrl-D starts it again, Ctrl-] leaves.")
        says(b"\r", b">>> ")
        says(b"print(6 * 7); print(6 * 8)\r", b"\n")
        assert re.fullmatch(rb"\d\d:\d\d:\d\d\.\d{3} 42\r", says(b"", b"\n"))
        assert re.fullmatch(rb"\d\d:\d\d:\d\d\.\d{3} 48\r", says(b"", b"\n"))


def test_console_attaches_the_terminal(folder: Path) -> None:
    with console(folder) as says:
        says(b"", b"Ctrl-] ")
        says(b"\r", b">>> ")
        says(b"print('run' + 'ning')\rwhile True: pass\r\r", b"running")
        says(b"\x03", b"KeyboardInterrupt")
        says(b"", b">>> ")
        says(b"6 * 7\r", b"42")
