"""Does code in the virtual board's ROM partition run from there, and in less heap?

MicroPython's docs/reference/romfs.rst: what .mpy files in such a partition hold runs in place.
"""

from pathlib import Path

from tools import toolchain
from tools.board.deploy import deploy
from tools.board.rom import build_romfs
from tools.board.virtual import VirtualBoard

_FUNCTIONS = 100
_LIBRARY = "\n".join(f"def f{n}():\n    return '{n:0100}'\n" for n in range(_FUNCTIONS))

_MAIN = b"""
import gc
gc.collect()
before = gc.mem_alloc()
import library
gc.collect()
print(library.__file__, gc.mem_alloc() - before, library.f7()[-2:])
"""


def _imported(board: VirtualBoard, files: dict[str, bytes]) -> tuple[str, int]:
    """Where main.py got `library` from, and how many bytes of heap it takes."""
    with board.create():
        deploy(board.device, {"/main.py": _MAIN, **files}, restart=False)
        since = board.printed
        board.reset()
        found = board.wait_for(r"^(\S+) (\d+) 07\r?$", since=since)
        return found[1], int(found[2])


def test_code_in_the_rom_partition_is_imported_from_there_and_takes_less_heap(
    tmp_path: Path, bits: int
) -> None:
    source, rom = tmp_path / "source", tmp_path / "rom"
    source.mkdir()
    (source / "library.py").write_text(_LIBRARY)
    (compiled,) = toolchain.compile_tree(source, rom / "lib").values()
    board = VirtualBoard(tmp_path / "board", bits=bits)
    where, on_flash = _imported(board, {"/lib/library.mpy": compiled})
    assert where == "/lib/library.mpy"
    build_romfs(rom, board.romfs)
    where, in_rom = _imported(board, {})
    assert where == "/rom/lib/library.mpy"
    # The texts alone, which stay in ROM, are 100 bytes each.
    assert in_rom < on_flash - _FUNCTIONS * 100
