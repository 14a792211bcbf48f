"""Does `python -m tools.toolchain` install safely, say what is wrong, and leave no halves?

No network: what stands in for apt, pip and programs on PATH are small scripts.
"""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tools.paths import ROOT

_QUIET_PIP = {"PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""}
_QUIET_NPM = {"npm_config_offline": "true"}


def script(folder, name, body):
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o755)


@pytest.fixture
def start(tmp_path):
    """Start `python -m tools.toolchain`, or another, over an empty cache.

    Only given programs are on PATH.
    """
    started = []

    def start(programs, *words, module="tools.toolchain"):
        folder = tmp_path / "bin"
        folder.mkdir(exist_ok=True)
        for name, body in programs.items():
            script(folder, name, body)
        environment = {
            "PATH": str(folder),
            "SIGNET_CACHE": str(tmp_path / "cache"),
            "HOME": str(tmp_path),
            **_QUIET_PIP,
            **_QUIET_NPM,
        }
        process = subprocess.Popen(
            [sys.executable, "-m", module, *words],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def complaints(text):
    """The sentences meant for the user; progress and everything else is left out."""
    return [line for line in text.splitlines() if line.startswith("signet: ")]


def left_over(cache):
    return [path.name for path in (cache / "opt").iterdir()]


_BROKEN_APT = {
    "apt-get": "echo 'E: Failed to fetch the list' >&2; exit 100",
    "dpkg": "echo amd64",
    "dpkg-deb": "exit 2",
}


def test_without_apt_one_sentence_says_what_to_install_by_hand(start, tmp_path):
    process = start({})
    out, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert out == ""
    assert "Traceback" not in err
    (line,) = err.splitlines()
    assert "MicroPython 1.25 or newer" in line
    assert "mosquitto 2.0 or newer" in line
    assert "on PATH" in line
    assert not (tmp_path / "cache" / "toolchain.json").exists()


def test_a_program_on_path_that_is_too_old_is_named_in_the_sentence(start, tmp_path):
    process = start({"micropython": "echo runs 1 22 64"})
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert f"{tmp_path}/bin/micropython is 1.22, older than 1.25" in err


_FOR_THE_TOOLS = [
    "apt cannot fetch micropython, mosquitto, mosquitto-clients from",
    "apt cannot fetch micropython from",
    "umqtt.simple 1.3.4 cannot be fetched",
]
_FOR_TESTS = [
    "apt cannot fetch libcoap3-bin from",
    "apt cannot fetch curl from",
    "apt cannot fetch openssl from",
    "apt cannot fetch chromium-headless-shell, fonts-dejavu-core from",
    "pip cannot install the clouds' SDKs",
]
if not shutil.which("nginx", path="/usr/local/sbin:/usr/sbin"):  # looked for there too
    _FOR_TESTS.append("apt cannot fetch nginx from")


@pytest.mark.parametrize(
    ("words", "parts"),
    [([], _FOR_THE_TOOLS), (["--all"], [*_FOR_THE_TOOLS, *_FOR_TESTS])],
    ids=["tools", "all"],
)
def test_each_part_that_cannot_be_fetched_is_one_sentence_and_leaves_nothing(
    start, tmp_path, words, parts
):
    process = start(_BROKEN_APT, *words)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in err
    said = complaints(err)
    assert len(said) == len(parts)
    for part in parts:
        assert sum(part in line for line in said) == 1
    assert all("check the network" in line or "pip config" in line for line in said)
    assert left_over(tmp_path / "cache") == []
    assert not (tmp_path / "cache" / "toolchain.json").exists()


_UNFIT = {"arm-none-eabi-gcc": "exit 1", "qemu-system-arm": "exit"}
_NO_NETWORK = [
    "apt cannot fetch gcc-arm-none-eabi, libnewlib-dev, qemu-system-arm from",
    "apt cannot fetch micropython, mbedtls, lwip from",
]


@pytest.mark.parametrize(
    ("programs", "reasons"),
    [
        ({}, ["no compiler can be had on this machine: it has no apt-get and dpkg-deb"]),
        (_BROKEN_APT | _UNFIT, _NO_NETWORK),
    ],
    ids=["no apt", "no network"],
)
def test_where_no_compiler_can_be_had_make_firmware_says_so_and_make_proof_goes_on(
    start, tmp_path, programs, reasons
):
    cache = tmp_path / "cache" / "firmware"
    for words, status in ((), 2), (("--if-possible",), 0):
        process = start(programs, *words, module="tools.firmware")
        out, err = process.communicate(timeout=60)
        assert process.returncode == status, err
        assert out == ""
        assert "Traceback" not in err
        assert all(reason in err for reason in reasons)
        assert len([line for line in err.splitlines() if "signet: " in line]) <= len(reasons)
        assert ("host_tests/firmware is skipped" in err) == (not status)
        assert [path.name for path in cache.iterdir()] == [".lock"]


def test_an_interrupted_run_ends_its_programs_and_leaves_no_half(start, tmp_path):
    asleep = tmp_path / "asleep"
    os.mkfifo(asleep)
    fetching = f'case "$*" in *print-uris*) ;; *) echo $$ > {asleep}; exec /bin/sleep 600;; esac'
    process = start({**_BROKEN_APT, "apt-get": fetching})
    with asleep.open() as fifo:  # opens when the first apt has reached its sleep
        child = int(fifo.readline())
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted" in complaints(err)[-1]
    assert left_over(tmp_path / "cache") == []
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)


