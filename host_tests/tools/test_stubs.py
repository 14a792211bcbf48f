"""Do the stubs that an editor reads say of lib/signet and of board.py what the code says?

Read from the sources of both; `make lint` checks programs against the stubs.
"""

import ast
import configparser
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tools import stubs, toolchain
from tools.link.imports import imports
from tools.paths import LIB, ROOT

_STUBS = ROOT / "stubs"
_BOARDS = sorted((ROOT / "firmware" / "boards").glob("*/board.py"))
_FILES = sorted((_STUBS / "signet").rglob("*.pyi"))
_PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]


class Names(NamedTuple):
    """What a module or a class has; `promised`: the attributes that a class's docstring lists."""

    functions: dict[str, list[str]]
    classes: dict[str, "Names"]
    every: set[str]
    promised: set[str]


def _names(body: list[ast.stmt], is_stub: bool) -> Names:
    found = Names({}, {}, set(), set())
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found.functions[name] = [ast.unparse(each) for each in node.decorator_list]
                found.functions[name] += _arguments(node.args)
            case ast.ClassDef(name=name, bases=bases):
                if [ast.unparse(base) for base in bases] == ["Protocol"]:
                    continue  # for type checkers alone
                found.classes[name] = _names(node.body, is_stub)
                found.classes[name].promised.update(_promised(node))
                found.classes[name].every.update(_assigned(node), _promised(node))
                found.every.update(f"{name}({ast.unparse(base)})" for base in bases)
            case ast.ImportFrom(names=names):
                handed_on = [each for each in names if each.asname or not is_stub]
                found.every.update(each.asname or each.name for each in handed_on)
            case ast.AnnAssign(target=ast.Name(id=name)):
                found.every.add(name)
            case ast.Assign(targets=targets):
                found.every.update(n.id for n in ast.walk(ast.Tuple(targets)) if _is_name(n))
    found.every.update(found.functions, found.classes)
    return found


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def _assigned(node: ast.ClassDef) -> Iterator[str]:
    """Attributes that the methods of a class give to `self`."""
    for each in ast.walk(node):
        match each:
            case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                yield name


def _promised(node: ast.ClassDef) -> Iterator[str]:
    text = (ast.get_docstring(node) or "").partition("Attributes:\n")[2].partition("Raises:")[0]
    for names in re.findall(r"^    (\w[\w, ]*): ", text, re.MULTILINE):
        yield from names.split(", ")


def _arguments(args: ast.arguments) -> list[str]:
    """Each argument as "name" or "name=default"; of a default that is no literal only "=..."."""
    given = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(given) - len(args.defaults)) + [*map(_default, args.defaults)]
    words = [a.arg + (d or "") for a, d in zip(given, defaults, strict=True)]
    return [*words, *(f"*{a.arg}" for a in (args.vararg, args.kwarg) if a)]


def _default(node: ast.expr) -> str:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return "=..."
    return "=..." if value is ... else f"={value!r}"


def _public(names: dict[str, object] | set[str]) -> set[str]:
    return {name for name in names if not name.startswith("_") or name == "__init__"}


def mistakes(stub: Names, code: Names) -> list[str]:
    """What a stub says otherwise than the code, or leaves out."""
    found = [f"{name}: not in the code" for name in _public(stub.every) - code.every]
    there = _public(code.functions) | _public(code.classes) | code.promised
    found += [f"{name}: not in the stub" for name in there - stub.every]
    for name, arguments in stub.functions.items():
        if code.functions.get(name, arguments) != arguments:
            found.append(f"{name}: {code.functions[name]}, in the stub {arguments}")
    for name, own in stub.classes.items():
        if name in code.classes:
            found += [f"{name}.{mistake}" for mistake in mistakes(own, code.classes[name])]
    return found


def _read(file: Path) -> Names:
    return _names(ast.parse(file.read_text()).body, file.suffix == ".pyi")


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.relative_to(_STUBS).as_posix())
def test_a_stub_says_what_the_code_says(file):
    code = LIB / file.relative_to(_STUBS).with_suffix(".py")
    assert mistakes(_read(file), _read(code)) == []


@pytest.mark.parametrize("file", _BOARDS, ids=lambda file: file.parent.name)
def test_the_stub_of_a_board_says_what_each_board_has(file):
    stub, board = _read(_STUBS / "board.pyi"), _read(file)
    for name in {"uart", "modem_wake"} & board.functions.keys():  # for a modem: signet's business
        del board.functions[name]
    assert mistakes(stub, board) == []


@pytest.mark.parametrize("module", ["asyncio", "gc", "micropython", "time"])
def test_what_a_stub_says_of_micropython_is_in_micropython(module):
    stub = _read(_STUBS / "port" / f"{module}.pyi")
    names = [f"{module}.{name}" for name in _public(stub.every) if name.isidentifier()]
    program = f"import {module}\n" + "\n".join(names)
    subprocess.run([toolchain.micropython(64), "-c", program], check=True, timeout=60)


def test_both_type_checkers_look_at_the_same_programs_and_they_are_there():
    settings = configparser.ConfigParser()
    settings.read(_STUBS / "mypy.ini")
    by_mypy = re.split(r",\s*", settings["mypy"]["files"])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    by_pyright = project["tool"]["pyright"]["include"]
    programs = [{name for name in names if "stubs" not in name} for names in (by_mypy, by_pyright)]
    assert programs[0] == programs[1]
    assert all((ROOT / name).exists() for name in by_mypy + by_pyright)


def test_what_programs_and_pages_use_of_signet_has_a_stub():
    programs = [ROOT / "main.py", *(ROOT / "firmware" / "examples").glob("*.py")]
    used = {name for file in programs for name in imports(file.read_text())}
    pages = "".join(page.read_text() for page in _PAGES)
    used |= set(re.findall(r"`(signet\.[a-z_.]+[a-z])`", pages))
    modules = {name for name in used if (LIB / (name.replace(".", "/") + ".py")).exists()}
    assert len(modules) > 3
    for name in modules:
        assert (_STUBS / (name.replace(".", "/") + ".pyi")).exists(), name
    link = _read(_STUBS / "signet" / "link.pyi").classes["Link"]
    named = set(re.findall(r"`link\.(\w+)", pages)) - {"py"}
    assert named
    assert named <= link.every


def test_the_package_for_an_editor_has_hints_and_docstrings(tmp_path):
    stubs.write(tmp_path)
    build = "from setuptools import build_meta; build_meta.build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("signet_stubs-*.whl")
    with zipfile.ZipFile(wheel) as packed:
        text = packed.read("signet-stubs/link.pyi").decode()
        packed.getinfo("signet-stubs/cloud/watson/application.pyi")
    (link,) = _scopes(ast.parse(text), "Link")
    (flush,) = _scopes(link, "flush")
    assert ast.unparse(flush.args) == "self, timeout_ms: int"
    assert "less than 2**29" in ast.get_docstring(flush)


def _scopes(node, name):
    return [each for each in node.body if getattr(each, "name", None) == name]
