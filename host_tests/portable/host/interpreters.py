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
from host_tests.portable.host import on_image
from host_tests.support import no_image
from tools import toolchain
from tools.link.imports import imports
from tools.link.linked import link
from tools.paths import CACHE, LIB, ROOT
from tools.toolchain.compile import compiler, sources
from tools.ui import UserError

INTERPRETERS = ("cpython", "64bit", "i386")
FOR_PROOF = ("float32", "newest", "image")
"""What only `make proof` runs, the same as i386: tools/firmware/interpreters.py, on_image.py."""
# What an ESP32 without PSRAM leaves to a program once the network is up; where a word has 64 bits,
# the same objects take up to twice as much.
_HEAP_K = {"64bit": 160}
_USUAL_HEAP_K = 110
_TRACED_K = {"float32": 48}
"""What a build that tells which lines run needs beside, for what it keeps of each function."""

_HERE = Path(__file__).resolve().parent.parent
_SHIMS = _HERE.parent / "shims"
_VECTORS = _HERE.parent / "vectors"
_BITS = {"64bit": 64, "i386": 32}
LINES = CACHE / "tests" / "lines"
"""A folder: what float32 says of the lines that run, a file for each process."""


def missing(interpreter):
    """Says why this machine cannot run an interpreter that others can, or None."""
    if interpreter == "image":
        return no_image()
    if interpreter in FOR_PROOF:
        try:
            toolchain.micropython_for_proof(interpreter)
        except UserError as error:
            return str(error)
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

    def start(self, interpreter, path, context, names, heap=None, linked_for=None):
        """Starts `runner.py` on one file.

        interpreter: one of INTERPRETERS or FOR_PROOF.
        path: the test file.
        context: dict, what check.py will read: servers, control, way and step.
        names: the test functions to run, in order.
        heap: of MicroPython, "110k" being 110 KiB; None for the usual one.
        linked_for: values of a device.json, for which lib is linked; None for lib as it is.
        """
        own = Path(tempfile.mkdtemp(dir=self._folder))
        context = {
            **context,
            "vectors": [str(_VECTORS), str(self._generated)],
            "scratch": str(own),
        }
        file = own / "context.json"
        file.write_text(json.dumps(context))
        told = [path.stem, str(file), *names]
        if interpreter == "cpython":
            command, environment = self._cpython(path)
        elif interpreter == "image":
            compiled = (_compile([path], own), _checks())
            heap_k = _heap_k(interpreter, heap)
            command = on_image.command(path, own, context, names, heap_k, compiled)
            environment, told = {}, []
        else:
            command, environment = self._micropython(interpreter, path, own, heap, linked_for)
        return subprocess.Popen(
            [*TIED, *command, *told],
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

    def _micropython(self, interpreter, file, own, heap, linked_for):
        # One file at a time: the others may not even compile.
        path = [*map(str, (_compile([file], own), *self._compiled)), ".frozen"]
        if linked_for:
            path.insert(0, str(_linked(linked_for, file, own)))
        if interpreter in FOR_PROOF:
            program = toolchain.micropython_for_proof(interpreter)
        else:
            program = toolchain.micropython(_BITS[interpreter])
        heap_k = _heap_k(interpreter, heap)
        LINES.mkdir(parents=True, exist_ok=True)
        return (
            [str(program), "-X", f"heapsize={heap_k}k", "-m", "runner"],
            {"MICROPYPATH": ":".join(path), "SIGNET_LINES": str(LINES / own.name)},
        )

    def close(self):
        shutil.rmtree(self._folder, ignore_errors=True)


def _heap_k(interpreter, heap):
    usual = _HEAP_K.get(interpreter, _USUAL_HEAP_K)
    return (int(heap.removesuffix("k")) if heap else usual) + _TRACED_K.get(interpreter, 0)


def _compile(files, folder):
    """Compiles these files only; returns the folder that holds what came of them."""
    source = folder / "source"
    source.mkdir()
    for file in files:
        shutil.copy2(file, source)
    toolchain.compile_tree(source, folder / "compiled")
    return folder / "compiled"


_CHECKS = {path.stem: path for path in _HERE.glob("check*.py")}


def _linked(values, file, folder):
    """The folder of a linked tree, which a test file and what it imports are the programs of."""
    programs: dict[Path, bytes] = {}
    waiting = [file]
    while waiting:
        program = waiting.pop()
        programs[program] = program.read_bytes()
        found = {_CHECKS[name] for name in imports(programs[program]) if name in _CHECKS}
        waiting += found - programs.keys()
    by_name = [values["way"]]  # of check_session.py
    for source in programs.values():
        names = (name.split(".") for name in imports(source))
        by_name += [name[3] for name in names if name[:3] == ["signet", "cloud", "*"]]
    more = "".join(f"import signet.cloud.{values['cloud']}.{name}\n" for name in by_name)
    for path, code in link(values, [*programs.values(), more.encode()]).files.items():
        place = folder / path[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(code)
    return folder / "lib"


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
