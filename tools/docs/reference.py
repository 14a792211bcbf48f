"""How do stubs and docstrings become pages of the API?"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tools.paths import LIB, ROOT
from tools.stubs import STUBS, explained

_BOARD = ROOT / "firmware" / "boards" / "esp32" / "board.py"
_PARTS = ("Args", "Returns", "Raises", "Attributes", "Yields")
_WIDTH = 88
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def pages() -> dict[str, str]:
    """Each page: module -> Markdown. A module of the public API is one that has a stub."""
    found = {"board": _page("board", ROOT / "stubs" / "board.pyi", _BOARD)}
    for stub in STUBS.rglob("*.pyi"):
        path = stub.relative_to(STUBS.parent).with_suffix("")
        names = path.parts[:-1] if path.name == "__init__" else path.parts
        code = (LIB / path).with_suffix(".py")
        found[".".join(names)] = _page(".".join(names), stub, code)
    return dict(sorted(found.items()))


def index(modules: dict[str, str]) -> str:
    """The page that lists the others."""
    lines = [f"- [`{name}`]({name}.md): {_question(text)}" for name, text in modules.items()]
    return "# API reference\n\nFrom the docstrings and stubs of the public API.\n\n" + "\n".join(
        lines
    )


def _question(page: str) -> str:
    return page.split("\n\n")[1].replace("\n", " ")


def _page(name: str, stub: Path, code: Path) -> str:
    tree = ast.parse(explained(stub.read_text(), code.read_text()))
    return "\n\n".join([f"# {name}", *_body(tree, "##")]) + "\n"


def _body(node: ast.Module | ast.ClassDef, level: str) -> Iterator[str]:
    yield from _docstring(node)
    values = [
        ast.unparse(each)
        for each in node.body
        if isinstance(each, ast.AnnAssign) and not ast.unparse(each.target).startswith("_")
    ]
    if values:
        yield _code("\n".join(values))
    for each in node.body:
        match each:
            case ast.ImportFrom(module=module, names=names) if any(a.asname for a in names):
                handed_on = ", ".join(f"`{a.asname}`" for a in names if a.asname)
                yield f"From [`{module}`]({module}.md): {handed_on}."
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                if not name.startswith("_") or name == "__init__":
                    yield from _function(each, level)
            case ast.ClassDef(name=name) if not name.startswith("_"):
                yield f"{level} `{name}`"
                bases = ", ".join(map(ast.unparse, each.bases))
                yield _code(f"class {name}({bases})" if bases else f"class {name}")
                yield from _body(each, level + "#")


def _function(node: _Function, level: str) -> Iterator[str]:
    decorators = [ast.unparse(each) for each in node.decorator_list]
    word = "async def" if isinstance(node, ast.AsyncFunctionDef) else "def"
    result = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    signature = f"{word} {node.name}({ast.unparse(node.args)}){result}"
    if len(signature) > _WIDTH:
        signature = signature.replace("(", "(\n    ", 1)
    yield f"{level} `{node.name}`"
    yield _code("\n".join([*(f"@{name}" for name in decorators), signature]))
    yield from _docstring(node)


def _code(text: str) -> str:
    return f"```python\n{text}\n```"


def _docstring(node: ast.Module | ast.ClassDef | _Function) -> Iterator[str]:
    text = ast.get_docstring(node) or ""
    parts = re.split(rf"^({'|'.join(_PARTS)}):\n", text, flags=re.MULTILINE)
    if parts[0].strip():
        yield _plain(parts[0].strip())
    for title, items in zip(parts[1::2], parts[2::2], strict=True):
        yield f"**{title}**"
        yield "\n".join(_items(items))


def _plain(text: str) -> str:
    """Text as it is meant: no emphasis, no HTML."""
    lines = text.splitlines()
    return "\n".join(
        line
        if line.startswith("    ")
        else re.sub(r"([*_<])", r"\\\1", line)
        if "`" not in line
        else line.replace("<", "&lt;")
        for line in lines
    )


def _items(text: str) -> Iterator[str]:
    item = ""
    for line in text.splitlines():
        if line.startswith("    ") and not line.startswith("     "):
            if item:
                yield item
            name, colon, rest = line.strip().partition(": ")
            is_name = colon and re.fullmatch(r"[\w.*]+(, [\w.*]+)*", name)
            item = f"- `{name}`: {_plain(rest)}" if is_name else f"- {_plain(line.strip())}"
        elif line.strip() and not item:
            yield "\n" + _plain(line)
        elif line.strip():
            item += " " + _plain(line.strip())
    if item:
        yield item
