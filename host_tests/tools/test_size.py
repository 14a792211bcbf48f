"""Does `signet size` count what a board really loads?"""

import json
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from host_tests import screens
from host_tests.depth import STEP
from host_tests.twin.certified import serial_of
from tools import size, toolchain
from tools.board.deploy import project_files
from tools.cli import app
from tools.link.device import Device, devices, modules, read_device
from tools.link.gather import needed
from tools.link.imports import imports
from tools.parts import PARTS
from tools.paths import CACHE, LIB
from tools.ui import UserError

_MOST_LOADED, _MOST_FLASH = 43_750, 58_000  # of 1,200 bytes of texts each is read by itself
_MODEM = 2000  # bytes more, loaded
_WITH_MODEM = Device("alibaba", "coap", tls=False, modem="bc66")
_TRACED = """
import builtins, sys
loaded = set()
really = builtins.__import__

def traced(name, *arguments):
    loaded.add(name)
    try:
        return really(name, *arguments)
    finally:
        loaded.update(sys.modules)  # some are forgotten again

builtins.__import__ = traced
import signet
"""
_SHOWN = """
print(" ".join(n for n in loaded if n == "signet" or n.startswith("signet.")))
"""
_BOARD = """
class Board:
    network_up = lambda timeout_ms: True
    set_clock = lambda: True

"""


def _not_loaded(folder, device, program):
    """The modules needed that a program does not load on a MicroPython which has no others."""
    lib = folder / "lib"
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    wanted = needed(device)
    for name, source in modules().items():
        if name in wanted:
            path = source.relative_to(LIB).with_suffix(".mpy")
            (lib / path).parent.mkdir(parents=True, exist_ok=True)
            (lib / path).write_bytes(compiled[path])
    loaded = _loaded(folder, program) & {*modules()}  # not their folders
    assert loaded <= wanted
    return wanted - loaded


