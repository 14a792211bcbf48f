"""How does pytest collect a portable test file?  Once per interpreter, without importing it.

See check.py for what such a file may hold and how to run one test on one interpreter.
"""

import ast
import functools
from collections import defaultdict
from pathlib import Path

import pytest

from host_tests.depth import DEPTH, STEP, STEPS, left_out
from host_tests.portable.host.interpreters import (
    FOR_PROOF,
    INTERPRETERS,
    Interpreters,
    missing,
)
from host_tests.portable.host.on_image import why_not
from host_tests.portable.host.process import Failed, Process, Skipped
from host_tests.portable.host.ways import is_readable_only, linked_for
from tools.ui import UserError

_DECLARED = ("HEAP", "INTERPRETERS", "LINKED", "PROOF", "SERVERS", "TIMEOUT_S")
_TIMEOUT_S = 300  # for each test: it hangs, and is not only slow on a busy machine
_LINKED_HEAP = "220k"  # a test has copies of what comes and goes on a linked tree
_STEP = STEPS["test"]
_BESIDE_I386 = {"test": STEPS["quick"]}.get(DEPTH, STEP)  # the same code does the same examples
_PROOF_TIMEOUT_S = 600  # there it digs five times as deep


def pytest_addoption(parser):
    parser.addoption(
        "--interpreter",
        action="append",
        choices=INTERPRETERS + FOR_PROOF,
        help="run the portable tests on this interpreter only; may be given twice",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_pycollect_makemodule(module_path, parent):
    return PortableFile.from_parent(parent, path=module_path)


class PortableFile(pytest.File):
    """One file: what it declares is read from its syntax tree, never by importing it."""

    def collect(self):
        tree = ast.parse(self.path.read_text())
        declared = {}
        functions = []
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                functions.append((node.name, node.lineno))
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id
                if name in _DECLARED:
                    declared[name] = ast.literal_eval(node.value)
        is_ours = self.path.parent == Path(__file__).parent
        if "LINKED" not in declared:  # what counts there is the linker's work: not every example
            declared |= {"LINKED": linked_for(self.path.stem) if is_ours else {}, "step": _STEP}
        wanted = self.config.getoption("--interpreter", None)
        is_named = any("::" in each for each in self.config.args)
        interpreters = declared.get("INTERPRETERS", INTERPRETERS)
        runs = [(name, "") for name in interpreters]
        if "i386" in interpreters:
            runs += [("i386", way) for way in declared["LINKED"]]
            runs += [(name, "") for name in FOR_PROOF]
        for interpreter, way in runs:
            if not wanted or interpreter in wanted:
                group = Group(self.path, interpreter, declared, way)
                reason = missing(interpreter)
                is_extra = interpreter in FOR_PROOF and not wanted
                title = f"{interpreter}, linked for {way}" if way else interpreter
                for name, line in functions:
                    if way and is_readable_only(self.path.stem, name):
                        continue
                    is_for_proof = way or is_extra or name in declared.get("PROOF", ())
                    if is_for_proof and DEPTH != "proof" and not is_named:
                        left_out[self.nodeid] += 1
                        continue
                    test = PortableTest.from_parent(
                        self, name=f"{name}[{title}]", group=group, function=name, line=line
                    )
                    why = reason
                    if interpreter == "image":
                        why = reason or why_not(self.path.stem, name)
                    if why:
                        test.add_marker(pytest.mark.skip(reason=why))
                    if is_for_proof:
                        test.add_marker(pytest.mark.proof)
                    yield test


class Group:
    """The tests of one file on one interpreter: they share one process and its servers.

    way: of its LINKED, whose linked tree takes lib's place; "" for lib itself.
    """

    def __init__(self, path, interpreter, declared, way=""):
        self.path = path
        self.interpreter = interpreter
        self.declared = declared.get("SERVERS", {})
        self.heap = declared.get("HEAP", _LINKED_HEAP if way else None)
        self.way = way
        self.linked_for = declared["LINKED"].get(way)
        self.step = declared.get("step", STEP) if way else STEP
        if interpreter in FOR_PROOF:  # of one example in five, each does the same as on i386
            self.step = max(STEP, _STEP)
        elif interpreter == "64bit" and not missing("i386"):
            self.step = _BESIDE_I386
        usual_s = declared.get("TIMEOUT_S", _TIMEOUT_S)
        self.timeout_s = _PROOF_TIMEOUT_S if DEPTH == "proof" else usual_s
        self.waiting = []  # names of the selected tests that have not run yet
        self._servers = self._process = self._error = None

    def result(self, name, shared):
        """What came of a test; the first that is asked for starts servers and process."""
        if self._process is None and self._error is None:
            try:
                self._start(shared)
            except Exception as error:
                self._error = error
        if self._error is not None:
            raise self._error
        return self._process.result(name)

    def _start(self, shared):
        from host_tests.portable.host.servers import Servers

        self._servers = Servers(shared.house, self.declared)
        context = self._servers.context | {"way": self.way, "step": self.step}
        self._process = Process(
            shared.interpreters.start(
                self.interpreter, self.path, context, self.waiting, self.heap, self.linked_for
            ),
            self.path.parent,
            self.timeout_s,
        )

    def done(self, name):
        """Ends process and servers after the last selected test of the group."""
        self.waiting = [other for other in self.waiting if other != name]
        if not self.waiting:
            self.close()

    def close(self):
        if self._process is not None:
            self._process.close()
            self._process = None
        if self._servers is not None:
            self._servers.close()
            self._servers = None


class PortableTest(pytest.Item):
    """One test function on one interpreter."""

    def __init__(self, *, group, function, line, **kwargs):
        super().__init__(**kwargs)
        self.group = group
        self.test_name = function
        self.line = line

    def runtest(self):
        result = self.group.result(self.test_name, self.config.stash[_SHARED])
        if result.output.strip():
            self.add_report_section("call", "stdout", result.output)
        self.user_properties += [("ms", result.ms), ("heap_bytes", result.heap)]
        if result.skip:
            raise Skipped(result.skip, _use_item_location=True)
        if not result.ok:
            raise Failed(result.trace)

    def teardown(self):
        self.group.done(self.test_name)

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, (Failed, UserError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, self.line - 1, self.name


class _Shared:
    """What all groups of one pytest run share; built when the first of them runs."""

    def __init__(self, groups):
        self._groups = groups

    @functools.cached_property
    def house(self):
        from host_tests.portable.host.servers import House  # its libraries take a while to import

        return House()

    @functools.cached_property
    def interpreters(self):
        return Interpreters()

    def close(self):
        for group in self._groups:
            group.close()
        for name in ("house", "interpreters"):
            if name in self.__dict__:
                getattr(self, name).close()


_SHARED = pytest.StashKey()


def pytest_collection_finish(session):
    names = defaultdict(list)
    for item in session.items:
        if isinstance(item, PortableTest) and not item.get_closest_marker("skip"):
            names[item.group].append(item.test_name)
    for group, waiting in names.items():
        group.waiting = waiting
    session.config.stash[_SHARED] = _Shared(list(names))


def pytest_sessionfinish(session):
    shared = session.config.stash.get(_SHARED, None)
    if shared is not None:
        shared.close()
