"""Is lib/signet in parts that mip installs, and does a board say which one it lacks?"""

import functools
import http.server
import json
import re
import subprocess
import threading
import tomllib
from fnmatch import fnmatch

import pytest

from host_tests.tools import pki_files
from tools import packages, toolchain
from tools.link.device import constant, devices, modules
from tools.link.gather import needed
from tools.link.imports import imports
from tools.parts import CORE, PARTS, package, part_of_module, with_needed
from tools.paths import LIB, ROOT

# Of core, what a program imports itself.
_FOR_PROGRAMS = {"signet.aio", "signet.network_time", "signet.wire.http_date"}
# What of another part core loads, or `open` for a way in.
_ENTRIES = {
    "signet.certificate.on_trial",
    "signet.cloud.alibaba.coap",
    "signet.cloud.alibaba.http",
    "signet.cloud.watson.application",
    "signet.cloud.watson.application_identity",
    "signet.cloud.watson.gateway",
    "signet.cloud.watson.http",
    "signet.device.modem_keys",
    "signet.net.certificate",
    "signet.net.websocket",
}


def test_each_file_is_in_one_part_and_each_pattern_names_files():
    files = [path.relative_to(LIB / "signet").as_posix() for path in modules().values()]
    patterns = [pattern for part in PARTS.values() for pattern in part.files]
    assert all(sum(fnmatch(file, each) for each in patterns) <= 1 for file in files)
    assert all(any(fnmatch(file, each) for file in files) for each in patterns)


def test_core_is_what_mqtt_needs():
    core = {name for name in modules() if part_of_module(name) == CORE}
    by_mqtt = [
        device
        for device in devices()
        if device.way == "mqtt" and f"signet.cloud.{device.cloud}.mqtt" in core
    ]
    found = [needed(each._replace(tls=tls)) for each in by_mqtt for tls in (False, True)]
    clouds = {each.cloud for each in by_mqtt} & PARTS.keys()  # those that are a part
    of_them = {name for name in modules() if part_of_module(name) in clouds}
    assert core == set().union(*found) - of_them | _FOR_PROGRAMS


def test_a_part_imports_from_itself_core_and_what_it_names_only():
    outside = {
        (part, name)
        for module, path in modules().items()
        for name in imports(path.read_bytes())
        if name in modules()
        and part_of_module(name) not in (CORE, *with_needed(part := part_of_module(module)))
    }
    ways = {name for name in _ENTRIES if re.match(r"signet\.cloud\.\w+\.(coap|http)$", name)}
    by_coap = {("coap", "signet.net.modem.channel")}
    assert outside == {(CORE, name) for name in _ENTRIES - ways} | by_coap


def test_a_board_knows_the_package_of_all_that_it_may_lack():
    known = constant(LIB / "signet/device/missing.py", "_PACKAGES")
    for name in _ENTRIES:
        assert known[name.rpartition(".")[2]][1] == package(part_of_module(name))


def test_package_files_are_in_step_with_lib():
    """Run `make package` when this fails."""
    files = {path: (ROOT / path).read_text() for path in packages.lists()}
    assert files == packages.lists()
    assert {*files} == {"package.json", *(f"lib/{path.name}" for path in LIB.glob("*.json"))}


def test_package_files_name_all_that_a_part_needs_by_relative_address():
    listed = {path: json.loads((ROOT / path).read_text()) for path in packages.lists()}
    for path, content in listed.items():
        for target, address in content["urls"]:
            assert ((ROOT / path).parent / address).samefile(LIB / target)
    core = {target for target, _ in listed["package.json"]["urls"]}
    assert core.isdisjoint(target for target, _ in listed["lib/signet-coap.json"]["urls"])
    for device in devices():
        names = (f"lib/{name}.json" for name in packages.packages_for(device._asdict()))
        parts = [listed[name]["urls"] for name in names if name in listed]
        found = core.union(*({target for target, _ in urls} for urls in parts))
        assert {modules()[name].relative_to(LIB).as_posix() for name in needed(device)} <= found


