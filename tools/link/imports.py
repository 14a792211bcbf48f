"""Which modules may a source load, by an import or by a name in a string?  Nothing is executed."""

import ast
import functools
import itertools
from collections.abc import Iterator

from tools.link.nodes import walk

_LOADERS = ("__import__", "call")  # the latter: lib/signet/modules.py


@functools.cache
def imports(source: str | bytes) -> tuple[str, ...]:
    """Names that a source may import: modules, and `module.name` for each name.

    source: text of a .py file. returns: in a name that is put together, what the source alone does
    not tell is "*": "signet.cloud.*.login".
    raises: SyntaxError.
    """
    tree = ast.parse(source)
    return (*_imported(tree), *_loaded_by_name(tree))


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _loaded_by_name(tree: ast.Module) -> Iterator[str]:
    """What `__import__(name)`, `call(name, ...)` and `anything(call, name, ...)` load."""
    texts: dict[str, str] = {}
    for node in walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            variable = node.targets[0].id
            texts[variable] = "*" if variable in texts else _text(node.value, texts)
    for node in walk(tree):
        if isinstance(node, ast.Call):
            for loader, name in itertools.pairwise([node.func, *node.args]):
                if _last_word(loader) in _LOADERS:
                    yield _text(name, texts)


def _last_word(node: ast.expr) -> str:
    """For example "call" of `modules.call`."""
    match node:
        case ast.Name(id=word) | ast.Attribute(attr=word):
            return word
    return ""


def _text(node: ast.expr, texts: dict[str, str]) -> str:
    """A text as the source builds it. texts: those of variables."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=variable):
            return texts.get(variable, "*")
        case ast.Call(func=ast.Name(id="const"), args=[value]):
            return _text(value, texts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _text(left, texts) + _text(right, texts)
        case ast.Call(func=ast.Attribute(value=form, attr="format")):
            return _text(form, texts).replace("{}", "*")
    return "*"
