"""Which short name does each name get?

What modules bind, attributes and arguments share one pool, most used first: MicroPython keeps each
name once, for good.  What device programs use, and what foreign objects have, keeps its name.
"""

from __future__ import annotations

import ast
import builtins
import itertools
import keyword
import string
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tools.link.api import FOREIGN, Api
from tools.link.gather import ROOT, Layout
from tools.link.nodes import children, walk
from tools.link.resolve import Symbol, bound

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_LETTERS = string.ascii_lowercase + string.ascii_uppercase


class Names:
    """attributes: short by long. symbols: by file, short by full name, of what is named there."""

    def __init__(self, attributes: dict[str, str], layout: Layout) -> None:
        self.attributes = attributes
        self.symbols: dict[str, dict[str, str]] = {}
        self._layout = layout

    def elsewhere(self, full: str) -> tuple[str, str]:
        """The file where something is defined, as other files see it, and its name there."""
        module, _, word = full.rpartition(".")
        file = self._layout.file(module, ROOT)
        return (file, self.symbols[file][full]) if file else (module, word)  # builtins


def shorten(files: Mapping[str, ast.Module], layout: Layout, api: Api) -> Names:
    """Rename everything, in place, but what is public."""
    nodes = {file: walk(tree) for file, tree in files.items()}
    every = [node for each in nodes.values() for node in each]
    keywords = {node.arg for node in every if isinstance(node, ast.keyword) and node.arg}
    imported = {node.asname or str(node.name) for node in every if isinstance(node, ast.alias)}
    words = {full.rpartition(".")[2] for full in api.symbols}
    kept = {*words, *api.attributes, *api.arguments, *keywords, *imported}
    kept |= {*FOREIGN, *dir(builtins), *keyword.kwlist}
    attributes = sum(map(_own_attributes, nodes.values()), Counter[str]())
    wanted = [each for each, _ in attributes.most_common() if each not in kept]
    names = Names(dict(zip(wanted, _pool(kept), strict=False)), layout)
    for file, found in nodes.items():
        names.symbols[file] = _symbols(found, api, kept)
    for file, tree in files.items():
        _shorten_attributes(nodes[file], names.attributes)
        for function in _outermost(tree):
            _shorten_locals(function, names.symbols[file], kept, api.arguments | keywords)
        _shorten_symbols(nodes[file], names, file)
    return names


def _pool(kept: Collection[str]) -> Iterator[str]:
    for length in itertools.count(1):
        for letters in itertools.product(_LETTERS, repeat=length):
            name = "".join(letters)
            if name not in kept:
                yield name


# Attributes


def _own_attributes(nodes: Iterable[ast.AST]) -> Counter[str]:
    """How often each attribute is named that a class of ours has, or that we assign."""
    own: set[str] = set()
    named: Counter[str] = Counter()
    for node in nodes:
        match node:
            case ast.Attribute(attr=name) if not isinstance(name, Symbol):
                named[name] += 1
                if isinstance(node.ctx, ast.Store):
                    own.add(name)
            case ast.ClassDef():
                own |= bound(node)
    return Counter({name: named[name] + 1 for name in sorted(own) if not name.startswith("__")})


def _shorten_attributes(nodes: Sequence[ast.AST], short: Mapping[str, str]) -> None:
    imports = [each for each in nodes if isinstance(each, ast.Import | ast.ImportFrom)]
    foreign = {
        alias.asname or alias.name
        for each in imports
        for alias in each.names
        if not isinstance(alias.name, Symbol)
    }
    for node in nodes:
        match node:
            case ast.Attribute(value=ast.Name(id=name)) if name in foreign:
                pass
            case ast.Attribute(attr=name) if not isinstance(name, Symbol):
                node.attr = short.get(name, name)
            case ast.ClassDef():
                _shorten_members(node, short)
            case ast.Call(
                func=ast.Name(id="getattr" | "hasattr" | "setattr"),
                args=[_, ast.Constant() as text, *_],
            ):
                text.value = short.get(str(text.value), text.value)


def _shorten_members(node: ast.ClassDef, short: Mapping[str, str]) -> None:
    names = bound(node)
    for each in node.body:
        if isinstance(each, ast.FunctionDef):
            each.name = short.get(each.name, each.name)
            heads: list[ast.AST] = [*each.decorator_list, *each.args.defaults]
        else:
            heads = [each]
        for name in (name for head in heads for name in walk(head)):
            if isinstance(name, ast.Name) and name.id in names:
                name.id = short.get(name.id, name.id)


# What modules bind


def _symbols(nodes: Iterable[ast.AST], api: Api, kept: Collection[str]) -> dict[str, str]:
    """Short names of what a file defines or names, by full name."""
    counts: Counter[str] = Counter()
    for node in nodes:
        name = getattr(node, "id", getattr(node, "name", None))
        if isinstance(name, Symbol) and not isinstance(node, ast.alias):
            counts[name] += 1
    found: dict[str, str] = {}
    for name, _ in counts.most_common():
        word = name.rpartition(".")[2]
        if name in api.symbols and word not in found.values():
            found[name] = word
    pool = _pool(kept)
    return {name: found.get(name) or next(pool) for name, _ in counts.most_common()}


def _shorten_symbols(nodes: Iterable[ast.AST], names: Names, file: str) -> None:
    here = names.symbols[file]
    for node in nodes:
        defines = isinstance(
            node, ast.Name | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        )
        for field in ("id", "name", "attr", "value"):
            name = getattr(node, field, None)
            if isinstance(name, Symbol):
                setattr(node, field, here[name] if defines else names.elsewhere(name)[1])
        if isinstance(node, ast.Global):
            node.names = [here[each] for each in node.names]


# What functions bind


def _outermost(tree: ast.AST) -> Iterator[Any]:
    """Functions that are in no other."""
    for node in children(tree):
        if isinstance(node, _FUNCTIONS):
            yield node
        else:
            yield from _outermost(node)


def _shorten_locals(
    function: Any, symbols: Mapping[str, str], kept: Collection[str], fixed: Collection[str]
) -> None:
    """Rename what a function, and those inside it, bind: in the order of its arguments."""
    nodes = walk(function)
    arguments = [node.arg for node in nodes if isinstance(node, ast.arg)]
    inner = [node for node in nodes if isinstance(node, _FUNCTIONS)]
    local = dict.fromkeys([*arguments, *(name for each in inner for name in sorted(bound(each)))])
    named = [node.id for node in nodes if isinstance(node, ast.Name)]
    taken = {symbols[name] for name in named if isinstance(name, Symbol)}
    assert not taken & local.keys() & {*fixed}, f"two meanings of a name that is kept: {taken}"
    pool = _pool({*kept, *taken})
    short = {name: next(pool) for name in local if name not in fixed and name != "self"}
    for each in nodes:
        match each:
            case ast.Name(id=name) if not isinstance(name, Symbol):
                each.id = short.get(name, name)
            case ast.arg(arg=name):
                each.arg = short.get(name, name)
            case ast.ExceptHandler(name=str(name)):
                each.name = short.get(name, name)
            case ast.alias():
                local_name = short.get(each.asname or each.name, each.asname or each.name)
                each.asname = local_name if local_name != each.name else None
            case ast.FunctionDef(name=name) if each is not function:
                each.name = short.get(name, name)
