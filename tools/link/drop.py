"""What of a file does nobody use?  What no name reaches: functions, methods, constants."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping

from tools.link.nodes import Transformer, walk
from tools.link.resolve import Symbol


def drop(
    files: Mapping[str, ast.Module],
    lasting: Collection[str],
    symbols: Collection[str],
    attributes: Collection[str],
) -> None:
    """Take out, in place, what nobody uses.

    lasting: files that stay in the heap. symbols, attributes: what is used from outside.
    """
    for tree in files.values():
        _Undocumented().visit(tree)
    drops = True
    while drops:
        nodes = {file: walk(tree) for file, tree in files.items()}
        named = {file: {*_named(found)} for file, found in nodes.items()}
        shared = {*symbols, *attributes}.union(*map(_reached, nodes.values()))
        everywhere = shared.union(*named.values())
        drops = False
        for file, found in nodes.items():
            # What comes and goes has its own copies.
            used = everywhere if file in lasting else shared | named[file]
            for node in found:
                if isinstance(node, ast.Module | ast.ClassDef):
                    kept = [each for each in node.body if not _is_unused(each, used)]
                    drops = drops or len(kept) < len(node.body)
                    node.body = kept


def _named(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def _reached(nodes: Iterable[ast.AST]) -> set[str]:
    """Attributes, and what is named in other files."""
    found = set()
    for node in nodes:
        match node:
            case ast.Attribute(attr=name) | ast.alias(name=name):
                found.add(name)
            case ast.Constant(value=str(text)) if isinstance(text, Symbol) or text.isidentifier():
                found.add(text)  # of getattr
    return found


class _Undocumented(Transformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) else node  # a docstring


def _is_unused(node: ast.stmt, used: Collection[str]) -> bool:
    match node:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            if any(isinstance(each, ast.Call) for each in walk(value)):
                return False
            names = [name]
        case (
            ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name)
        ):
            names = [name]
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            names = [each.asname or each.name for each in aliases]
        case _:
            return False
    return not any(name in used or name.startswith("__") for name in names)
