"""What is in a tree?  As `ast` says it, in a third of the time: a link walks each dozens of times.

Without contexts and operators.
"""

from __future__ import annotations

import ast
from typing import Any

_NAMES = {"arg", "asname", "attr", "ctx", "id", "level", "module", "name", "op", "ops"}


class _Fields(dict[type, tuple[str, ...]]):
    def __missing__(self, kind: type[ast.AST]) -> tuple[str, ...]:
        self[kind] = found = tuple(field for field in kind._fields if field not in _NAMES)
        return found


_FIELDS = _Fields()
"""Of each kind of node, where others may be."""


def children(node: ast.AST) -> list[ast.AST]:
    """What is in a node itself."""
    found = []
    for field in _FIELDS[type(node)]:
        value = getattr(node, field, None)
        if type(value) is list:
            found += [each for each in value if isinstance(each, ast.AST)]
        elif isinstance(value, ast.AST):
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

    def visit(self, node: ast.AST) -> Any:
        """Visit a node, each kind by its own method."""
        return getattr(self, f"visit_{type(node).__name__}", self.generic_visit)(node)

    def generic_visit(self, node: Any) -> Any:
        """Visit what is in a node."""
        for field in _FIELDS[type(node)]:
            value = getattr(node, field, None)
            if isinstance(value, list):
                value[:] = self._all_of(value)
            elif isinstance(value, ast.AST):
                setattr(node, field, self.visit(value))
        return node

    def _all_of(self, values: list[Any]) -> list[Any]:
        found = []
        for each in values:
            new = self.visit(each) if isinstance(each, ast.AST) else each
            if isinstance(new, list):
                found += new
            elif new is not None or each is None:
                found.append(new)
        return found
