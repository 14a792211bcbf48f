"""Which texts need not be in the heap?  What is seldom said, which the board reads then."""

from __future__ import annotations

import ast
from typing import Any

from tools.link.nodes import Transformer
from tools.link.resolve import Symbol

READ = "signet.modules.read_text"
_ERRORS = "signet.errors."
_SHORT = 12  # what is not longer takes less heap than a call that reads it
_USUAL = 24  # nor are lines of the log, "report 1 stored", that are often said
_NEVER = float("inf")


class Apart(Transformer):
    """Takes such texts out of sources, in place.

    found: what belongs behind the code of the first file, as `signet.modules.read_text` reads it.
    """

    def __init__(self) -> None:
        self.found = b""
        self._longest = [_NEVER]

    def _inside(self, node: Any, longest: float) -> Any:
        """Visits a node in which texts may be so long and stay."""
        self._longest.append(longest)
        self.generic_visit(node)
        self._longest.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        return self._inside(node, _USUAL)

    def visit_Raise(self, node: ast.Raise) -> Any:
        return self._inside(node, _SHORT)

    def visit_Call(self, node: ast.Call) -> Any:
        name = getattr(node.func, "id", "")
        is_error = isinstance(name, Symbol) and name.startswith(_ERRORS)
        return self._inside(node, _SHORT if is_error else self._longest[-1])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> Any:
        no_memory = node.type is not None and "MemoryError" in ast.unparse(node.type)
        return self._inside(node, _NEVER if no_memory else self._longest[-1])

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        text = node.value
        if type(text) is not str or " " not in text or len(text) <= self._longest[-1]:
            return node
        content = text.encode()
        if content not in self.found:
            self.found = content + self.found
        place = len(self.found) - self.found.index(content)
        arguments: list[ast.expr] = [ast.Constant(place), ast.Constant(len(content))]
        return ast.Call(ast.Name(Symbol(READ), ast.Load()), arguments, [])
