"""How does pytest collect a portable test file?  Once per interpreter, without importing it.

See check.py for what such a file may hold and how to run one test on one interpreter.
"""

import ast
from collections import defaultdict

import pytest

from host_tests.portable.host.interpreters import INTERPRETERS, Interpreters, missing
from host_tests.portable.host.process import Failed, Process, Skipped
from host_tests.portable.host.servers import Servers
from tools.ui import UserError

_DEFAULT_TIMEOUT_S = 30


def pytest_addoption(parser):
    parser.addoption(
        "--interpreter",
        choices=INTERPRETERS,
        help="run the portable tests on this interpreter only",
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
                if name in ("INTERPRETERS", "SERVERS", "TIMEOUT_S"):
                    declared[name] = ast.literal_eval(node.value)
        wanted = self.config.getoption("--interpreter", None)
        for interpreter in declared.get("INTERPRETERS", INTERPRETERS):
            if wanted in (None, interpreter):
                group = Group(self.path, interpreter, declared)
                reason = missing(interpreter)
                for name, line in functions:
                    test = PortableTest.from_parent(
                        self, name=f"{name}[{interpreter}]", group=group, function=name, line=line
                    )
                    if reason:
                        test.add_marker(pytest.mark.skip(reason=reason))
                    yield test


class Group:
    """The tests of one file on one interpreter: they share one process and its servers."""

    def __init__(self, path, interpreter, declared):
        self.path = path
        self.interpreter = interpreter
        self.servers = declared.get("SERVERS", {})
        self.timeout_s = declared.get("TIMEOUT_S", _DEFAULT_TIMEOUT_S)
        self.waiting = []  # names of the selected tests that have not run yet
        self._process = None

    def result(self, name, config):
        if self._process is None:
            house = config.stash[_HOUSE]
            context = house.servers.open(self.servers)
            self._process = Process(
                house.interpreters.start(self.interpreter, self.path, context, self.waiting),
                self.path.parent,
                self.timeout_s,
            )
        return self._process.result(name)

    def done(self, name, config):
        """Ends process and servers after the last selected test of the group."""
        self.waiting = [other for other in self.waiting if other != name]
        if not self.waiting:
            self.close(config)

    def close(self, config):
        if self._process is not None:
            self._process.close()
            self._process = None
            config.stash[_HOUSE].servers.close_all()


class PortableTest(pytest.Item):
    """One test function on one interpreter."""

    def __init__(self, *, group, function, line, **kwargs):
        super().__init__(**kwargs)
        self.group = group
        self.test_name = function
        self.line = line

    def runtest(self):
        try:
            result = self.group.result(self.test_name, self.config)
        except BaseException:  # the time limit of pytest, or Ctrl-C: nothing may stay behind
            self.group.close(self.config)
            raise
        if result.output.strip():
            self.add_report_section("call", "stdout", result.output)
        self.user_properties += [("ms", result.ms), ("heap_bytes", result.heap)]
        if result.skip:
            raise Skipped(result.skip, _use_item_location=True)
        if not result.ok:
            raise Failed(result.trace)

    def teardown(self):
        self.group.done(self.test_name, self.config)

    def repr_failure(self, excinfo, style=None):
        if isinstance(excinfo.value, (Failed, UserError)):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self):
        return self.path, self.line - 1, self.name


class _House:
    """What all groups of one pytest run share; built when the first of them runs."""

    def __init__(self):
        self.interpreters = Interpreters()
        self.servers = Servers()

    def close(self):
        self.servers.close()
        self.interpreters.close()


class _LazyHouse:
    def __init__(self):
        self._house = None

    def __getattr__(self, name):
        if self._house is None:
            self._house = _House()
        return getattr(self._house, name)

    def close(self):
        if self._house is not None:
            self._house.close()


_HOUSE = pytest.StashKey()


def pytest_collection_finish(session):
    session.config.stash[_HOUSE] = _LazyHouse()
    groups = defaultdict(list)
    for item in session.items:
        if isinstance(item, PortableTest):
            groups[item.group].append(item.test_name)
    for group, names in groups.items():
        group.waiting = names


def pytest_sessionfinish(session):
    for item in session.items if hasattr(session, "items") else ():
        if isinstance(item, PortableTest):
            item.group.close(session.config)
    house = session.config.stash.get(_HOUSE, None)
    if house is not None:
        house.close()
