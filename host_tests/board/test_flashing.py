"""Does `signet board flash` put an image onto a chip, and does it say first what that costs?

The chip is esp32-mock-bootloader, which speaks Espressif's serial protocol of a ROM on a PTY; the
tables are made, and what was written is read, by Espressif's own esp-idf-defs and esptool.
"""

import functools
import json
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests import screens
from host_tests.board.conftest import signet_board
from tools import toolchain
from tools.board import esp_image, flash
from tools.lifeline import die_with_parent
from tools.toolchain.run import RunError
from tools.ui import UserError

_STOCK = """
nvs,      data, nvs,     0x9000,  0x6000
phy_init, data, phy,     0xf000,  0x1000
factory,  app,  factory, 0x10000, 0x1F0000
vfs,      data, fat,     0x200000, 0x200000
"""
_OTHER = _STOCK.replace("0x1F0000", "0x200000").replace("0x200000, 0x200000", "0x210000, 0x1f0000")
_FILES_STAY = "The board's files stay;"


def _python(program: str, *words: str | Path) -> str:
    command = [str(toolchain.vendor_sdks()), "-c", program, *map(str, words)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


_TABLE = """
import sys
from esp_idf_defs.partitions import PartitionTable
sys.stdout.write(PartitionTable.from_csv(sys.argv[1]).to_binary().hex())
"""


@functools.cache
def _binary(table: str) -> bytes:
    return bytes.fromhex(_python(_TABLE, table))


def _image(file: Path, table: str, chip: int, offset: int) -> Path:
    """As MicroPython's makeimg.py lays it out: bootloader, table, application."""
    header = (b"\xe9\x01\x02\x20" + bytes(8) + bytes([chip])).ljust(24, b"\0")
    content = header.ljust(0x8000 - offset, b"\xff") + _binary(table)
    file.write_bytes(content.ljust(0x10000 - offset, b"\xff") + header + os.urandom(5000))
    return file


# Else it forgets in the middle of the next command that esptool has loaded its stub.
_ROM = """
from esp32_mock_bootloader import cli, server
server._FLASH_END_IDLE_SEC = 3600
raise SystemExit(cli.main())
"""


class _Chip:
    """A chip in the mode in which its ROM takes an image."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def plug_in(self, kind: str) -> str:
        """Returns its serial line."""
        file = self._folder / "line"
        command = [str(toolchain.vendor_sdks()), "-c", _ROM, "run", "--pty"]
        self._process = subprocess.Popen(
            [*command, "--chip", kind, "--port-file", str(file)],
            env=os.environ | {"TMPDIR": str(self._folder)},
            stdout=subprocess.DEVNULL,
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )
        deadline = time.monotonic() + 60
        while not (file.exists() and file.read_text()):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        return file.read_text()

    def unplug(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait()


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[_Chip]:
    chip = _Chip(tmp_path)
    yield chip
    chip.unplug()


# A PTY forgets what the mock has not read yet when esptool clears its buffers.
_LOST = "Serial data stream stopped"


def _flash(image: Path, line: str, *words: str, status: int = 0) -> str:
    for _ in range(10):
        try:
            said = signet_board("flash", image, "--device", line, *words, status=status)
        except AssertionError as error:
            said = str(error)
            if _LOST not in said:
                raise
        if _LOST not in said:
            screens.look("board flash", said)
            return said
    raise AssertionError(said)


@pytest.mark.parametrize(("kind", "number", "offset"), [("esp32", 0, 0x1000), ("esp32c3", 5, 0)])
def test_an_image_lies_on_the_chip_where_its_rom_looks_for_it(
    chip: _Chip, tmp_path: Path, kind: str, number: int, offset: int
) -> None:
    image = _image(tmp_path / "firmware.bin", _STOCK, number, offset)
    line = chip.plug_in(kind)
    said = _flash(image, line, "--yes")
    assert "no files of MicroPython on the chip" in said
    assert f"firmware.bin is on the {kind}, verified\n" in said
    verify = [*toolchain.esptool(), "--port", line, "verify-flash", f"{offset}", str(image)]
    subprocess.run(verify, check=True, stdout=subprocess.DEVNULL)


def test_files_that_would_be_lost_stop_it_until_all_is_to_be_erased(
    chip: _Chip, tmp_path: Path
) -> None:
    line = chip.plug_in("esp32")
    stock = _image(tmp_path / "stock.bin", _STOCK, 0, 0x1000)
    other = _image(tmp_path / "other.bin", _OTHER, 0, 0x1000)
    _flash(stock, line, "--yes")
    assert "nothing was changed: there is no terminal" in _flash(stock, line, status=2)
    refused = _flash(other, line, "--yes", status=2)
    assert "nothing was changed" in refused and "device.json" in refused and "--erase" in refused
    assert _FILES_STAY in _flash(stock, line, "--yes")
    assert "All that is on the board goes: device.json" in _flash(other, line, "--erase", "--yes")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda file: _image(file, _STOCK, 9, 0), "is an ESP32, the image is for ESP32-S3"),
        (lambda file: file.write_bytes(b"\xe9" + bytes(30_000)), "a part of an image"),
        (lambda file: file.write_bytes(b"UF2\n" * 9), "is no image for an ESP32"),
        (lambda file: None, "cannot read"),
        (lambda file: _image(file, _STOCK, 0, 0x1000).open("ab").truncate(5 << 20), "larger than"),
    ],
    ids=["another chip", "an application alone", "another format", "no file", "too large"],
)
def test_an_image_that_cannot_be_flashed_is_one_clear_line(
    chip: _Chip, tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    file = tmp_path / "firmware.bin"
    make(file)
    shown = _flash(file, chip.plug_in("esp32"), "--yes", status=2)
    assert re.search(rf"^signet: .*{said}", shown, re.MULTILINE) and shown.count("signet:") == 1


def test_where_no_chip_answers_it_says_which_button_to_press(tmp_path: Path) -> None:
    image = _image(tmp_path / "firmware.bin", _STOCK, 0, 0x1000)
    controller, line = os.openpty()
    assert "hold its BOOT button" in _flash(image, os.ttyname(line), "--yes", status=2)
    os.close(controller), os.close(line)
    assert "is the board plugged in?" in _flash(image, "/dev/ttyS_none", "--yes", status=2)


@pytest.mark.parametrize("unplugged", [True, False])
def test_a_transfer_that_breaks_off_is_one_clear_line(
    chip: _Chip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unplugged: bool
) -> None:
    image = _image(tmp_path / "firmware.bin", _STOCK, 0, 0x1000)
    device = tmp_path / "tty"
    device.symlink_to(chip.plug_in("esp32"))
    really = flash.run

    def run(command: list[str], **options: Any) -> list[str]:
        if "write-flash" in command:
            if unplugged:
                device.unlink()
            raise RunError(["Writing at 0x1000 30.0%", "ERROR: A fatal error", "Note: pySerial"])
        return really(command, **options)

    monkeypatch.setattr(flash, "run", run)
    for _ in range(3):
        with pytest.raises(UserError) as raised:
            flash.flash(image, device=str(device), yes=True)
        if _LOST not in str(raised.value):
            break
    known = "tty was unplugged: plug it in, and flash it again"
    assert str(raised.value).endswith(known if unplugged else "tty: A fatal error")


def test_the_chips_are_those_of_esptool() -> None:
    asked = """
import json
from esptool.targets import CHIP_DEFS
print(json.dumps([[c.IMAGE_CHIP_ID, n, c.BOOTLOADER_FLASH_OFFSET] for n, c in CHIP_DEFS.items()
    if c.CHIP_NAME != "ESP8266"]))
"""
    theirs = {number: (name, offset) for number, name, offset in json.loads(_python(asked))}
    assert theirs.items() >= esp_image.CHIPS.items()
