"""Do programs on the virtual board have the heap they were promised, and no more?"""

import subprocess
from collections.abc import Callable

from host_tests.board.conftest import Serial
from tools import toolchain
from tools.board.virtual import VirtualBoard

_MEASURE = "import gc\ngc.collect()\nprint('free', gc.mem_free())\n"


def test_main_py_has_as_much_heap_as_a_bare_micropython_of_110_kib(
    board: VirtualBoard, put: Callable[..., None], bits: int
) -> None:
    put(main=_MEASURE)
    board.reset()
    free = int(board.wait_for(r"^free (\d+)$")[1])
    command = [toolchain.micropython(bits), "-X", "heapsize=110k", "-c", _MEASURE]
    bare = int(subprocess.check_output(command).split()[1])
    print(f"{bits}-bit: {free} of {bare} bytes free")
    assert bare - 1024 <= free <= bare


def test_a_program_that_wants_more_gets_a_memory_error(
    board: VirtualBoard, serial: Serial
) -> None:
    since = serial.type("a = bytearray(115000)\r")
    board.wait_for("^MemoryError: memory allocation failed", since=since)


def test_the_prompt_survives_a_program_that_leaves_no_heap(
    board: VirtualBoard, serial: Serial
) -> None:
    text = "a = []\rwhile True: a.append(bytearray(64))\r\r"
    board.wait_for("^MemoryError", since=serial.type(text))
    board.wait_for("MemoryError", since=serial.type("x = 'x' * 3000\r"))
    board.wait_for("MicroPython v", since=serial.type("\r\x04"))
    board.wait_for("^yes$", since=serial.type("print('y' + 'es')\r"))
