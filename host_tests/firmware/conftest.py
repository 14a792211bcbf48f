"""The firmware image in QEMU, a board for each test, and a twin; no image, no test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from host_tests.board.conftest import (  # noqa: F401
    PROMPT,
    mpremote,
    put,
    serial,
    terminal,
    time_server,
)
from host_tests.device.conftest import Device, config, twin  # noqa: F401
from host_tests.support import Twin, no_image
from tools import toolchain
from tools.board.virtual import VirtualBoard


@pytest.fixture(scope="session")
def image() -> Path:
    """The image, where it was built of what is here now."""
    if reason := no_image():
        pytest.skip(reason)
    return toolchain.image()


@pytest.fixture
def board(image: Path, tmp_path: Path) -> Iterator[VirtualBoard]:
    """The image with empty flash, booted to its prompt."""
    with VirtualBoard(tmp_path / "board").create(image=True) as board:
        board.wait_for(PROMPT)
        yield board


@pytest.fixture
def device(image: Path, twin: Twin, tmp_path: Path) -> Iterator[Device]:  # noqa: F811
    """The image with a modem on UART 1, for a device.json."""
    board = VirtualBoard(tmp_path / "board").create(modem="bg95", image=True)
    with board:
        device = Device(board, twin)
        yield device
        device.mark()
