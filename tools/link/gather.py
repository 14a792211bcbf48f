"""Which modules does a board with this device.json load, and in which file does each lie?

The closure of the imports of what device.json and the programs name, read from the source as far
as this device takes it (fold.py).  What stays in the heap is one file, `core`; what comes and
goes, because `modules.call` loads it or `modules.forget` names it, is a file with all that only
it needs.
"""

from __future__ import annotations

import ast
import pickle
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.link import fold
from tools.link.device import Device, modules
from tools.link.imports import imports
from tools.link.nodes import Transformer, children, walk
from tools.paths import LIB

ROOT = "signet"
CORE = "signet.core"

WITHIN_ROOT = ("signet.clock", "signet.errors", "signet.modules")
"""What any program may import from `signet`, where they are."""

_GROUPS = {
    "signet.trouble": ("modem.trouble",),
    "signet.ready": ("ready", "trust", "certificate"),
    "signet.lost": ("backoff", "reason", "room", "login", "auth", "grant", "roles"),
    "signet.start": (
        *("restore", "dead", "trouble", "batch", "coap_batch", "refusals", "surrogates"),
        *("http_status", "http_codes", "coap_codes", "websocket_handshake", "http_command"),
    ),
    "signet.network_time": ("daily", "expiry", "json_file"),
    "signet.check": (
        *("config", "credentials", "application_identity", "modem_keys"),
        *("presets", "templates", "discovery"),
        *("refusal", "unread", "missing"),
    ),
    "signet.renewal": ("renewal", "pending", "trial"),
}
"""Files of what comes and goes, and the ends of what in them is called; the first counts, and any
other is a file of its own.

Few files, but little code at once where memory is short: when the network is lost, and the outbox
is full.  `ready` comes before the core, and imports nothing of it.  What sets a board's clock has
its own name, and lies with what is due once a day.
"""


class Sources:
    """The package's modules as a device has them.

    programs: sources of what runs on the board beside. linked: what LINKED is to be.
    """

    def __init__(
        self, lib: Path, device: Device, programs: Iterable[bytes | str], linked: Any = ()
    ) -> None:
        every = modules(lib)
        named = [name for source in programs for name in imports(source)]
        absent = {*device.absent, *([] if "asyncio" in named else ["signet.aio"])} - {*named}
        self.paths = {name: path for name, path in every.items() if name not in absent}
        self.named = [name for name in dict.fromkeys(named) if name in every]
        self._known = frozenset(every)
        self._choices = device.choices
        self._linked = linked
        self._trees: dict[str, ast.Module] = {}
        self._pickled: dict[str, bytes] = {}
        self._constants: dict[str, Mapping[str, Any]] = {}
        self._nodes: dict[str, list[ast.AST]] = {}
        self._edges: dict[str, dict[str, list[str]]] = {}
        self._symbols: dict[str, dict[str, ast.stmt]] = {}

    def tree(self, name: str) -> ast.Module:
        """A module's folded source."""
        if name not in self._trees:
            source = self.paths[name].read_bytes()
            found, tree = _folded(name, source, self._choices, self._linked)
            self._pickled[name], self._constants[name] = found.tree, found.constants
            self._trees[name] = tree
            if b"hasattr(" in source:
                self._trees[name] = fold.fold(tree, lambda node: self._has(node, tree))
                self._pickled[name] = pickle.dumps(self._trees[name])
        return self._trees[name]

    def copy(self, name: str) -> ast.Module:
        """The same, to be changed; in a quarter of the time that copy.deepcopy takes."""
        self.tree(name)
        tree = pickle.loads(self._pickled[name])  # noqa: S301
        assert isinstance(tree, ast.Module)
        return tree

    def nodes(self, name: str) -> list[ast.AST]:
        """All that is in it."""
        if name not in self._nodes:
            self._nodes[name] = walk(self.tree(name))
        return self._nodes[name]

    def symbols(self, name: str) -> dict[str, ast.stmt]:
        """What it binds at its top level, imports left out: name -> where."""
        if name not in self._symbols:
            self._symbols[name] = symbols(self.tree(name))
        return self._symbols[name]

    def constants(self, name: str) -> Mapping[str, Any]:
        """A module's constants by name."""
        self.tree(name)
        return self._constants[name]

    def edges(self, name: str, how: str) -> list[str]:
        """Modules that one imports, or loads by `modules.call`, or forgets; how: which of them."""
        if name not in self._edges:
            nodes = self.nodes(name)
            found: dict[str, list[str]] = defaultdict(list)
            found["import"] = [each for each, _ in self.imported(nodes)]
            for each in filter(None, map(called, nodes)):
                if each.module in self.paths:
                    found[each.how].append(each.module)
            self._edges[name] = found
        return self._edges[name][how]

    def module(self, alias: ast.alias, package: str | None) -> tuple[str, str]:
        """Which module does an import name, and what in it ("" for the module itself)?"""
        full = f"{package}.{alias.name}" if package else alias.name
        return (full, "") if full in self._known else (package or full, alias.name)

    def _has(self, node: ast.expr, tree: ast.Module) -> Any:
        """`hasattr(module, name)` of one of these modules."""
        match node:
            case ast.Call(
                func=ast.Name(id="hasattr"),
                args=[ast.Name(id=name), ast.Constant(value=attribute)],
            ):
                for module, bound in self.imported(walk(tree)):
                    if bound == name:
                        return attribute in self.symbols(module)
        return fold.UNKNOWN

    def imported(self, nodes: Iterable[ast.AST]) -> Iterator[tuple[str, str]]:
        """Modules of the package that a source imports by a statement, and the names they get."""
        for node in nodes:
            if isinstance(node, ast.Import | ast.ImportFrom):
                for alias in node.names:
                    found = self.module(alias, getattr(node, "module", None))[0]
                    if found in self.paths:
                        yield found, alias.asname or alias.name
            elif (text := loaded(node)) in self.paths:
                yield text, ""


