"""How does pytest collect a portable test file?  Once per interpreter, without importing it.

See check.py for what such a file may hold and how to run one test on one interpreter.
"""

import ast
import functools
from collections import defaultdict

import pytest

from host_tests.portable.host.interpreters import (
    INTERPRETERS,
    Interpreters,
    missing,
)
from host_tests.portable.host.process import Failed, Process, Skipped
from tools.ui import UserError

_DEFAULT_TIMEOUT_S = 30


def pytest_addoption(parser):
    parser.addoption(
        "--interpreter",
        action="append",
        choices=INTERPRETERS,
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
                if name in ("HEAP", "INTERPRETERS", "PROOF", "SERVERS", "TIMEOUT_S"):
                    declared[name] = ast.literal_eval(node.value)
        wanted = self.config.getoption("--interpreter", None)
        for interpreter in declared.get("INTERPRETERS", INTERPRETERS):
            if not wanted or interpreter in wanted:
                group = Group(self.path, interpreter, declared)
                reason = missing(interpreter)
                for name, line in functions:
                    test = PortableTest.from_parent(
                        self, name=f"{name}[{interpreter}]", group=group, function=name, line=line
                    )
                    if reason:
                        test.add_marker(pytest.mark.skip(reason=reason))
                    if name in declared.get("PROOF", ()):
                        test.add_marker(pytest.mark.proof)
                    yield test


class Group:
    """The tests of one file on one interpreter: they share one process and its servers."""

    def __init__(self, path, interpreter, declared):
        self.path = path
        self.interpreter = interpreter
        self.declared = declared.get("SERVERS", {})
        self.heap = declared.get("HEAP")
        self.timeout_s = declared.get("TIMEOUT_S", _DEFAULT_TIMEOUT_S)
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
        self._process = Process(
            shared.interpreters.start(
                self.interpreter, self.path, self._servers.context, self.waiting, self.heap
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