def test_a_second_run_waits_for_the_first(start, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        process = start({})
        assert "another make is installing here; waiting for it" in process.stderr.readline()
        assert process.poll() is None
    process.communicate(timeout=60)
    assert process.returncode == 2  # its turn came: there is no apt


def test_when_all_is_there_nothing_heavy_is_imported():
    program = """
import sys
from tools.toolchain import __main__, stamp
__main__.is_current = lambda everything: True
assert __main__.main(everything=True) == 0
print(sorted({"rich", "typer", "requests", "subprocess"} & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_the_stamp_is_void_when_an_installed_file_is_gone_or_the_pins_change(
    tmp_path, monkeypatch
):
    from tools.toolchain import stamp

    monkeypatch.setattr(stamp, "STAMP", tmp_path / "toolchain.json")
    program = tmp_path / "program"
    program.touch()
    assert not stamp.is_current(everything=False)
    stamp.write([program], everything=False)
    assert stamp.is_current(everything=False)
    assert not stamp.is_current(everything=True)
    stamp.write([program], everything=True)
    assert stamp.is_current(everything=False)
    assert stamp.is_current(everything=True)
    with monkeypatch.context() as changed:
        changed.setattr(stamp, "fingerprint", lambda: "of another toolchain")
        assert not stamp.is_current(everything=False)
    program.unlink()
    assert not stamp.is_current(everything=False)
    (tmp_path / "toolchain.json").write_text("{")
    assert not stamp.is_current(everything=False)


@pytest.fixture
def fetched(tmp_path, monkeypatch):
    """A machine on which whatever is fetched comes at once; the list of what was, in order."""
    from tools.toolchain import install, programs, stamp

    cache = tmp_path / "cache"
    cache.mkdir()
    monkeypatch.setattr(install, "CACHE", cache)
    monkeypatch.setattr(install, "BIN", cache / "bin")
    monkeypatch.setattr(install, "_OPT", cache / "opt")
    monkeypatch.setattr(stamp, "STAMP", cache / "toolchain.json")
    monkeypatch.setattr(programs, "_path", lambda own: [])
    monkeypatch.setattr(install.debian, "available", lambda: True)
    monkeypatch.setattr(install.debian, "architectures", lambda: ("a64", {64: "a64", 32: "a32"}))
    monkeypatch.setattr(install, "_refusal", lambda program, name: None)
    monkeypatch.setattr(install.archive, "member", lambda content, name: content)
    done = []

    def root(folder, architecture, packages, report):
        done.append(f"{'+'.join(packages)} {architecture}")
        for name in (*packages, *programs.MOSQUITTO_TOOLS, "coap-server-openssl"):
            (folder / "usr/bin").mkdir(parents=True, exist_ok=True)
            (folder / "usr/bin" / name).touch()

    def wrap_loader(wrapper, folder, name):
        wrapper.parent.mkdir(exist_ok=True)
        wrapper.write_text(str(folder))

    def sdks(folder, pip, report):
        done.append("sdks")
        (folder / "bin").mkdir(parents=True)
        (folder / "bin/python").touch()

    def umqtt(pin, pip, report):
        done.append("umqtt")
        return b"class MQTTClient: pass"

    def uplot(pin, scratch, pip, report):
        done.append("uplot")
        return b"uPlot = {}"

    monkeypatch.setattr(install.debian, "fetch", root)
    monkeypatch.setattr(programs, "wrap_loader", wrap_loader)
    monkeypatch.setattr(programs, "wrap_chromium", wrap_loader)
    monkeypatch.setattr(install.npm, "fetch", uplot)
    monkeypatch.setattr(install.sdks, "install", sdks)
    monkeypatch.setattr(install.archive, "fetch", umqtt)
    return done


_TOOLS = ["micropython a32", "micropython+mosquitto+mosquitto-clients a64", "umqtt", "uplot"]
_CHROMIUM = "chromium-headless-shell+fonts-dejavu-core a64"
_PEERS = [_CHROMIUM, "curl a64", "libcoap3-bin a64", "nginx a64", "openssl a64"]
_TESTS = [*_PEERS, "sdks"]


@pytest.mark.parametrize(
    "runs",
    [
        [(False, _TOOLS), (False, [])],
        [(False, _TOOLS), (True, _TESTS), (False, []), (True, [])],
        [(True, _TOOLS + _TESTS), (False, []), (True, [])],
    ],
    ids=["tools", "tools, then all", "all, then tools"],
)
def test_each_part_is_fetched_once_in_any_order_and_only_when_it_is_needed(fetched, runs):
    from tools.toolchain import install, stamp

    for everything, parts in runs:
        fetched.clear()
        if not stamp.is_current(everything):
            install._install(everything)
        assert sorted(fetched) == sorted(parts)
        assert stamp.is_current(everything)


def test_without_uplot_all_else_is_installed_and_what_plots_need_is_said(
    fetched, tmp_path, monkeypatch, capfd
):
    from tools import toolchain
    from tools.toolchain import install, stamp
    from tools.toolchain.run import RunError
    from tools.ui import UserError

    def fail(pin, scratch, pip, report):
        raise RunError(["ENOTFOUND"])

    monkeypatch.setattr(install.npm, "fetch", fail)
    monkeypatch.setattr(toolchain, "CACHE", tmp_path / "cache")
    install._install(everything=False)
    assert stamp.is_current(everything=False)
    with pytest.raises(UserError, match=r"ENOTFOUND.*python -m tools\.toolchain\.npm"):
        toolchain.uplot()
    assert len(complaints(capfd.readouterr().err)) == 1


def test_an_archive_of_the_npm_registry_that_is_not_the_pinned_one_is_refused(
    tmp_path, monkeypatch
):
    from tools.toolchain import npm
    from tools.ui import UserError

    script(tmp_path / "path", "npm", "echo other > uplot-1.6.32.tgz")
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(UserError, match="SHA-256"):
        npm.fetch(npm.UPLOT, tmp_path, [], lambda text, fraction: None)


def test_a_new_toolchain_leaves_what_tests_need_until_all_is_asked_for(
    fetched, tmp_path, monkeypatch
):
    from tools.toolchain import install, stamp

    install._install(everything=True)
    monkeypatch.setattr(stamp, "fingerprint", lambda: "of another toolchain")
    monkeypatch.setattr(install.debian, "SUITE", "another")
    note = tmp_path / "cache/bin/coap-server.missing"
    note.touch()
    fetched.clear()
    install._install(everything=False)
    assert note.exists()
    assert sorted(fetched) == ["micropython a32", "micropython+mosquitto+mosquitto-clients a64"]
    assert not stamp.is_current(everything=True)
    for name in ("coap-client", "nginx", "curl", "openssl", "chromium"):
        assert Path((tmp_path / "cache/bin" / name).read_text()).is_dir()
    fetched.clear()
    install._install(everything=True)
    assert sorted(fetched) == _PEERS
    assert len(list((tmp_path / "cache/opt").glob("debian-*"))) == 7, "the old ones are gone"


def test_how_far_each_part_is_is_said_where_there_is_no_terminal(monkeypatch, capfd):
    from tools.toolchain import progress, together

    monkeypatch.setattr(progress, "EVERY_S", 0.01)
    expected = ["1 of 2 ready; a part fetching 40 %", "1 of 2 ready; a part fetching 80 %"]
    said = []

    def fetch(report):
        deadline = time.monotonic() + 60
        for fraction, line in zip((0.4, 0.8), expected, strict=True):
            report("fetching", fraction)
            while line not in said and time.monotonic() < deadline:
                time.sleep(0.01)
                said.extend(capfd.readouterr().err.splitlines())

    together.side_by_side(
        [together.Part("a part", fetch), together.Part("another", lambda report: None)]
    )
    assert set(expected) <= set(said)


def test_on_a_terminal_nothing_is_said_beside_the_bars(monkeypatch, capsys):
    from tools.toolchain.progress import told

    for terminal, lines in ((True, ""), (False, "making it\n")):
        monkeypatch.setattr(sys.stderr, "isatty", lambda terminal=terminal: terminal)
        with told(lambda: "making it"):
            pass
        assert capsys.readouterr().err == lines


_LIBCOAP = """echo '{tool} v{version} -- a small CoAP implementation' >&2
echo 'TLS Library: {tls}' >&2; exit 1"""
_DTLS = "OpenSSL\n(DTLS and TLS support; PSK, PKI, PKCS11, and no RPK support)"
_NO_DTLS = "None\n(No DTLS or TLS support)"
_NGINX = """echo 'nginx version: nginx/{version}' >&2
echo 'configure arguments: --with-compat {modules}' >&2"""
_CURL = "echo 'curl {version} (linux)'; echo 'Protocols: {protocols}'"
_OPENSSL = "echo 'OpenSSL {version} 1 Jul 2025'"
_MODULES = "--with-http_ssl_module --with-http_dav_module"


class System(NamedTuple):
    """What a machine says of itself, which programs it has, and what follows.

    dpkg: Debian's name of its architecture; "" without apt. narrow: of that for 32 bits.
    refused: a part of the line that says why nothing is installed.
    """

    machine: str
    bits: int
    built_for: str
    dpkg: str = ""
    narrow: str = ""
    has: tuple[str, ...] = ()
    refused: str = ""


_BREW = "brew install micropython mosquitto"
_PI = "install the 64-bit Raspberry Pi OS"
_SYSTEMS = {
    "Debian 12 and 13, Ubuntu 24.04, WSL": System("x86_64", 64, "linux-gnu", "amd64", "i386"),
    "Raspberry Pi OS, 64 bits": System("aarch64", 64, "linux-gnu", "arm64", "armhf"),
    "macOS": System("arm64", 64, "apple-darwin24", has=("micropython", "mosquitto")),
    "macOS, bare": System("arm64", 64, "apple-darwin24", refused=_BREW),
    "Fedora, Arch": System("x86_64", 64, "linux-gnu", refused=_BREW),
    "Raspberry Pi OS, 32 bits": System("armv7l", 32, "linux-gnueabihf", "armhf", refused=_PI),
    "the same, 64-bit kernel": System("aarch64", 32, "linux-gnueabihf", "armhf", refused=_PI),
    "Alpine": System("x86_64", 64, "linux-musl", refused="a container or machine with glibc"),
}


@pytest.mark.parametrize("system", _SYSTEMS.values(), ids=_SYSTEMS)
def test_what_comes_from_where_follows_from_the_system(tmp_path, monkeypatch, system):
    from tools.toolchain import install, programs, venv
    from tools.ui import UserError

    says = {name: f"echo {name} version 2.0.22" for name in programs.MOSQUITTO_TOOLS}
    for name, body in (says | {"micropython": "echo runs 1 26 64"}).items():
        if name.partition("_")[0] in system.has:
            script(tmp_path / "path", name, body)
    monkeypatch.setattr(programs, "_path", lambda own: [tmp_path / "path"])
    monkeypatch.setattr(install.debian, "available", lambda: bool(system.dpkg))
    monkeypatch.setattr(install.debian, "run", lambda command: [system.dpkg])
    said = venv.refusal(system.machine, system.bits, system.built_for)
    if said is None:
        try:
            plan = install._plan(everything=True)
        except UserError as error:
            said = str(error)
    if system.refused:
        assert said and system.refused in said and "\n" not in said
        return
    assert said is None
    fetched = {
        (pack, root.architecture) for root in plan.wanted.values() for pack in root.packages
    }
    if system.dpkg:
        packages = ["micropython", "mosquitto", "mosquitto-clients"]
        packages += [each for peer in programs.PEERS for each in peer.packages]
        assert fetched == {(each, system.dpkg) for each in packages} | {
            ("micropython", system.narrow)
        }
        assert not plan.missing
    else:
        assert not fetched
        assert plan.found.keys() == {"micropython-64", *programs.MOSQUITTO_TOOLS}
        assert "64-bit one is there" in plan.missing["micropython"]


@pytest.mark.parametrize(
    ("system", "asked", "mirror"),
    [
        ("debian", ["one.example/debian-security", "one.example/debian"], 1),
        ("debian", ["mirror.example/here"], 0),
        ("debian", ["one.example/debian", "pi.example/debian"], 0),
        ("ubuntu", ["one.example/ubuntu", "two.example/ubuntu"], None),
    ],
    ids=["Debian", "Debian, a mirror of its own", "Raspberry Pi", "Ubuntu"],
)
def test_a_debian_mirror_is_the_one_that_the_system_has(
    tmp_path, monkeypatch, system, asked, mirror
):
    from tools.toolchain import debian

    (tmp_path / "os-release").write_text(f"NAME=x\nID={system}\n")
    monkeypatch.setattr(debian, "_SYSTEM", tmp_path / "os-release")
    uris = [f"'http://{site}/dists/suite/InRelease' suite_InRelease 0" for site in asked]
    monkeypatch.setattr(debian, "run", lambda command: uris)
    assert debian._own_mirror() == (None if mirror is None else f"http://{asked[mirror]}")


def test_programs_on_path_are_taken_when_they_pass(tmp_path, monkeypatch):
    from tools import toolchain
    from tools.toolchain import install, programs

    path = tmp_path / "path"
    script(path, "micropython", f'exec {toolchain.micropython(64)} "$@"')
    for tool in programs.MOSQUITTO_TOOLS:
        script(path, tool, f'exec {toolchain.mosquitto(tool)} "$@"')
    for tool in programs.LIBCOAP_TOOLS:
        script(path, tool, _LIBCOAP.format(tool=tool, version="4.3.5", tls=_DTLS))
    script(path, "nginx", _NGINX.format(version="1.27.0", modules=_MODULES))
    script(path, "curl", _CURL.format(version="8.14.1", protocols="http https"))
    script(path, "openssl", _OPENSSL.format(version="3.5.1"))
    script(path, "chromium", "echo Chromium 150.0.1 built on Debian")
    monkeypatch.setenv("PATH", str(path))
    monkeypatch.setattr(install.debian, "available", lambda: False)
    monkeypatch.setattr(install, "BIN", tmp_path / "cache" / "bin")
    plan = install._plan(everything=True)
    assert plan.found["micropython-64"] == path / "micropython"
    assert plan.found["mosquitto"] == path / "mosquitto"
    assert plan.found["coap-client"] == path / "coap-client"
    for name in ("nginx", "curl", "openssl", "chromium"):
        assert plan.found[name] == path / name
    assert plan.wanted == {}
    assert plan.missing.keys() <= {"micropython"}
    files = install._publish(plan, {})
    assert path / "mosquitto" in files
    done = subprocess.run(
        [tmp_path / "cache" / "bin" / "micropython-64", "-c", "print('a b', end='')"],
        env={},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "a b"


def test_a_machine_without_32_bit_programs_is_told_when_one_is_asked_for(tmp_path, monkeypatch):
    from tools import toolchain
    from tools.toolchain import install
    from tools.ui import UserError

    monkeypatch.setattr(install, "BIN", tmp_path)
    monkeypatch.setattr(toolchain, "BIN", tmp_path)
    reason = install._no_narrow("no 32-bit MicroPython is on PATH")
    install._publish(install._Plan({}, {}, {}, {"micropython": reason}), {})
    with pytest.raises(UserError, match="no 32-bit MicroPython"):
        toolchain.micropython()
    assert toolchain.word_sizes() == []


def plan_and_publish(name):
    """Plan and publish nothing but the peer `name` on a machine without apt."""
    from tools.toolchain import install, programs

    plan = install._Plan({}, {}, {}, {})
    install._plan_peer(plan, "", next(peer for peer in programs.PEERS if peer.name == name))
    return install._publish(plan, {})


def test_a_machine_without_libcoap_or_apt_is_told_when_it_is_asked_for(
    tmp_path, monkeypatch, capfd
):
    from tools import toolchain
    from tools.toolchain import install, programs
    from tools.ui import UserError

    monkeypatch.setattr(install, "BIN", tmp_path)
    monkeypatch.setattr(toolchain, "BIN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    old = _LIBCOAP.format(tool="coap-server", version="4.2.1", tls=_DTLS)
    script(tmp_path / "path", "coap-server", old)
    files = plan_and_publish("libcoap")
    for tool in programs.LIBCOAP_TOOLS:
        assert tmp_path / f"{tool}.missing" in files
        with pytest.raises(UserError, match=r"no libcoap .*coap-server is 4\.2, older than 4\.3"):
            toolchain.libcoap(tool)
    said = complaints(capfd.readouterr().err)
    assert len(said) == 1 and "tests against it are skipped" in said[0]


def test_a_machine_without_nginx_or_apt_is_told_when_it_is_asked_for(tmp_path, monkeypatch, capfd):
    from tools import toolchain
    from tools.toolchain import install, programs
    from tools.ui import UserError

    monkeypatch.setattr(install, "BIN", tmp_path)
    monkeypatch.setattr(toolchain, "BIN", tmp_path)
    monkeypatch.setattr(programs, "_path", lambda own: [tmp_path / "path"])
    script(tmp_path / "path", "nginx", _NGINX.format(version="1.27.0", modules=""))
    assert tmp_path / "nginx.missing" in plan_and_publish("nginx")
    with pytest.raises(UserError, match=r"no nginx .*nginx is built without http_ssl_module, "):
        toolchain.nginx()
    said = complaints(capfd.readouterr().err)
    assert len(said) == 1 and "tests against it are skipped" in said[0]


def test_what_is_not_installed_is_answered_with_make_setup(tmp_path, monkeypatch):
    from tools import toolchain
    from tools.ui import UserError

    monkeypatch.setattr(toolchain, "BIN", tmp_path)
    monkeypatch.setattr(toolchain, "CACHE", tmp_path)
    for ask in (
        toolchain.micropython,
        toolchain.mosquitto,
        toolchain.libcoap,
        toolchain.nginx,
        toolchain.chromium,
        toolchain.uplot,
        toolchain.umqtt,
        toolchain.vendor_sdks,
    ):
        with pytest.raises(UserError, match="make setup"):
            ask()


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("mosquitto version 1.6.9", "is 1.6, older than 2.0"),
        ("something else", "is not mosquitto"),
        ("mosquitto version 2.0.11", None),
    ],
)
def test_mosquitto_must_be_2(tmp_path, says, reason):
    from tools.toolchain.programs import refuse_mosquitto

    script(tmp_path, "mosquitto", f"echo {says}; exit 3")
    answer = refuse_mosquitto(tmp_path / "mosquitto")
    assert (reason in answer) if reason else answer is None


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (_LIBCOAP.format(tool="coap-server", version="4.2.1", tls=_DTLS), "older than 4.3"),
        (_LIBCOAP.format(tool="coap-client-notls", version="4.3.4", tls=_NO_DTLS), "without DTLS"),
        ("echo something else >&2", "is not libcoap's"),
        (_LIBCOAP.format(tool="coap-client-openssl", version="4.3.4", tls=_DTLS), None),
    ],
)
def test_libcoap_must_be_4_3_with_dtls(tmp_path, says, reason):
    from tools.toolchain.programs import refuse_libcoap

    script(tmp_path, "coap-server", says)
    answer = refuse_libcoap(tmp_path / "coap-server")
    assert (reason in answer) if reason else answer is None


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (_NGINX.format(version="1.18.0", modules=_MODULES), "is 1.18, older than 1.22"),
        (_NGINX.format(version="1.26.3", modules="--with-http_ssl_module"), "http_dav_module"),
        ("echo something else >&2", "is not nginx"),
        (_NGINX.format(version="1.26.3", modules=_MODULES), None),
    ],
)
def test_nginx_must_be_1_22_with_tls_and_webdav(tmp_path, says, reason):
    from tools.toolchain.programs import refuse_nginx

    script(tmp_path, "nginx", says)
    answer = refuse_nginx(tmp_path / "nginx")
    assert (reason in answer) if reason else answer is None


@pytest.mark.parametrize(
    ("name", "says", "reason"),
    [
        ("curl", _CURL.format(version="7.52.1", protocols="https"), "is 7.52, older than 7.68"),
        ("curl", _CURL.format(version="8.14.1", protocols="http"), "is built without TLS"),
        ("curl", _CURL.format(version="8.14.1", protocols="http https"), None),
        ("openssl", _OPENSSL.format(version="1.1.1"), "is 1.1, older than 3.0"),
        ("openssl", "echo 'LibreSSL 3.3.6'", "is not OpenSSL"),
        ("openssl", _OPENSSL.format(version="3.0.19"), None),
    ],
)
def test_curl_must_have_tls_and_openssl_must_be_3(tmp_path, name, says, reason):
    from tools.toolchain import programs

    script(tmp_path, name, says)
    answer = getattr(programs, f"refuse_{name}")(tmp_path / name)
    assert (reason in answer) if reason else answer is None


def test_micropython_is_refused_for_its_word_size_or_a_missing_module(tmp_path):
    from tools import toolchain
    from tools.toolchain.programs import refuse_micropython

    assert refuse_micropython(toolchain.micropython(64), 64) is None
    assert (
        refuse_micropython(toolchain.micropython(64), 32) == "is a 64-bit build, not a 32-bit one"
    )
    script(tmp_path, "micropython", "echo \"ImportError: no module named 'tls'\"; exit 1")
    assert "lacks a module" in refuse_micropython(tmp_path / "micropython", 64)
    assert "does not run here" in refuse_micropython(Path(tmp_path, "absent"), 64)
