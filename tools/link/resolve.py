"""What does each name stand for, once several modules share a file?

Names of modules get their full form: `signet.net.stream.TcpChannel` for what was `TcpChannel`,
`stream.TcpChannel` or `__import__("signet.net.stream", ...).TcpChannel`.  What is only local keeps
its name, and so do MicroPython's modules and built-ins.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from typing import Any, NamedTuple

from tools.link.fold import is_worth, literal, stored
from tools.link.gather import CORE, ROOT, Layout, Sources, called, loaded, symbols
from tools.link.nodes import Transformer, children, walk


class Symbol(str):
    """The full name of what a module binds, or of a file, as the value of a constant."""


class _Late(str):
    """A module in a file that is not loaded yet: what its name is bound to is local."""


class Here(ast.stmt):
    """Where a module was imported that lies in the same file: its statements come here."""

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module


def merge(sources: Sources, layout: Layout) -> dict[str, ast.Module]:
    """One source a file, of all its modules, in the order of their imports."""
    merged = {}
    for file, names in layout.files.items():
        resolved = {name: _Resolver(sources, layout, name, file).tree() for name in names}
        merged[file] = ast.Module([each for name in names for each in _placed(name, resolved)], [])
    return merged


def _placed(name: str, resolved: dict[str, ast.Module]) -> list[ast.stmt]:
    """A module's statements, and those of what it imports; none the second time."""

    class Place(Transformer):
        def visit_FunctionDef(self, node: Any) -> Any:
            return node

        visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef

        def visit_Here(self, node: Here) -> list[ast.stmt]:
            return _placed(node.module, resolved)

    tree = resolved.pop(name, None)
    return Place().visit(tree).body if tree else []


