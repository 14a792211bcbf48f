"""Are the tracebacks of a linked board turned back to files, lines and functions of lib/signet?"""

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest

from host_tests.board.conftest import SIGNET, console, signet_board
from tools.board.explain import MAPS, Tracebacks
from tools.board.virtual import VirtualBoard
from tools.paths import LIB

# What it reports is no report, which lib/signet says three calls deep.
_MAIN = """
import board, signet
link = signet.open("device.json", board)
print("begins")
link.report(7)
"""
_CONFIG = {"cloud": "enos", "host": "localhost", "port": 9, "insecure": True}
_CONFIG |= {"product_key": "pk", "device_key": "dk", "device_secret": "s"}
_MEANT = 3  # functions that share a short name, at most
_HEAD_AND_OWN = """Traceback (most recent call last):
  File "main.py", line 3, in <module>
"""
_END = r"^\w+Error: .*\n"


def _printed(folder: Path, *more: str) -> str:
    """What a board prints that is deployed with that."""
    (folder / "main.py").write_text(_MAIN)
    (folder / "device.json").write_text(json.dumps(_CONFIG))
    board = VirtualBoard(folder / "board").create(512)
    config = ["--config", folder / "device.json", "--program", folder]
    signet_board("deploy", "--folder", board.folder, *config, *more)
    with board:
        end = board.wait_for(_END, since=board.wait_for("^begins$").end()).end()
        return board.output()[:end]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a linked board."""
    return tmp_path_factory.mktemp("linked")


@pytest.fixture(scope="module")
def log(folder: Path) -> str:
    return _printed(folder)


def _explain(log: str, status: int = 0) -> str:
    done = subprocess.run(
        [SIGNET, "board", "explain"], input=log, capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    return done.stdout + done.stderr


def _lines(path: str, function: str) -> list[int]:
    """Where functions of that name begin in a file of lib."""
    tree = ast.parse((LIB / f"{path}.py").read_text())
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [n.lineno for n in ast.walk(tree) if isinstance(n, kinds) and n.name == function]


def test_each_frame_is_as_of_the_readable_tree(log: str, tmp_path: Path) -> None:
    frame = r'  File "(signet\.[\w.]+)", line \d+, in (\w+)'
    readable = re.findall(frame, _printed(tmp_path, "--plain"))
    assert len(readable) > 1
    text = _explain(log)
    frames = [line for line in text.splitlines() if 'File "lib/signet/' in line]
    for frame, (module, function) in zip(frames, readable, strict=True):
        path = module.replace(".", "/")
        meant = re.findall(r'File "lib/([\w/]+)\.py", line (\d+), in ([\w.]+)', frame)
        lines = [
            int(line)
            for file, line, name in meant
            if file == path and name.rpartition(".")[2] == function
        ]
        assert lines and {*lines} <= {*_lines(path, function)}, frame
        assert len(meant) <= _MEANT, frame
    assert text.startswith(log[: log.index("Traceback")])
    assert text.endswith(log.splitlines(keepends=True)[-1])


def test_a_map_that_is_gone_is_said(log: str) -> None:
    other = re.sub(r'"(\w+)\.[0-9a-f]{6,}"', r'"\1.0123456789"', log)
    said = _explain(other, status=2)
    assert said.startswith(other)
    assert "the map of 0123456789 is gone" in said


def test_piece_by_piece_it_is_the_same_and_nothing_else_waits(log: str) -> None:
    whole = _explain(log).encode()
    for size in 1, 7, 4096:
        tracebacks = Tracebacks()
        data = log.encode()
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        assert b"".join(map(tracebacks.feed, pieces)) == whole
        assert tracebacks.feed(b">>> ") == b">>> "
        assert tracebacks.feed(b"T") + tracebacks.flush() == b"T"


def test_the_console_turns_back_by_itself(log: str, folder: Path) -> None:
    with console(folder / "board") as says:
        says(b"", b"Ctrl-] ")
        says(b"\r", b">>> ")
        said = says(b"import main\r", b"Error: ")
    text = _explain(log)
    frames = text[text.index("Traceback") : text.rindex("Error: ")].splitlines()
    assert [line for line in frames if "signet" in line] == [
        line for line in said.decode().splitlines() if "signet/" in line
    ]


def test_a_frame_of_an_image_is_turned_back_by_what_was_linked_last(tmp_path: Path) -> None:
    (tmp_path / "device.json").write_text(json.dumps(_CONFIG))
    signet_board("link", "--config", tmp_path / "device.json", "--to", tmp_path / "linked")
    known = json.loads((MAPS / "py.json").read_text())
    log, meant = _HEAD_AND_OWN, _HEAD_AND_OWN
    for file in "__init__", "core":
        functions = known["functions"][f"signet/{file}"]
        short, [(path, line, name, _)] = next(
            each for each in functions.items() if len(each[1]) == 1
        )
        log += f'  File "signet/{file}.py", line 1, in {short}\n'
        meant += f'  File "{path}", line {line}, in {name}\n'
    assert _explain(f"{log}ValueError: \n") == f"{meant}ValueError: \n"
    end = f"AttributeError: no attribute '{next(iter(known['attributes']))}'\n"
    for readable in "", '  File "signet/__init__.py", line 9, in open\n':
        log = _HEAD_AND_OWN + readable + end
        assert _explain(log) == log
