"""What does a board get for its device.json?  A few files in place of lib/signet, and a map."""

from __future__ import annotations

import ast
import builtins
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tools.link.api import FOREIGN, api
from tools.link.device import device_of, linked
from tools.link.drop import drop
from tools.link.gather import CORE, ROOT, WITHIN_ROOT, Layout, Sources, gather
from tools.link.map import FROZEN, Map, functions
from tools.link.nodes import walk
from tools.link.resolve import merge
from tools.link.shorten import Names, shorten
from tools.link.texts import READ, Apart
from tools.paths import LIB
from tools.toolchain.compile import compiler
from tools.ui import UserError


def _word(file: str) -> str:
    return file.rpartition(".")[2]


def _aliases(named: Iterable[str]) -> str:
    """What programs find the modules by that are in `signet` itself. named: in programs."""
    paths = [f"sys.modules[{each!r}]" for each in WITHIN_ROOT if each in named]
    names = [*map(_word, WITHIN_ROOT), *paths]
    return f"import sys\n{' = '.join(names)} = sys.modules[__name__]\n"


def _built_ins(tree: ast.Module) -> str:
    """Names of the file's own for the built-in functions that it calls.

    MicroPython looks among the file's names first, and at each of them where their table is full.
    """
    calls = (node.func for node in walk(tree) if isinstance(node, ast.Call))
    called = {each.id for each in calls if isinstance(each, ast.Name)}
    own = {getattr(each, "name", "") for each in tree.body}
    names = ", ".join(sorted({*filter(str.islower, vars(builtins))} & called - own))
    return f"{names} = {names}\n" if names else ""


class Linked(NamedTuple):
    """files: path on the board -> .mpy."""

    files: dict[str, bytes]
    map: Map


def link(
    config: Mapping[str, object],
    programs: Iterable[bytes] = (),
    lib: Path = LIB,
    *,
    frozen: bool = False,
) -> Linked:
    """Link what a device needs.

    config: the values of device.json. programs: sources of what runs on the board beside signet.
    lib: the folder of the package. frozen: for an image, without files on the board to read from.
    raises: UserError where the result does not compile.
    """
    programs = [*programs]
    sources = Sources(lib, device_of(config), programs, linked(config))
    layout = gather(sources, programs)
    public = api(sources, layout, programs)
    files = merge(sources, layout)
    used = public.symbols | (set() if frozen else {READ})
    drop(files, (ROOT, CORE, *layout.own), used, public.attributes | FOREIGN)
    apart = Apart()
    for file in (ROOT, CORE) if not frozen else ():
        apart.visit(files[file])
    names = shorten(files, layout, public)
    texts = {file: _imports(file, layout, names) + _text(tree) for file, tree in files.items()}
    for file in ROOT, CORE:
        texts[file] = _built_ins(files[file]) + texts[file]
    texts[ROOT] += _aliases(sources.named)
    paths = {name: str(path.relative_to(lib.parent)) for name, path in sources.paths.items()}
    called = {file: _called(file, frozen) for file in files}
    origins = functions({called[file]: tree for file, tree in files.items()}, paths)
    modules = {_path(file): names for file, names in layout.files.items()}
    the_map = Map.of(texts, origins, names.attributes, modules)
    if frozen:
        the_map = the_map._replace(id=FROZEN)
    compiled = {
        _path(file): _compile(f"{called[file]}.{the_map.id}", text) for file, text in texts.items()
    }
    compiled[_path(ROOT)] += apart.found
    return Linked(compiled, the_map)


def _path(file: str) -> str:
    path = "signet/__init__" if file == ROOT else file.replace(".", "/")
    return f"/lib/{path}.mpy"


def _called(file: str, frozen: bool) -> str:
    """By tracebacks; what is frozen is also found by it (tools/mpy-tool.py)."""
    return _path(file).removeprefix("/lib/").removesuffix(".mpy") if frozen else _word(file)


def _imports(file: str, layout: Layout, names: Names) -> str:
    """What a file takes from the others."""
    lines: dict[str, list[str]] = defaultdict(list)
    whole = ""
    for full, short in names.symbols[file].items():
        if full in layout.files:
            whole += f"import {full} as {short}\n"
        elif layout.file(full.rpartition(".")[0], file) != file:
            where, there = names.elsewhere(full)
            lines[where].append(there if there == short else f"{there} as {short}")
    return whole + "".join(
        f"from {where} import {', '.join(what)}\n" for where, what in lines.items()
    )


def _text(tree: ast.Module) -> str:
    for node in walk(tree):
        if getattr(node, "body", None) == []:
            node.body = [ast.Pass()]  # type: ignore[attr-defined]
        match node:
            case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple(elts=values)):
                # `a, b = c, d`: MicroPython makes a tuple where these have parentheses.
                node.value = ast.Name(", ".join(map(ast.unparse, values)))
    return ast.unparse(tree) + "\n"


def _compile(name: str, text: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder, "x.py"), Path(folder, "x.mpy")
        source.write_text(text)
        command = [compiler()[0], "-O3", "-s", name, "-o", str(out), str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise UserError(f"{name} does not compile when linked: {done.stderr.strip()}")
        return out.read_bytes()
