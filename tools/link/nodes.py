"""What is in a tree?  As `ast` says it, in a third of the time: a link walks each dozens of times.

Without contexts and operators.
"""

from __future__ import annotations

import ast
from typing import Any

_NO_NODES = {
    *("arg", "asname", "attr", "ctx", "id", "level", "module", "name", "op", "ops"),
    *("conversion", "is_async", "kind", "kwd_attrs", "rest", "simple", "type_comment"),
}
_PLAIN = {ast.Constant: "value", ast.MatchSingleton: "value", ast.Global: "names"}
_PLAIN[ast.Nonlocal] = "names"
"""Fields without nodes that are to be seen: by name, and of one kind."""


class _Fields(dict[type, tuple[str, ...]]):
    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        plain = {*_NO_NODES, _PLAIN.get(kind)}
        self[kind] = found = tuple(field for field in kind._fields if field not in plain)
        return found


_FIELDS = _Fields()
"""Of each kind of node, where others may be: a node, a list of them, or None."""


def children(node: ast.AST) -> list[ast.AST]:
    """What is in a node itself."""
    found: list[ast.AST] = []
    for field in _FIELDS[type(node)]:
        value = getattr(node, field, None)
        if type(value) is list:
            found += [each for each in value if each] if None in value else value
        elif value is not None:
            found.append(value)
    return found


def walk(node: ast.AST) -> list[ast.AST]:
    """A node, and all that is in it, level by level."""
    found = [node]
    for each in found:
        found += children(each)
    return found


class Transformer:
    """`visit_...` returns what comes in a node's place: a node, several, or None."""

    _visits: dict[type, Any]

    def __init_subclass__(cls) -> None:
        cls._visits = {}

    def visit(self, node: ast.AST) -> Any:
        """Visit a node, each kind by its own method."""
        kind = type(node)
        if kind not in self._visits:
            name = f"visit_{kind.__name__}"
            self._visits[kind] = getattr(type(self), name, type(self).generic_visit)
        return self._visits[kind](self, node)

    def generic_visit(self, node: Any) -> Any:
        """Visit what is in a node."""
        for field in _FIELDS[type(node)]:
            value = getattr(node, field, None)
            if type(value) is list:
                value[:] = self._all_of(value)
            elif value is not None:
                setattr(node, field, self.visit(value))
        return node

    def _all_of(self, values: list[Any]) -> list[Any]:
        found = []
        for each in values:
            new = each and self.visit(each)
            if isinstance(new, list):
                found += new
            elif new is not None or each is None:
                found.append(new)
        return found