class _Asked(dict[str, Any]):
    """The choices of a device.json, and which of them a source asks for."""

    def __init__(self, choices: Mapping[str, Any]) -> None:
        super().__init__(choices)
        self.asked: dict[str, Any] = {}

    def get(self, key: str, default: Any = None) -> Any:
        self.asked[key] = value = super().get(key, default)
        return value

    def __getitem__(self, key: str) -> Any:
        self.asked[key] = value = super().__getitem__(key)
        return value


class _Folded(NamedTuple):
    """asked: the choices that decided. tree: pickled. constants: by name."""

    asked: Mapping[str, Any]
    tree: bytes
    constants: Mapping[str, Any]


_kept: dict[tuple[str, bytes], list[_Folded]] = defaultdict(list)
"""By module and source: few modules ask for the choices of the forty that `signet size` links."""


def _folded(
    name: str, source: bytes, choices: Mapping[str, Any], linked: Any
) -> tuple[_Folded, ast.Module]:
    """A source as choices fold it. linked: what LINKED is to be."""
    kept = _kept[name, source]
    for folded in kept:
        if all(choices.get(key, fold.UNKNOWN) == value for key, value in folded.asked.items()):
            return folded, pickle.loads(folded.tree)  # noqa: S301
    tree = ast.parse(source)
    _mark(tree, name)
    own = fold.constants(tree)
    is_for_all = "LINKED" not in own
    if not is_for_all:
        own["LINKED"] = linked
    asked = _Asked(choices)
    tree = _Plain().visit(fold.fold(tree, fold.knowing(asked, own)))
    folded = _Folded(asked.asked, pickle.dumps(tree), own)
    if is_for_all:
        kept.append(folded)
    return folded, tree


class Layout(NamedTuple):
    """Where modules lie.

    files: by file, its modules, each after who imports it first. own: files of a module that a
    program imports by its own name. targets: by module that comes and goes, its file. assigned:
    attributes that programs assign, perhaps on a module.
    """

    files: dict[str, list[str]]
    own: list[str]
    targets: dict[str, str]
    assigned: frozenset[str] = frozenset()

    def file(self, module: str, seen_from: str) -> str | None:
        """Where a module lies for another file: what comes and goes has its own copy."""
        for file in (seen_from, ROOT, CORE, *self.own):
            if module in self.files[file]:
                return file
        return self.targets.get(module)


def needed(device: Device, programs: Iterable[str | bytes] = (), lib: Path = LIB) -> set[str]:
    """Modules that a board may load for a device; of a cloud that is not there, what says so.

    programs: sources of what runs on the board beside; what they import is needed anyhow.
    """
    return {*_everything(Sources(lib, device, programs))}


def _everything(sources: Sources) -> list[str]:
    return _closure(
        [ROOT, *sources.named],
        lambda name: [*sources.edges(name, "import"), *sources.edges(name, "call")],
    )


