"""What of a module's source is certain, once device.json is known?

Its choices become constants, and so do the module's own constants; what they decide is decided
here: conditions, texts that are put together, branches that no board with this device.json takes.
"""

from __future__ import annotations

import ast
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from tools.link.nodes import Transformer, walk

SOME = object()
"""What is only known to be neither None nor empty, such as a name or TLS's context."""

Known = Callable[[ast.expr], Any]
"""Gives the value of an expression, SOME, or UNKNOWN."""

UNKNOWN = object()
_CONFIGS = ("config", "values", "_config")
_INTERNED = 10  # characters: MicroPython keeps such a text as a name
_DECIDED = (ast.Name, ast.Subscript, ast.Call, ast.UnaryOp)
"""Kinds of what a `Known` knows, and of literals that can be simpler."""

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def fold(tree: ast.Module, known: Known) -> ast.Module:
    """Decide what is known, in place. known: what the nodes of the source stand for."""
    folded = _Fold(known).visit(tree)
    assert isinstance(folded, ast.Module)
    return folded


def constants(tree: ast.Module) -> dict[str, Any]:
    """A module's constants by name, in capitals or of const(), which goes: all is const here."""
    found: dict[str, Any] = {}
    nodes = walk(tree)
    bound = Counter(stored(nodes))
    read = Counter(each.id for each in nodes if isinstance(each, ast.Name))
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if bound[name] == 1:
                match value:
                    case ast.Call(func=ast.Name(id="const"), args=[inner]):
                        node.value = inner
                    case _ if name.upper() != name:
                        continue
                node.value = _Fold(lambda each: _named(each, found)).visit(node.value)
                constant = value_(node.value)
                if isinstance(constant, int | str | bytes | tuple) and is_worth(
                    constant, read[name] - 1
                ):
                    found[name] = constant
    return found


def knowing(choices: Mapping[str, Any], own: Mapping[str, Any]) -> Known:
    """What a module's source knows: device.json's choices, and its own constants."""

    def known(node: ast.expr) -> Any:
        if (key := _key(node)) is not None:
            return choices.get(key, UNKNOWN)
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")
            ) if text.startswith("signet.cloud."):
                return text.format(choices["cloud"], choices["way"])
            case ast.Call(
                func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")
            ) if text.startswith("signet.net.modem.family."):
                return text.format(choices["dialect"])
        return _named(node, own)

    return known


def _named(node: ast.expr, values: Mapping[str, Any]) -> Any:
    return values.get(node.id, UNKNOWN) if isinstance(node, ast.Name) else UNKNOWN


def _is_config(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _CONFIGS
    return False


def value_(node: ast.AST) -> Any:
    """The value of a literal, else UNKNOWN."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Tuple(elts=elements):
            values = [value_(each) for each in elements]
            return UNKNOWN if UNKNOWN in values else tuple(values)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(value))):
            return -value
    return UNKNOWN


def literal(value: Any) -> ast.expr:
    """The source of a value."""
    return ast.parse(repr(value), mode="eval").body


class _Fold(Transformer):
    def __init__(self, known: Known) -> None:
        self._known = known
        self._changed: set[str] = set()  # keys of device.json, by this function
        self._stored: Counter[str] = Counter()  # in it
        self._modules: dict[str, str] = {}  # names of modules, by its variables

    # What is known becomes a literal.

    def visit(self, node: ast.AST) -> Any:
        """Fold a node and what is in it."""
        seen = super().visit(node)
        if not isinstance(seen, ast.expr):
            for block in _blocks(seen):
                ends = (i for i, each in enumerate(block) if isinstance(each, _ENDS))
                del block[next(ends, len(block)) + 1 :]
        elif isinstance(seen, _DECIDED):
            value = self._value(seen)
            if value is not UNKNOWN and value is not SOME:
                return ast.copy_location(literal(value), seen)
        return seen

    def _value(self, node: ast.expr) -> Any:
        found = value_(node)
        if found is UNKNOWN and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            found = UNKNOWN if _key(node) in self._changed else self._known(node)
            if found is UNKNOWN:
                found = _named(node, self._modules)
        return found

    def _truth(self, node: ast.expr) -> bool | None:
        value = self._value(node)
        return None if value is UNKNOWN else value is SOME or bool(value)

    # Functions

    def visit_FunctionDef(self, node: Any) -> Any:
        before = self._changed, self._stored, self._modules
        nodes = walk(node)
        changed = {_key(each) for each in nodes if _is_stored(each)}
        self._changed = self._changed | changed - {None}
        self._stored = Counter(stored(nodes))
        self._modules = {**self._modules}
        self.generic_visit(node)
        self._changed, self._stored, self._modules = before
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Assign(self, node: ast.Assign) -> Any:
        self.generic_visit(node)
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                if text.startswith("signet.") and self._stored[name] == 1:
                    self._modules[name] = text
                    return None
        return node

    # Expressions

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        left, right = self._value(node.left), self._value(node.comparators[0])
        if left is SOME and right is None and isinstance(node.ops[0], ast.Is | ast.IsNot):
            return ast.Constant(isinstance(node.ops[0], ast.IsNot))
        function = _OPERATORS.get(type(node.ops[0]))
        if function and not node.ops[1:] and not {UNKNOWN, SOME} & {left, right}:
            return ast.Constant(function(left, right))
        return node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        self.generic_visit(node)
        truth = self._truth(node.operand) if isinstance(node.op, ast.Not) else None
        return node if truth is None else ast.Constant(not truth)

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        self.generic_visit(node)
        ends = isinstance(node.op, ast.Or)
        values = []
        for value in node.values:
            truth = self._truth(value)
            if truth is None or truth == ends or value is node.values[-1]:
                values.append(value)
            if truth == ends:
                break
        node.values = values
        return values[0] if len(values) == 1 else node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        truth = self._truth(node.test)
        return node if truth is None else node.body if truth else node.orelse

    # Statements

    def visit_If(self, node: ast.If) -> Any:
        node.test = self.visit(node.test)
        truth = self._truth(node.test)
        if truth is None:
            self.generic_visit(node)
            if not node.body and not node.orelse:
                return ast.copy_location(ast.Expr(node.test), node)
            node.body = node.body or [ast.Pass()]
            return node
        body = node.body if truth else node.orelse
        kept = ast.Module(body, [])
        self.generic_visit(kept)
        return kept.body or None


def _blocks(node: Any) -> Iterator[list[Any]]:
    for field in ("body", "orelse", "finalbody"):
        block = getattr(node, field, None)
        if isinstance(block, list):
            yield block


def _key(node: ast.AST) -> Any:
    """The key of device.json that is read or changed there, else None."""
    match node:
        case ast.Subscript(value=config, slice=ast.Constant(value=key)) if _is_config(config):
            return key
        case ast.Call(
            func=ast.Attribute(value=config, attr="get"), args=[ast.Constant(value=key), *_]
        ) if _is_config(config):
            return key
    return None


def is_worth(value: Any, uses: int) -> bool:
    """Does a constant cost no more where it is used than a name for it would?"""
    is_short = not isinstance(value, str | bytes | tuple) or len(value) <= _INTERNED
    return uses <= 1 or is_short or (isinstance(value, str) and value.startswith("signet."))


def stored(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """What nodes of a source bind, as often as they do."""
    for each in nodes:
        match each:
            case (
                ast.arg(arg=name)
                | ast.ExceptHandler(name=str(name))
                | ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                yield name
            case ast.Name(id=name) if _is_stored(each):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from names


def _is_stored(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", None), ast.Store | ast.Del)
