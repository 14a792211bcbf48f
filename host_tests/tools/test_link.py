"""Does the linker keep what a program does, and the names that device programs use?

Each pass on a few lines; whole devices on linked trees are host_tests/device's.
"""

import ast
import subprocess
from pathlib import Path

import pytest

from tools import toolchain
from tools.link.api import Api, gist
from tools.link.device import Device
from tools.link.drop import drop
from tools.link.fold import SOME, constants, fold, knowing
from tools.link.gather import Layout, Sources
from tools.link.linked import link
from tools.link.map import Function, Map, read
from tools.link.resolve import merge
from tools.link.shorten import shorten
from tools.link.texts import Apart
from tools.paths import ROOT

_CHOICES = {"cloud": "enos", "way": "mqtt", "tls": False, "cert": None, "trust": SOME}
_CHOICES |= {"modem": SOME, "dialect": "bc66"}
_FOLDED = {
    "a constant": ("_N = const(3)\nx(_N)", "_N = 3\nx(3)"),
    "a variable that another function sets": (
        "proved = None\ndef f():\n    global proved\n    proved = True\nx(proved)",
    )
    * 2,
    "a module's name, and an import's": (
        "def f(y):\n    x = 'signet.a'\n    if y:\n        import x\n    z(x)",
    )
    * 2,
    "a long text, read twice": (f"_T = {'t' * 11!r}\nx(_T)\ny(_T)",) * 2,
    "a name that changes": ("proved = 0\nx(proved)",) * 2,
    "a branch": ("if config['tls']:\n    a()\nelse:\n    b()", "b()"),
    "a branch by a default": ("if config.get('role', 1):\n    a()",) * 2,
    "what is only not empty": ("a(self._config['trust'] is None)", "a(False)"),
    "and": ("x = config['tls'] and a()", "x = False"),
    "or": ("x = config['tls'] or a()", "x = a()"),
    "not the last of and": ("x = a() and config['cloud'] and b()", "x = a() and b()"),
    "behind a return": (
        "def f():\n    if not config['tls']:\n        return\n    a()",
        "def f():\n    return",
    ),
    "a module's name": (
        "def f(cloud):\n    name = 'signet.cloud.{}.login'.format(cloud)\n    x(name)",
        "def f(cloud):\n    x('signet.cloud.enos.login')",
    ),
    "a modem's dialect": (
        "if config['modem']:\n    x('signet.net.modem.family.{}'.format(a['module']))",
        "x('signet.net.modem.family.bc66')",
    ),
    "where a function sets it": ("def f():\n    config['tls'] = a()\n    b(config['tls'])",) * 2,
}


def _same(found: ast.AST, expected: str) -> None:
    assert ast.unparse(found) == ast.unparse(ast.parse(expected))


@pytest.mark.parametrize("what", _FOLDED)
def test_what_device_json_decides_is_decided(what: str) -> None:
    source, expected = _FOLDED[what]
    tree = ast.parse(source)
    _same(fold(tree, knowing(_CHOICES, constants(tree))), expected)


_LIB = {
    "__init__": """
        from signet.errors import Lost
        def open(path):
            from signet import modules
            values = modules.call("signet.ready", "load", path)
            from signet import link
            return link.Link(values)
    """,
    "errors": "class Lost(Exception):\n    pass",
    "modules": "def call(name, function, *args):\n    pass",
    "clock": "proved = 0\ndef now():\n    return proved",
    "ready": "def load(path):\n    return _read(path)\ndef _read(path):\n    return open(path)",
    "wire": "_LIMIT = 5\ndef encode(data):\n    return data[:_LIMIT]\ndef unused():\n    pass",
    "link": """
        import os
        from signet import clock, wire
        from signet.errors import Lost
        class Link:
            def __init__(self, values):
                self._values = values
            def report(self, values):
                clock.proved = 1
                return self._sent(wire.encode(values))
            def _sent(self, data):
                raise Lost(os.urandom(1), data)
            def _never(self):
                pass
    """,
}
_FILES = {
    "signet": ["signet", "signet.errors", "signet.modules", "signet.clock"],
    "signet.core": ["signet.link", "signet.wire"],
    "signet.login": ["signet.ready"],
}


def _small(folder: Path) -> tuple[Sources, Layout]:
    (folder / "signet").mkdir()
    for name, source in _LIB.items():
        lines = source.split("\n")
        indent = 8 if source.startswith("\n") else 0
        (folder / "signet" / f"{name}.py").write_text("\n".join(line[indent:] for line in lines))
    device = Device("enos", "mqtt", tls=False)
    return Sources(folder, device, ()), Layout(_FILES, [], {"signet.ready": "signet.login"})


def test_modules_become_a_few_files_of_short_names(tmp_path: Path) -> None:
    sources, layout = _small(tmp_path)
    files = merge(sources, layout)
    public = Api(
        frozenset({"signet.open", "signet.errors.Lost"}),
        frozenset({"report"}),
        frozenset({"path", "values"}),
    )
    drop(files, ("signet", "signet.core"), public.symbols, public.attributes)
    shorten(files, layout, public)
    core = """
import os
def a(a):
    return a[:5]
class b:
    def __init__(self, values):
        self.b = values
    def report(self, values):
        c.b = 1
        return self.a(a(values))
    def a(self, a):
        raise Lost(os.urandom(1), a)
    """
    first = """
class Lost(Exception):
    pass
def open(path):
    values = a('signet.login', 'b', path)
    from signet import core as b
    return b.b(values)
def a(a, b, *c):
    pass
b = 0
    """
    _same(files["signet.core"], core)
    _same(files["signet"], first)
    _same(files["signet.login"], "def b(path): return a(path)\ndef a(path): return open(path)")