def _loaded(folder, program):
    """Modules of signet that a program loads on a MicroPython which has those in folder/lib."""
    done = subprocess.run(
        [toolchain.micropython(64), "-c", _TRACED + _BOARD + program + _SHOWN],
        cwd=folder,
        env={"MICROPYPATH": "lib:.frozen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {*done.stdout.splitlines()[-1].split()}


# Loaded when a peer says no in words of its own, which tests of device/ have a cloud do; or when a
# file of signet is missing.
_IN_OTHER_WORDS = {
    "signet.device.missing",
    "signet.wire.surrogates",
    "signet.net.reason",
    "signet.wire.unread",
    "signet.cloud.http_status",
    "signet.cloud.watson.http_command",
    "signet.wire.http_date",
    "signet.cloud.alibaba.coap_codes",
    "signet.cloud.alibaba.http_codes",
    *(f"signet.cloud.{cloud}.refusals" for cloud in ("alibaba", "azure", "enos", "watson")),
}


_WHEN_FULL = {"signet.reports.room"}
# Loaded when more wait than go at once, which tests of device/ see to.
_WHEN_MANY = {
    "signet.reports.batch",
    "signet.cloud.alibaba.batch",
    "signet.cloud.alibaba.coap_batch",
    "signet.cloud.enos.batch",
}
# Reports, then gets into every trouble that a board can be in by itself.
_REPORTED = """
import json
from signet import clock

with open("device.json") as file:
    values = json.load(file)

def begin(**changes):
    values.update(changes)
    with open("device.json", "w") as file:
        json.dump(values, file)
    link = signet.open("device.json", Board, print)
    role = values.get("role", "")
    link.report({"n": 1}, device=("esp32", "board-1") if "application" in role else None)
    return link

link = begin()
assert link.flush(10_000)
if values.get("cert"):
    with open("new.pem") as file:
        link.renew(file.read())
    assert link.flush(10_000) and not hasattr(link._session, "own")
link.close()
if values.get("cert"):
    with open(values["cert"] + ".new", "w") as file:
        file.write("cut off")
now = clock.unix_ms
clock.unix_ms = lambda: now() + 1_000_000_000_000  # in thirty years all certificates end
link = begin(host="other.example.com")
assert values["tls"] != link.flush(2000)
link.report({"n": float("nan")})
link._handle(("lost", OSError(5), [1]))
"""


def _add_certificates(org, cloud, folder):
    """The board's own, and one that is to replace it."""
    names = org.twin.device(cloud)
    authority = org.enos if cloud == "enos" else org.ca
    name = "a meter" if cloud == "enos" else "d:{type_id}:{device_id}".format(**names)
    for file in (folder / "device.pem", folder / "new.pem"):
        file.write_bytes(org.certificate(name, authority).read_bytes())
        if cloud == "enos":
            with org.certificates() as tables:
                tables.issued(serial_of(file), names["product_key"], names["device_key"], 0)


_CERT = {"cert": "device.pem"}


@pytest.mark.parametrize(
    ("cloud", "way", "changes"),
    [
        ("alibaba", "coap", {}),
        ("alibaba", "coap", {"format": "cbor"}),
        ("alibaba", "coaps", {}),
        ("alibaba", "https", {}),
        ("watson", "https", {}),
        ("watson", "http", {}),
        ("alibaba", "coap", {"deep_sleep": True}),
        ("alibaba", "coaps", {"format": "cbor", "deep_sleep": True}),
        ("alibaba", "https", {"deep_sleep": True}),
        ("alibaba", "mqtt", {}),
        ("alibaba", "mqtts", {}),
        ("azure", "mqtts", {}),
        ("enos", "mqtt", {"deep_sleep": True}),
        ("enos", "mqtts", _CERT),
        ("watson", "mqtt", {}),
        ("watson", "mqtts", {}),
        ("watson", "mqtts", _CERT),
        ("watson", "ws", {}),
        ("watson", "wss", {**_CERT, "deep_sleep": True}),
        ("watson", "mqtts", {"role": "gateway"}),
        ("watson", "wss", {"role": "gateway"}),
        ("watson", "mqtts", {"role": "application"}),
        ("watson", "mqtt", {"role": "scalable-application"}),
        ("watson", "https", {"role": "gateway"}),
    ],
)
def test_what_a_device_needs_for_reports_is_what_micropython_loads_for_it(
    org, tmp_path, *, cloud, way, changes
):
    (tmp_path / "ca.pem").write_bytes(Path(org.twin.ready["ca_file"]).read_bytes())
    if "cert" in changes:
        _add_certificates(org, cloud, tmp_path)
    config = {**org.twin.device_config(cloud, way, changes.get("role", "device")), **changes}
    (tmp_path / "device.json").write_text(json.dumps(config))
    device = read_device(tmp_path / "device.json")
    assert _not_loaded(tmp_path, device, _REPORTED) <= _IN_OTHER_WORDS | _WHEN_FULL | _WHEN_MANY


def test_a_name_that_a_source_puts_together_is_one_that_a_device_names():
    """`needed` cannot follow it: `Device.modules` must name what it may be."""
    names = {name for path in modules().values() for name in imports(path.read_bytes())}
    assert {name for name in names if "*" in name} == {
        "*",  # in modules.py: whoever calls it says the name
        "signet.cloud.*.*",
        "signet.cloud.*.identity",
        "signet.cloud.*.login",
        "signet.cloud.*.refusals",
        "signet.net.modem.family.*",
    }


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from a import b, c as d\nimport e.f", ["a", "a.b", "a.c", "e.f"]),
        ("modules.call('a.b', 'function', 1)", ["a.b"]),
        ("self._ask(modules.call, 'a.b', 'function')", ["a.b"]),
        ("_NAME = 'a.b'\ndef f():\n    raise call(_NAME, 'function')", ["a.b"]),
        ("__import__('a.' + name + '.b')", ["a.*.b"]),
        ("name = 'a.{}.'.format(x)\n__import__(name + y)", ["a.*.*"]),
        ("name = 'a'\nname = 'b'\n__import__(name)", ["*"]),
        ("modules.forget('a.b')\nprint('a.b')", []),
    ],
)
def test_a_module_that_is_named_in_a_string_is_an_import(source, names):
    assert list(imports(source)) == names


