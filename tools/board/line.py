"""On which serial line is a board reached: a real one, or a virtual one?"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tools.board.mpremote import check_device
from tools.board.virtual import VirtualBoard


@contextlib.contextmanager
def serial_line(
    device: str | None, folder: Path, heap: str = "110k", bits: int | None = None
) -> Iterator[str]:
    """Where to reach the board: a real one, a virtual one that runs, or one that we start.

    device: the serial line of a real board, or None. folder, heap, bits: of a virtual one.
    raises: UserError.
    """
    if device:
        check_device(device)
        yield device
        return
    running = folder / "device"
    board = VirtualBoard(folder, heap, bits)
    if board.in_use():
        check_device(str(running))
        yield str(running.resolve())
        return
    with board:
        yield board.device