class _Resolver(Transformer):
    def __init__(self, sources: Sources, layout: Layout, module: str, file: str) -> None:
        self._sources = sources
        self._layout = layout
        self._module = module
        self._file = file
        self._scopes: list[_Scope] = []
        self._public = sources.symbols(ROOT)

    def _where(self, module: str) -> str | None:
        return self._layout.file(module, self._file)

    def tree(self) -> ast.Module:
        tree = self._sources.copy(self._module)
        self._scopes = [_Scope(dict.fromkeys(symbols(tree), ""), "module")]
        self._import(tree)
        resolved = self.visit(tree)
        assert isinstance(resolved, ast.Module)
        return resolved

    # Scopes

    def visit_FunctionDef(self, node: Any) -> Any:
        node.args.defaults = [self.visit(each) for each in node.args.defaults]
        node.args.kw_defaults = [each and self.visit(each) for each in node.args.kw_defaults]
        if isinstance(node, ast.Lambda):
            return self._inside(node, "function")
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        if self._scopes[-1].kind == "module":
            node.name = Symbol(f"{self._module}.{node.name}")
        return self._inside(node, "function")

    visit_AsyncFunctionDef = visit_Lambda = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        node.bases = [self.visit(each) for each in node.bases]
        if self._scopes[-1].kind == "module":
            node.name = Symbol(f"{self._module}.{node.name}")
        return self._inside(node, "class")

    def _inside(self, node: Any, kind: str) -> Any:
        """Visits the body in a scope of its own."""
        self._scopes.append(_Scope(dict.fromkeys(bound(node)), kind))
        if kind == "function":
            self._import(node)
        if isinstance(node.body, list):
            node.body = self.visit(ast.Module(node.body, [])).body
        else:
            node.body = self.visit(node.body)
        self._scopes.pop()
        return node

    def _comprehension(self, node: Any) -> Any:
        targets = [each.target for each in node.generators]
        self._scopes.append(_Scope(dict.fromkeys(stored(_own_nodes(targets))), "function"))
        self.generic_visit(node)
        self._scopes.pop()
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _meaning(self, name: str) -> str | None:
        """The full name of what a name stands for here; None: it is local, or not ours."""
        for scope in reversed(self._scopes):
            if name in scope.names and (scope.kind != "class" or scope is self._scopes[-1]):
                found = scope.names[name]
                return f"{self._module}.{name}" if found == "" else found
        return None

    def _is_hidden(self, name: str) -> bool:
        """Is it a built-in, where `signet` has something else of its name?"""
        is_local = any(name in scope.names for scope in self._scopes)
        return not is_local and hasattr(builtins, name) and name in self._public

    # Imports

    def _import(self, node: Any) -> None:
        """Notes what the import statements of a scope bind."""
        for statement in _own_nodes(node):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                for alias, module, name in self._aliases(statement):
                    local = alias.asname or alias.name
                    if self._is_ready(module):
                        self._scopes[-1].names[local] = _join(module, name)
                    elif not name:
                        self._scopes[-1].names[local] = _Late(module)

    def _aliases(self, node: ast.Import | ast.ImportFrom) -> Iterator[tuple[ast.alias, str, str]]:
        for alias in node.names:
            module, name = self._sources.module(alias, getattr(node, "module", None))
            if self._where(module):
                yield alias, module, name

    def _is_ready(self, module: str) -> bool:
        """Is a module's file loaded whenever this one is, or may it be?"""
        file = self._where(module)
        if file in (self._file, ROOT) or self._scopes[-1].kind == "module":
            return True
        return file == CORE and self._file not in (ROOT, *self._layout.own)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> Any:
        if getattr(node, "module", None) == "micropython":
            return None  # const
        ours = {id(alias): (module, name) for alias, module, name in self._aliases(node)}
        if not ours:
            return node
        is_top = self._scopes[-1].kind == "module"
        statements: list[ast.stmt] = []
        for alias in node.names:
            if id(alias) not in ours:
                statements.append(type(node)(**{**vars(node), "names": [alias]}))
                continue
            module, name = ours[id(alias)]
            if is_top and self._where(module) == self._file:
                statements.append(Here(module))
            elif not self._is_ready(module):
                statements.append(self._late(alias, module, name))
        return statements

    visit_ImportFrom = visit_Import

    def _late(self, alias: ast.alias, module: str, name: str) -> ast.stmt:
        """The import of what is not loaded yet."""
        file, local = self._where(module) or "", alias.asname or alias.name
        if name:
            module, name = self._defined(module, name)
            return ast.ImportFrom(file, [ast.alias(Symbol(_join(module, name)), local)], 0)
        package, _, word = file.rpartition(".")
        return ast.ImportFrom(package, [ast.alias(word, local)], 0)

    # References

    def _defined(self, module: str, name: str) -> tuple[str, str]:
        """Where is it defined that may be imported from there?"""
        if name not in self._sources.symbols(module):
            for node in self._sources.tree(module).body:
                if isinstance(node, ast.ImportFrom):
                    for alias, other, word in self._aliases(node):
                        if (alias.asname or alias.name) == name and word:
                            return self._defined(other, word)
        return module, name

    def _reference(self, full: str, node: Any) -> ast.expr:
        """What stands for something of a module, where it is read or assigned."""
        module, name = self._defined(*full.rpartition(".")[::2])
        constant = self._sources.constants(module).get(name)
        if isinstance(node.ctx, ast.Load) and constant is not None and is_worth(constant, 2):
            return ast.copy_location(literal(constant), node)
        full = _join(module, name)
        changes = (
            _is_variable(self._sources.symbols(module).get(name)) or name in self._layout.assigned
        )
        is_here = self._where(module) == self._file and isinstance(node.ctx, ast.Load)
        if module != self._module and constant is None and changes and not is_here:
            file = ast.Name(Symbol(self._where(module)), ast.Load())
            return ast.Attribute(file, Symbol(full), node.ctx)
        return ast.copy_location(ast.Name(Symbol(full), node.ctx), node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        meaning = self._meaning(node.id)
        if self._file == ROOT and self._is_hidden(node.id):
            node.id = Symbol(f"builtins.{node.id}")
        if not meaning or self._where(meaning):
            return node
        return self._reference(meaning, node)

    def visit_Global(self, node: ast.Global) -> ast.stmt:
        node.names = [Symbol(f"{self._module}.{name}") for name in node.names]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        module = loaded(node.value)
        is_ready = bool(module) and self._is_ready(module)
        if isinstance(node.value, ast.Name):
            module = self._meaning(node.value.id) or ""
            is_ready = not isinstance(module, _Late)
        if not self._where(module):
            self.generic_visit(node)
            return node
        if is_ready:
            return self._reference(_join(module, node.attr), node)
        where = node.value  # a name of this function
        if isinstance(where, ast.Call):
            where.args[0] = ast.Constant(self._where(module))
        return ast.Attribute(where, Symbol(_join(*self._defined(module, node.attr))), node.ctx)

    # What modules.py loads and forgets

    def visit_Expr(self, node: ast.Expr) -> Any:
        module = loaded(node.value)
        if self._where(module) and self._is_ready(module):
            return None
        found = called(node.value)
        here = (ROOT, CORE, self._file)
        if found and found.how == "forget" and self._where(found.module) in here:
            return None
        self.generic_visit(node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.expr:
        found = called(node)
        file = found and self._layout.file(found.module, ROOT)
        if found and file:
            node.args[found.place] = ast.Constant(file)
            name = [*node.args, None][found.place + 1]
            if found.how == "call" and isinstance(name, ast.Constant):
                name.value = Symbol(_join(found.module, str(name.value)))
        self.generic_visit(node)
        return node


class _Scope(NamedTuple):
    """names: what is bound there -> its full name; "" for the module's, None for local ones."""

    names: dict[str, str | None]
    kind: str


def bound(node: Any) -> set[str]:
    """What a function or a class binds by itself."""
    arguments = walk(node.args) if hasattr(node, "args") else []
    own = [*_own_nodes(node)]
    changed = [each for each in own if isinstance(each, ast.Global)]
    names = {*stored([*own, *arguments])}
    return names - {name for each in changed for name in each.names}


def _own_nodes(node: Any) -> Iterator[ast.AST]:
    """What is in a scope, but not in another inside it."""
    inner = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    body = getattr(node, "body", node)
    waiting = body[::-1] if isinstance(body, list) else [body]
    while waiting:
        each = waiting.pop()
        yield each
        if not isinstance(each, inner):
            waiting += children(each)[::-1]


def _is_variable(where: ast.stmt | None) -> bool:
    """May it be assigned again, by whoever imports the module, too?"""
    return isinstance(where, ast.Assign) and isinstance(where.value, ast.Constant)


def _join(module: str, name: str) -> str:
    return f"{module}.{name}" if name else module