def test_import_signet_alone_loads_no_cloud_no_client_and_no_tls():
    target = CACHE / "mpy" / "lib"
    toolchain.compile_tree(LIB, target)
    program = "import sys, signet; print(sorted(sys.modules))"
    done = subprocess.run(
        [toolchain.micropython(64), "-c", program],
        env={"MICROPYPATH": f"{target}:.frozen"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.replace("'__main__', ", "") == "['signet', 'signet.errors']\n"


@pytest.mark.parametrize("tls", [True, False])
def test_tls_is_counted_only_where_it_is_used(tls):
    assert ("signet.net.secure" in needed(Device("enos", "mqtt", tls))) is tls


def test_a_device_gets_the_dialect_of_its_modem_and_no_other_and_no_udp():
    named = {name for name in needed(_WITH_MODEM) if "modem.family" in name}
    assert named == {"signet.net.modem.family.bc66"}
    assert "signet.net.datagram" not in needed(_WITH_MODEM)
    without = needed(_WITH_MODEM._replace(modem=None))
    assert "signet.net.datagram" in without and not {each for each in without if "modem" in each}


def test_asyncio_is_counted_only_where_a_program_uses_it():
    device = Device("enos", "mqtt", tls=False)
    assert "signet.aio" not in needed(device, ["import signet"])
    assert needed(device, ["import asyncio"]) - needed(device) == {"signet.aio"}


def test_without_tls_in_device_json_the_clouds_own_default_counts(tmp_path):
    file = tmp_path / "device.json"
    for cloud, tls in (("enos", False), ("alibaba", True), ("watson", True)):
        file.write_text(json.dumps({"cloud": cloud}))
        assert read_device(file).tls is tls


@pytest.mark.parametrize(
    ("text", "says"),
    [("{", "is not JSON"), ("{}", "names no cloud"), ("[]", "one JSON object")],
)
def test_a_bad_device_json_is_one_sentence(tmp_path, text, says):
    file = tmp_path / "device.json"
    file.write_text(text)
    with pytest.raises(UserError, match=says):
        read_device(file)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_device_json_is_read_as_any_editor_saves_it(tmp_path, encoding):
    file = tmp_path / "device.json"
    file.write_text('{"cloud": "enos"}', encoding=encoding)
    assert read_device(file).cloud == "enos"


def test_a_cloud_that_is_not_there_is_one_sentence(tmp_path):
    file = tmp_path / "device.json"
    file.write_text(json.dumps({"cloud": "nimbus"}))
    with pytest.raises(UserError, match=r"no such cloud, .* enos mqtt, watson") as raised:
        read_device(file)
    assert "nimbus" not in str(raised.value)  # it might be a secret


@pytest.mark.parametrize(
    "device", [*devices(), _WITH_MODEM], ids=lambda device: f"{device.name} {device.modem or ''}"
)
def test_what_a_device_gets_grows_on_purpose_only(device):
    """The goals, 20 and 30 KB, are missed."""
    config = {"cloud": device.cloud, "way": device.way, "tls": device.tls}
    config |= {"modem": {"family": device.modem}} if device.modem else {}
    found = size.sizes_of(config)
    most = _MOST_LOADED + (_MODEM if device.modem else 0)
    assert 10_000 < found.stays < found.loaded <= most
    assert found.loaded < found.flash <= _MOST_FLASH


def _shown(*words):
    """What `signet size` prints into a pipe: title of a table -> rows, each a list of cells."""
    result = CliRunner().invoke(app, ["size", *words])
    assert result.exit_code == 0, result.output
    tables = {}
    screens.look(" ".join(["size", *words]), result.output)
    for line in result.output.splitlines():
        if line and not line.startswith(" "):
            rows = tables[line.strip()] = []
        elif line.strip(" \N{BOX DRAWINGS LIGHT HORIZONTAL}"):
            rows.append(re.split(" {2,}", line.strip()))
    return tables


@pytest.fixture
def some(monkeypatch):
    """Devices, which `signet size` takes for all: another test links each."""
    found = devices()[::STEP]
    monkeypatch.setattr(size, "devices", lambda: found)
    return found


def test_each_module_is_shown_below_its_part(some):
    compiled = toolchain.compile_tree(LIB, CACHE / "mpy" / "lib")
    sizes = [len(code) for code in compiled.values()]
    tables = _shown()
    rows = dict(tables["lib/signet, readable: bytes of .mpy"][1:])
    assert len(tables["What a device gets: bytes of .mpy"]) == len(some) + 2
    assert rows.pop(f"{len(sizes)} modules") == str(sum(sizes))
    parts = [int(count) for name, count in rows.items() if ", mip's signet" in name]
    assert len(parts) == len(PARTS) and sum(parts) == sum(sizes)
    assert {f"signet.{name}" for name in rows} | {"signet"} >= {*modules()}


def test_a_device_and_what_each_of_its_keys_costs_are_shown(tmp_path):
    file = tmp_path / "device.json"
    file.write_text(json.dumps({"cloud": "watson", "way": "mqtt", "tls": True}))
    tables = _shown("--device", str(file))
    places = {row[0]: row[2:] for row in tables["lib/signet, readable: bytes of .mpy"]}
    assert places["link"] == ["core"] and places["device.config"] == ["check"]
    assert "cloud.watson.http" not in places
    files = tables["Linked: bytes of .mpy"][1:]
    device, goal = tables["What a device gets: bytes of .mpy"][1:]
    assert goal == ["goal", "30000", "20000"]
    assert device[2].removeprefix("missed: ") == str(sum(int(count) for _, count, _ in files))
    keys = tables["What a key of device.json adds: bytes of .mpy"][1:]
    costs = {key: (int(readable), int(linked)) for key, _, readable, linked, _ in keys}
    assert min(costs["websocket: true"]) > 3000
    assert min(costs['role: "application"']) > 1000
    assert 'format: "cbor"' not in costs


_EACH_START = """
link = signet.open("device.json", Board, lambda line: None)
link.report({"n": 1})
assert link.flush(10_000)
"""


@pytest.mark.parametrize(("cloud", "way"), [("enos", "mqtt"), ("alibaba", "coap")])
def test_what_is_loaded_at_each_start_is_said_to_be(org, tmp_path, cloud, way):
    config = org.twin.device_config(cloud, way)
    files = project_files(config, Path(org.twin.ready["ca_file"]))
    for path, content in files.items():
        (tmp_path / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path[1:]).write_bytes(content)
    at_start = {name for name in size.linked(config) if size.when(name) != "in trouble"}
    loaded = {name.removeprefix("signet.") for name in _loaded(tmp_path, _EACH_START)}
    within = {"signet", "clock", "modules"}  # all of it in __init__
    assert loaded - within == at_start - {"__init__"}


def test_the_image_is_counted_whole_and_by_device(some):
    try:
        toolchain.image()
    except UserError as error:
        pytest.skip(str(error))
    shown = CliRunner().invoke(app, ["size", "--image"])
    assert shown.exit_code == 0, shown.output
    rows = {each.name: re.search(rf"{each.name} +(\d+) +(\d+)", shown.output) for each in some}
    whole = re.search(r"the image +(\d+)", shown.output)
    everything = re.search(r"signet +(\d+)", shown.output)
    for found in rows.values():
        assert _MOST_FLASH / 2 < int(found[1]) < int(everything[1]) / 2
        assert int(found[2]) - int(found[1]) == int(whole[1]) - int(everything[1])