_SAID = """
NAME = "of what is read once, when a file is loaded"
def a(b):
    try:
        log("report {} stored")
        c("the broker has sent nothing at all")
        raise Lost("not open, not yet".format(b), "x" * 99)
    except (OSError, MemoryError):
        log("there was no memory, not even to read")
    raise Lost("the broker has sent nothing at all")
"""


def test_what_is_seldom_said_lies_behind_the_code() -> None:
    apart = Apart()
    tree = apart.visit(ast.parse(_SAID))
    assert apart.found == b"not open, not yetthe broker has sent nothing at all"
    expected = _SAID.replace(
        '"the broker has sent nothing at all"', "signet.modules.read_text(34, 34)"
    )
    expected = expected.replace('"not open, not yet"', "signet.modules.read_text(51, 17)")
    _same(tree, expected)


_DEVICE = {"cloud": "enos", "host": "h.x", "tls": False, "insecure": True}
_PROGRAMS = [(ROOT / name).read_bytes() for name in ("main.py", "boot.py")]
_LOOK = """
import signet
from signet import clock, modules
import signet.core
for name in "open Lost Refused Throttled ConfigError SignetError Rejected TimedOut".split():
    getattr(signet, name)
for name in "unix_ms is_set while_waiting waited sleep_ms ticks_ms Deadline doubted".split():
    getattr(clock, name)
for name in "call forget keep release Tidy".split():
    getattr(modules, name)
wanted = "report poll flush close renew run counters waiting handed_over opening due_ms".split()
links = [each for each in signet.core.__dict__.values() if hasattr(each, "report")]
print(all(hasattr(links[0], name) for name in wanted))
error = signet.Throttled("t", 5)
print(error.retry_after_ms, error.code, str(error))
def fed():
    print("fed")
clock.while_waiting = fed
clock.waited()
print(modules.read_text(4, 4))
signet.__file__ = "gone"
print(modules.read_text(4, 4))
"""


def test_what_device_programs_use_keeps_its_name(tmp_path: Path) -> None:
    files = link(_DEVICE, _PROGRAMS).files
    for path, content in files.items():
        file = tmp_path / path.removeprefix("/lib/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    done = subprocess.run(
        [toolchain.micropython(), "-c", _LOOK],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "True\n5 None t\nfed\nJSON\nOSError(2,)\n", done.stderr


def test_what_is_folded_for_one_device_json_is_not_taken_for_another(tmp_path):
    (tmp_path / "signet").mkdir()
    (tmp_path / "signet" / "__init__.py").write_text("if config['tls']:\n    a()\nelse:\n    b()")
    devices = [Device("enos", "mqtt", tls) for tls in (True, False, True)]
    found = [ast.unparse(Sources(tmp_path, each, ()).tree("signet")) for each in devices]
    assert found == ["a()", "b()", "a()"]


_MAP = Map(
    "1a2b3c",
    {
        "core": {
            "a": [Function("lib/signet/link.py", 266, "Link._look", ["poll"])],
            "poll": [
                Function("lib/signet/link.py", 9, "Link.poll", ["a"]),
                Function("lib/signet/net/stream.py", 7, "TcpChannel.poll", []),
            ],
        }
    },
    {"b": "_values"},
    {"/lib/signet/core.mpy": ["signet.link"]},
)
_LINE = '  File "core.1a2b3c", line 1, in {}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("report 1 stored\n", "report 1 stored\n"),
        (_LINE.format("a"), '  File "lib/signet/link.py", line 266, in Link._look\n'),
        (
            _LINE.format("poll") + _LINE.format("a"),  # only one of both calls it
            (
                '  File "lib/signet/link.py", line 9, in Link.poll\n'
                '  File "lib/signet/link.py", line 266, in Link._look\n'
            ),
        ),
        (
            _LINE.format("poll"),
            (
                '  File "lib/signet/link.py", line 9, in Link.poll or '
                'File "lib/signet/net/stream.py", line 7, in TcpChannel.poll\n'
            ),
        ),
        (
            _LINE.format("a") + "AttributeError: 'c' object has no attribute 'b'\n",
            (
                '  File "lib/signet/link.py", line 266, in Link._look\n'
                "AttributeError: 'c' object has no attribute '_values'\n"
            ),
        ),
        (_LINE.format("unknown"), _LINE.format("unknown")),
        ('  File "core.ffffff", line 1, in a\n', '  File "core.ffffff", line 1, in a\n'),
    ],
)
def test_a_traceback_is_turned_back(text: str, expected: str) -> None:
    assert read(_MAP.text()).explain(text) == expected


def test_a_change_of_a_program_links_anew_only_where_it_names_more_of_signet():
    program = b"import signet\nlink = signet.open()\nlink.report({'n': 1})\n"
    more = b"link.flush(1000)\nlink.on_command = print\nother.zebra = 1\n"
    renamed = [b"import signet.aio\n", b"link._session\n", b"signet.clock.unix_ms = time\n"]
    assert gist([program]) == gist([program, b"x = 1\n"])
    assert gist([program + more]) == gist([program, b"link.on_command = None\n"])
    assert len({gist([program, each]) for each in [b"", *renamed]}) == 4
