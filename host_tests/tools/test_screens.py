"""Is what each command prints whole in 80 columns, without colour, and free of secrets?

What takes no waiting runs here, in turn, as a person would type it. What does, its own test shows
to `screens.look`, which holds it to the same.
"""

import contextlib
import os
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import termios
import threading
from fcntl import ioctl
from pathlib import Path

import pytest

from host_tests import screens
from host_tests.support import signet
from host_tests.tools.pki_files import secrets
from tools import cli
from tools.paths import ROOT
from tools.twin.registry.store import open_store

_SECRET = "bmV2ZXItdG8tYmUtc2hvd24="
_SUBJECT = "--country SG --province Singapore --locality Singapore --organization x --unit y"
_KEYS = "--product-key signetEnOS --device-key board-1"

# In turn, as typed. S stands for --state and its folder.
_TYPED = f"""
--version
--help
twin policy S
twin policy certificate-or-token --type esp32 S
twin device list S
twin device disable alibaba a1SignetPk board-1 S
twin device enable alibaba a1SignetPk board-1 S
twin device reset alibaba a1SignetPk board-1 S
twin topic add alibaba a1SignetPk sensor/log S
twin topic list alibaba a1SignetPk S
twin topic remove alibaba a1SignetPk sensor/log S
twin messages S
new desk --twin --cloud enos S
new meter --cloud enos --host iot.example --product-key pk --device-key dk --ca letsencrypt
new azure --cloud azure --host h.azure-devices.net --device-id d --insecure
board create --folder board --size 512
board deploy --config desk/device.json --folder board --dry-run
board deploy --config desk/device.json --folder board
board deploy --config desk/device.json --folder board
board link --config desk/device.json --to linked
board outbox --folder board
board outbox export kept.jsonl --folder board
pki ca --register S
pki ca-of letsencrypt --to ca-of
pki ca --folder other
pki register other/ca.pem --yes S
pki list S
pki deactivate 1 S
pki activate 1 S
pki device esp32 board-2 --to watson S
pki check watson watson/ca.pem
pki server csr S
pki server sign signet.csr
pki server upload signet.pem --yes S
pki server list S
pki server activate 1 S
pki server default S
pki server remove 1 S
pki enos csr --to enos {_KEYS} {_SUBJECT}
pki enos issue enos S
pki enos renew enos S
pki remove 1 S
sign content a=1 b=2 --algorithm sha256
sign enos --product-key pk --device-key dk --timestamp 1524448722000
sign alibaba --product-key pk --device-name dn
sign alibaba --product-key pk --device-name dn --http
sign azure --hub h.azure-devices.net --device-id d
size --device desk/device.json
"""

# Shown by design: a device.json, a product's secret, and a new device's, once.
_SHOWING = """
twin config alibaba --way coap S
twin device add enos signetEnOS board-9 S
twin device secret alibaba a1SignetPk S
"""

# Typed while the board is on.
_BESIDE = """
twin command enos set {"led":1} S
twin messages S
"""

_IN_VAIN = """
board outbox retry --folder board
twin page S
size --device none.json
"""

_PASSED_ON = {"board console", "board explain"}  # what a board says, as it is
_START_S = 120  # of a board on a busy machine


@pytest.fixture
def typed(twin, tmp_path, monkeypatch):
    """What `signet WORDS` prints in a pipe of an empty folder, and how it ends."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", str(screens.COLUMNS))
    monkeypatch.setenv("SIGNET_SECRET", _SECRET)
    monkeypatch.delenv("FORCE_COLOR", raising=False)

    def run(line):
        words = shlex.split(line.replace('"', r"\""))
        state = ["--state", str(twin.state)] if words[-1:] == ["S"] else []
        return signet(*words[: len(words) - len(state) // 2], *state)

    return run


@contextlib.contextmanager
def booted(folder, printed):
    """A board by `signet board boot` that has reported; then what it printed is in `printed`."""
    command = [Path(sys.executable).with_name("signet"), "board", "boot", "--folder", folder]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as boot:
        stop = threading.Timer(_START_S, boot.kill)
        stop.start()
        try:
            for line in boot.stdout:
                printed.append(line)
                if "report 1 stored" in line:
                    break
            yield
            boot.send_signal(signal.SIGINT)
            printed.extend(boot.stdout)
        finally:
            stop.cancel()
            boot.kill()


def test_each_command_is_whole_in_80_columns_of_a_pipe_and_shows_no_secret(typed, twin, tmp_path):
    twin.wait_for_output("Ctrl-C ends it.", 120)
    wrong = screens.mistakes("twin", twin.output())

    def check(lines):
        for line in lines.strip().splitlines():
            done = typed(line)
            shown = done.stdout + done.stderr
            with contextlib.closing(open_store(twin.state)) as store:
                hidden = [entry.secret for entry in store.devices() if entry.secret]
            hidden = [] if lines is _SHOWING else [*hidden, _SECRET, *secrets(tmp_path)]
            wrong.extend(screens.mistakes(line, shown, hidden))
            if done.returncode != 2 * (lines is _IN_VAIN):
                wrong.append(f"signet {line} ends with {done.returncode}: {shown}")

    check(_TYPED)
    check(_SHOWING)
    check(_IN_VAIN)
    printed = []
    with booted(tmp_path / "board", printed):
        check(_BESIDE)
    wrong += screens.mistakes("board boot", "".join(printed))
    assert not wrong, "\n".join(wrong)


def _leaves(path, command):
    """Each command that has no others below it, in words."""
    others = getattr(command, "commands", {})
    for name, each in others.items():
        yield from _leaves(f"{path} {name}", each)
    if not others:
        yield path


def test_no_command_is_left_out():
    tests = [file.read_text() for file in (ROOT / "host_tests").rglob("test_*.py")]
    looked_at = set(re.findall(r'screens\.look\("([^"]+)"', "".join(tests)))
    typed = "".join((_TYPED, _SHOWING, _IN_VAIN, _BESIDE, "board boot\n"))
    for name in cli._ENTRIES:
        for words in _leaves(name, cli._load(name)):
            if words not in _PASSED_ON | looked_at:
                assert re.search(rf"^{words}( |$)", typed, re.MULTILINE), words


_ESCAPES = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")


@pytest.mark.parametrize("words", [["size", "--help"], ["bench", "hmac", "--rounds", "1"]])
def test_on_a_terminal_of_80_columns_no_line_is_wider_and_none_is_cut(words):
    child, terminal = pty.fork()
    if child == 0:
        os.environ.pop("COLUMNS", None)
        os.environ["TERM"] = "xterm"
        program = Path(sys.executable).with_name("signet")
        ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, screens.COLUMNS, 0, 0))
        os.execv(program, [str(program), *words])
    shown = b""
    with contextlib.suppress(OSError):  # at its end
        while piece := os.read(terminal, 4096):
            shown += piece
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    os.close(terminal)
    screens.look(f"{' '.join(words)}, on a terminal", _ESCAPES.sub("", shown.decode()))