def gather(sources: Sources, programs: Iterable[bytes]) -> Layout:
    """Says where each module that a device needs lies.

    programs: sources of what runs on the board beside.
    """

    def static(name: str) -> list[str]:
        return sources.edges(name, "import")

    def calls(name: str) -> list[str]:
        return sources.edges(name, "call")

    def stays(name: str) -> list[str]:
        apart = {*own, *sources.edges(name, "forget")}
        return [each for each in static(name) if each not in apart]

    own = [name for name in sources.named if name not in (ROOT, *WITHIN_ROOT)]
    core = _closure(stays(ROOT), stays)
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    body = [node for node in sources.tree(ROOT).body if not isinstance(node, kinds)]
    top = [each for each, _ in sources.imported(walk(ast.Module(body, [])))]
    root = [ROOT, *_closure([*top, *WITHIN_ROOT], stays)]
    for name in _closure(calls(ROOT), calls):  # what reads device.json, before the core is there
        root += [each for each in _closure([name], static) if each in core]
    files = {
        ROOT: [*dict.fromkeys(root)],
        CORE: [name for name in core if name not in root],
    }
    lasting = {*root, *core, *own}
    for name in own:
        files[name] = [name, *(each for each in _closure([name], static) if each not in lasting)]
    targets = {}
    forgotten = [each for name in core for each in sources.edges(name, "forget")]
    targeted = [each for name in _everything(sources) for each in calls(name)]
    for name in [*targeted, *forgotten]:
        if name not in lasting:
            targets[name] = file = _group(name)
            there = files.setdefault(file, [])
            there += [each for each in _closure([name], static) if each not in {*lasting, *there}]
    assigned = [
        node.attr
        for source in programs
        for node in walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    ]
    return Layout(files, own, targets, frozenset(assigned))


def _group(name: str) -> str:
    groups = [
        group
        for group, words in _GROUPS.items()
        if any(name.endswith(f".{word}") for word in words)
    ]
    return groups[0] if groups else f"signet.{_word(name)}"


def _word(name: str) -> str:
    return name.rpartition(".")[2]


def _closure(start: Iterable[str], edges: Callable[[str], Iterable[str]]) -> list[str]:
    """What is reached, each after what leads to it."""
    reached: dict[str, None] = {}
    waiting = [*start][::-1]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached[name] = None
            waiting.extend([*edges(name)][::-1])
    return [*reached]


def loaded(node: ast.AST) -> str:
    """The module of `__import__(TEXT, ...)`."""
    match node:
        case ast.Call(func=ast.Name(id="__import__"), args=[ast.Constant(value=str(text)), *_]):
            return text
    return ""


class Called(NamedTuple):
    """`modules.call(TEXT, ...)`, `f(modules.call, TEXT, ...)` or `modules.forget(TEXT)`.

    place: of TEXT among the arguments. how: "call" or "forget".
    """

    module: str
    place: int
    how: str


def called(node: ast.AST) -> Called | None:
    """What a call in a source loads or forgets by name, if it is one."""
    if isinstance(node, ast.Call):
        for index, loader in enumerate([node.func, *node.args[:-1]]):
            how = getattr(loader, "attr", getattr(loader, "id", ""))
            text = getattr(node.args[index], "value", None) if node.args[index:] else None
            if how in ("call", "forget") and isinstance(text, str) and text[:7] == "signet.":
                return Called(text, index, how)
    return None


def symbols(tree: ast.Module) -> dict[str, ast.stmt]:
    """What a module binds at its top level, imports left out: name -> where."""
    found: dict[str, ast.stmt] = {}
    waiting: list[ast.stmt] = tree.body[::-1]
    while waiting:
        node = waiting.pop()
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                found[name] = node
                continue
            case ast.Assign(targets=targets):
                names = [each for target in targets for each in walk(target)]
                found |= {each.id: node for each in names if isinstance(each, ast.Name)}
            case ast.For(target=ast.Name(id=name)):
                found[name] = node
        for field in ("finalbody", "orelse", "handlers", "body"):
            waiting.extend(getattr(node, field, [])[::-1])
    return found


def _mark(tree: ast.Module, module: str) -> None:
    """Notes in each function where it comes from."""

    def mark(node: ast.AST, path: str) -> None:
        for child in children(node):
            name = getattr(child, "name", None)
            inner = f"{path}.{name}".lstrip(".") if isinstance(name, str) else path
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                child.origin = (module, child.lineno, inner)  # type: ignore[union-attr]
            mark(child, inner)

    mark(tree, "")


class _Plain(Transformer):
    """`x = __import__(TEXT, ...)` becomes an import."""

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if text := loaded(value):
                package, _, word = text.rpartition(".")
                return ast.copy_location(ast.ImportFrom(package, [ast.alias(word, name)], 0), node)
        return node