def test_the_package_has_one_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {json.loads(text)["version"] for text in packages.lists().values()} == {version}


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Address of the parts on loopback."""
    folder = tmp_path_factory.mktemp("index")
    handler = functools.partial(_Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        url = f"http://127.0.0.1:{server.server_port}"
        packages.write_index(folder, url=url + "/")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield url
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


def _run(folder, program):
    """A program on MicroPython with its own mip, and a board's heap; returns what it printed."""
    bits = min(toolchain.word_sizes())
    heap = f"heapsize={110 * bits // 32}k"
    done = subprocess.run(
        [toolchain.micropython(bits), "-X", heap, "-c", program],
        cwd=folder,
        env={"MICROPYPATH": "lib:.frozen"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _install(folder, index, name, mpy=True):
    _run(folder, f"import mip; mip.install({name!r}, {index!r}, 'lib', mpy={mpy})")


_OPENED = """
import signet
try:
    print("opened", signet.open("device.json", None, lambda line: None))
except signet.ConfigError as error:
    print(error)
"""
_PLAIN = {"host": "127.0.0.1", "tls": False, "insecure": True}
_ENOS = {"cloud": "enos", "product_key": "pk", "device_key": "dk", "device_secret": "s"}
_ALIBABA = {"cloud": "alibaba", "product_key": "pk", "device_name": "dn", "device_secret": "s"}
_WATSON = {"cloud": "watson", "org_id": "abcdef", "type_id": "t", "device_id": "d", "token": "t-0"}
_APPLICATION = {"cloud": "watson", "org_id": "abcdef", "app_id": "a", "api_key": "a-k"}


@pytest.mark.parametrize(
    ("config", "key", "name"),
    [
        (_ENOS | _PLAIN, "", ""),
        (_ALIBABA | _PLAIN | {"way": "coap"}, "way", "signet-coap"),
        (_WATSON | _PLAIN | {"way": "http"}, "way", "signet-http"),
        (_WATSON | _PLAIN | {"websocket": True}, "websocket", "signet-websocket"),
        (_WATSON | _PLAIN | {"role": "gateway"}, "role", "signet-roles"),
        (
            _APPLICATION | _PLAIN | {"role": "application", "token": "t-0"},
            "role",
            "signet-roles",
        ),
        (
            _ENOS | {"host": "mqtt.enos.test", "cert": "device.pem"},
            "cert",
            "signet-certificates",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_part_that_is_missing_is_named_with_the_command_that_mends_it(
    index, tmp_path, config, key, name
):
    ca = pki_files.Issued()
    own = pki_files.device(by=ca)
    (tmp_path / "ca.pem").write_bytes(ca.pem)
    (tmp_path / "device.pem").write_bytes(own.pem + own.key_bytes())
    (tmp_path / "device.json").write_text(json.dumps(config | {"tls": "cert" in config}))
    _install(tmp_path, index, "signet")
    said = _run(tmp_path, _OPENED)
    assert packages.packages_for(config) == [name or "signet"]
    if name:
        assert said.startswith(f"device.json: {key}: needs {name}, which is not on this board")
        mends = re.search(r"`mpremote mip install build/index(/\S+\.json)`", said)[1]
        _install(tmp_path, index, index + mends)
        said = _run(tmp_path, _OPENED)
    assert said.startswith("opened ")


def test_what_is_missing_of_core_is_named_and_comes_with_any_part(index, tmp_path):
    (tmp_path / "device.json").write_text(json.dumps(_ENOS | _PLAIN))
    _install(tmp_path, index, "signet")
    (tmp_path / "lib/signet/link.mpy").unlink()
    says = "device.json: needs signet.link, which is not on this board: deploy"
    assert _run(tmp_path, _OPENED).startswith(says)
    _install(tmp_path, index, "signet-umqtt")
    assert _run(tmp_path, _OPENED + "import signet.client.umqtt").startswith("opened ")


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (_ALIBABA | {"way": "coap", "modem": {"family": "bg95"}}, ["signet-modem"]),
        (
            {"cloud": "broker", "websocket": True, "cert": "device.pem"},
            ["signet-websocket", "signet-broker", "signet-certificates"],
        ),
    ],
    ids=["modem", "more than one"],
)
def test_the_packages_that_a_device_json_needs(config, names):
    assert packages.packages_for(config) == names


@pytest.mark.parametrize("name", ["signet-modem", "signet-umqtt"])
def test_a_list_without_the_index_brings_what_the_index_does(index, tmp_path, name):
    found = []
    for what in (name, f"{index}/{name}.json"):
        folder = tmp_path / str(len(found))
        folder.mkdir()
        _install(folder, index, what)
        files = (path for path in folder.rglob("*") if path.is_file())
        found.append({path.relative_to(folder): path.read_bytes() for path in files})
    assert found[0] == found[1] != {}


def test_a_part_is_installed_with_what_it_needs_as_source_too(index, tmp_path):
    _install(tmp_path, index, "signet-coap-extra", mpy=False)
    expected = {
        path.relative_to(LIB)
        for name, path in modules().items()
        if part_of_module(name) in (CORE, *with_needed("coap-extra"))
    }
    found = {path.relative_to(tmp_path / "lib"): path for path in tmp_path.rglob("*.py")}
    assert found.keys() == expected
    assert all(found[path].read_bytes() == (LIB / path).read_bytes() for path in expected)
