"""How is each interpreter started, and what lies on its path?"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from host_tests.portable.host import generated
from tools import toolchain
from tools.paths import CACHE, LIB, ROOT

INTERPRETERS = ("cpython", "64bit", "i386")
HEAP = "110k"  # what an ESP32 without PSRAM leaves to a program once the network is up

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
        self._built = False
        generated.write(self._folder)

    def start(self, interpreter, path, context, names):
        """Starts `runner.py` on one file.

        interpreter: one of INTERPRETERS.
        path: the test file.
        context: dict, what check.py will read: servers and control.
        names: the test functions to run, in order.
        """
        context = {**context, "vectors": [str(_VECTORS), str(self._folder)]}
        own = Path(tempfile.mkdtemp(dir=self._folder))
        file = own / "context.json"
        file.write_text(json.dumps(context))
        command, environment = (
            self._cpython(path)
            if interpreter == "cpython"
            else self._micropython(interpreter, path, own)
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
            {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYTHONDONTWRITEBYTECODE": "1"},
        )

    def _micropython(self, interpreter, file, own):
        built = CACHE / "portable"
        if not self._built:
            for source, name in ((LIB, "lib"), (toolchain.umqtt(), "umqtt")):
                toolchain.compile_tree(source, built / name)
            self._built = True
        tests = own / "source"  # one file at a time: the others may not even compile
        tests.mkdir()
        for each in (file, *_HERE.glob("check*.py"), _HERE / "runner.py"):
            shutil.copy2(each, tests)
        compiled = own / "compiled"
        toolchain.compile_tree(tests, compiled)
        path = [*map(str, (compiled, built / "lib", built / "umqtt")), ".frozen"]
        return (
            [
                str(toolchain.micropython(_BITS[interpreter])),
                "-X",
                f"heapsize={HEAP}",
                "-m",
                "runner",
            ],
            {"MICROPYPATH": ":".join(path)},
        )

    def close(self):
        shutil.rmtree(self._folder, ignore_errors=True)


def _tied():
    """Linux ends the child when pytest dies, however pytest dies."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


TIED = _tied()
