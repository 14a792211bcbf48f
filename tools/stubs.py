"""How does an editor anywhere learn what signet offers?  From a package of stubs, `signet-stubs`.

stubs/signet/ has the hints, lib/signet the docstrings; both together go into `build/stubs`, which
pip installs (PEP 561: a package of stubs alone). `make package` writes it.
"""

import ast
import shutil
from pathlib import Path

from tools.link.device import constant
from tools.paths import LIB, ROOT

STUBS = ROOT / "stubs" / "signet"
TARGET = ROOT / "build" / "stubs"

_PROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

[project]
name = "signet-stubs"
version = "{version}"
description = "Type hints and docstrings of signet, for editors"
requires-python = ">=3.9"
license = "MIT"

[tool.setuptools]
packages = ["signet-stubs"]

[tool.setuptools.package-data]
"signet-stubs" = ["**/*.pyi"]
"""

_Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def explained(stub: str, code: str) -> str:
    """A stub with the docstrings of its code."""
    hints = ast.parse(stub)
    _explain(hints, ast.parse(code))
    return ast.unparse(hints) + "\n"


def _explain(hints: _Scope, code: _Scope) -> None:
    scopes = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    inside = {node.name: node for node in code.body if isinstance(node, scopes)}
    for node in hints.body:
        if isinstance(node, scopes) and node.name in inside:
            _explain(node, inside[node.name])
    if text := ast.get_docstring(code, clean=False):
        hints.body.insert(0, ast.Expr(ast.Constant(text)))


def write(target: Path = TARGET) -> None:
    """Write the package; what was in the folder goes."""
    shutil.rmtree(target, ignore_errors=True)
    for file in STUBS.rglob("*.pyi"):
        code = (LIB / "signet" / file.relative_to(STUBS)).with_suffix(".py").read_text()
        copy = target / "signet-stubs" / file.relative_to(STUBS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(explained(file.read_text(), code))
    version = constant(LIB / "signet" / "__init__.py", "__version__")
    (target / "pyproject.toml").write_text(_PROJECT.format(version=version))
