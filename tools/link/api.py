"""Which names keep their form?  Those that device programs use, and those of foreign objects."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tools import toolchain
from tools.link.device import modules
from tools.link.gather import ROOT, Layout, Sources, called
from tools.link.imports import imports
from tools.link.nodes import walk
from tools.link.resolve import bound
from tools.paths import LIB

_MODULES = (
    ROOT,
    "signet.errors",
    "signet.link",
    "signet.clock",
    "signet.modules",
    "signet.reports.messages",
)
"""Whose names a device program may use; of what has no underscore."""

_ATTRIBUTES = ("dead", "retry", "network_up", "set_clock")  # of `link.outbox`; of a board.py

_OTHERS = "array binascii builtins io json os select socket ssl struct sys time"
_MORE = "datetime decrypt digest encrypt hexdigest ioctl ipoll is_set wait"  # MicroPython's


def _foreign() -> Iterable[str]:
    for module in map(importlib.import_module, _OTHERS.split()):
        for each in (module, *filter(inspect.isclass, vars(module).values())):
            yield from dir(each)


FOREIGN = frozenset({*_MORE.split(), *_foreign()})
"""What objects have that are not ours, and what they look for in ours."""

_UMQTT = "signet.client.umqtt"  # a subclass of umqtt.simple's


def _umqtt() -> set[str]:
    source = (toolchain.umqtt() / "umqtt" / "simple.py").read_text()
    fields = ("attr", "name", "arg")
    nodes = walk(ast.parse(source))
    return {name for node in nodes for each in fields if (name := getattr(node, each, None))}


class Api(NamedTuple):
    """symbols: full names. attributes, arguments: names."""

    symbols: frozenset[str]
    attributes: frozenset[str]
    arguments: frozenset[str]


def api(sources: Sources, layout: Layout, programs: Iterable[bytes]) -> Api:
    """What keeps its name on a device.

    programs: sources of what runs beside, which may name more than the public interface.
    """
    full: set[str] = set()
    attributes = {*_ATTRIBUTES}
    arguments: set[str] = set()
    named = {name for source in programs for name, _ in _named(source)}
    for module in dict.fromkeys([*_MODULES, *layout.own]):
        if layout.file(module, ROOT) in (ROOT, *layout.own):
            full |= {
                f"{module}.{name}"
                for name in sources.symbols(module)
                if _is_public(name) or name in named
            }
        attributes |= {*_bound(sources.nodes(module))}
        for node in sources.nodes(module):
            match node:
                case ast.FunctionDef(name=name, args=ast.arguments(args=args)):
                    if _is_public(name):
                        arguments |= {each.arg for each in args}
    for module in dict.fromkeys(name for names in layout.files.values() for name in names):
        for node in sources.nodes(module):
            full |= {*_unnamed(node, sources)}
    foreign = _umqtt() if _UMQTT in layout.own else set()
    return Api(
        frozenset(full),
        frozenset(foreign.union(named, filter(_is_public, attributes))),
        frozenset(filter(_is_public, arguments)),
    )


def gist(programs: Iterable[bytes], lib: Path = LIB) -> bytes:
    """What counts of programs when a board is linked for them, as one source.

    Most name nothing but what any program may: a change of them links nothing anew.
    """
    programs = [*programs]
    named = {name for source in programs for name in imports(source)}
    paths = modules(lib)
    words = {word for path in paths.values() for word in re.findall(r"\w+", path.read_text())}
    usual = {*FOREIGN, *_ATTRIBUTES}
    for module in _MODULES:
        usual |= {*filter(_is_public, _bound(walk(ast.parse(paths[module].read_text()))))}
    lines = {f"import {name}" for name in named & {*paths, "asyncio"}}
    for name, is_assigned in (found for source in programs for found in _named(source)):
        if is_assigned and name in words:
            lines.add(f"_.{name} = 0")
        elif name in words - usual:
            lines.add(f"_.{name}")
    return "\n".join(sorted(lines)).encode()


def _named(source: bytes) -> Iterable[tuple[str, bool]]:
    """Attributes that a program names, and those of its classes, which signet may name.

    Of each: is it assigned, perhaps on a module?
    """
    for node in walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name, ctx=context):
                yield name, isinstance(context, ast.Store)
            case ast.ClassDef():
                yield from ((name, False) for name in bound(node))


def _bound(nodes: Iterable[ast.AST]) -> Iterable[str]:
    """Names of functions and of what is assigned, as attributes."""
    for node in nodes:
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.Attribute(attr=name, ctx=ast.Store())
                | ast.Name(id=name, ctx=ast.Store())
            ):
                yield name


def _unnamed(node: ast.AST, sources: Sources) -> Iterable[str]:
    """What `modules.call(TEXT, name, ...)` may call, where only the caller knows the name."""
    found = called(node)
    if found and isinstance(node, ast.Call):
        name = node.args[found.place + 1 :][:1]
        if name and not isinstance(name[0], ast.Constant) and found.module in sources.paths:
            names = filter(_is_public, sources.symbols(found.module))
            yield from (f"{found.module}.{each}" for each in names)


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")
