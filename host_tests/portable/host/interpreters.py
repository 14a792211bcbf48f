"""How is each interpreter started, and what lies on its path?"""

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from host_tests import once
from host_tests.depth import STEP
from tools import toolchain
from tools.paths import CACHE, LIB, ROOT
from tools.toolchain.compile import compiler, sources

INTERPRETERS = ("cpython", "64bit", "i386")
# What an ESP32 without PSRAM leaves to a program once the network is up; where a word has 64 bits,
# the same objects take up to twice as much.
HEAP = {"i386": "110k", "64bit": "160k"}

_HERE = Path(__file__).resolve().parent.parent
_SHIMS = _HERE.parent / "shims"
_VECTORS = _HERE.parent / "vectors"
_BITS = {"64bit": 64, "i386": 32}


def missing(interpreter):
    """Says why this machine cannot run an interpreter that others can, or None."""
    bits = _BITS.get(interpreter)
    if bits is None or bits in toolchain.word_sizes() or not toolchain.word_sizes():
        return None
    return f"no {bits}-bit MicroPython for this machine"


class Interpreters:
    """Compiles lib and tests once, then starts one process per file."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix="signet-portable-"))
        self._generated = _generated()

    @functools.cached_property
    def _compiled(self):
        """The folders on MicroPython's path, beside that of the test file."""
        return [_checks(), _tree("lib", LIB), _tree("umqtt", toolchain.umqtt())]

    def start(self, interpreter, path, context, names, heap=None):
        """Starts `runner.py` on one file.

        interpreter: one of INTERPRETERS.
        path: the test file.
        context: dict, what check.py will read: servers and control.
        names: the test functions to run, in order.
        heap: of MicroPython, as its option heapsize takes it; None for HEAP.
        """
        own = Path(tempfile.mkdtemp(dir=self._folder))
        context = {
            **context,
            "vectors": [str(_VECTORS), str(self._generated)],
            "scratch": str(own),
            "step": STEP,
        }
        file = own / "context.json"
        file.write_text(json.dumps(context))
        command, environment = (
            self._cpython(path)
            if interpreter == "cpython"
            else self._micropython(interpreter, path, own, heap or HEAP[interpreter])
        )
        return subprocess.Popen(
            [*TIED, *command, path.stem, str(file), *names],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def _cpython(self, file):
        path = (file.parent, _HERE, _SHIMS, LIB, toolchain.umqtt())
        return (
            [sys.executable, "-u", "-X", "utf8", str(_HERE / "runner.py")],
            {
                "PYTHONPATH": os.pathsep.join(map(str, path)),
                "PYTHONPYCACHEPREFIX": str(CACHE / "tests" / "pycache"),
                # What pytest's own tests write into temporary folders is not worth keeping.
                "PYTHONDONTWRITEBYTECODE": "" if file.is_relative_to(_HERE) else "1",
            },
        )

    def _micropython(self, interpreter, file, own, heap):
        # One file at a time: the others may not even compile.
        path = [*map(str, (_compile([file], own), *self._compiled)), ".frozen"]
        return (
            [
                str(toolchain.micropython(_BITS[interpreter])),
                "-X",
                f"heapsize={heap}",
                "-m",
                "runner",
            ],
            {"MICROPYPATH": ":".join(path)},
        )

    def close(self):
        shutil.rmtree(self._folder, ignore_errors=True)


def _compile(files, folder):
    """Compiles these files only; returns the folder that holds what came of them."""
    source = folder / "source"
    source.mkdir()
    for file in files:
        shutil.copy2(file, source)
    toolchain.compile_tree(source, folder / "compiled")
    return folder / "compiled"


def _checks():
    """What the test files import: check*.py and the runner."""
    files = sorted([*_HERE.glob("check*.py"), _HERE / "runner.py"])
    made = once.made("checks", [*files, compiler()[1]], lambda new: _compile(files, new))
    return made / "compiled"


def _tree(name, source):
    """A folder of .py files, compiled: another one while somebody works on them."""
    made = [compiler()[1]]
    for relative in sources(source):  # a file that moves is another, whatever it holds
        made += [relative.as_posix(), source / relative]
    return once.made(name, made, lambda new: toolchain.compile_tree(source, new))


def _generated():
    """The test vectors that other people's code produces."""
    files = sorted((_HERE / "host").glob("*.py"))

    def make(folder):
        from host_tests.portable.host import generated  # its libraries take a while to import

        generated.write(folder)

    return once.made("generated", files, make)


def _tied():
    """Linux ends the child when pytest dies, however pytest dies."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


TIED = _tied()
