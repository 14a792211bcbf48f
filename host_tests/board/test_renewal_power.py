"""Does a board have a certificate with its key, whichever write of a renewal the power cuts?"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import toolchain
from tools.board.virtual import VirtualBoard
from tools.paths import LIB
from tools.pki.authority import Authority

# Takes one certificate after the other; a session that always logs in plays the cloud's part.
_MAIN = """
import os
from signet import clock
from signet.certificate import on_trial
from signet.device import credentials

class Session:
    def begin(self, deadline):
        pass
    def poll(self, timeout_ms):
        return ("opened",)
    def close(self):
        pass

def read(name):
    with open(name, "rb") as file:
        return file.read()

def whose():
    found = credentials.read("cert", "board.pem", None)
    names = [name for name in ("a.pem", "b.pem") if read(name) == found]
    return names[0][0] if names else "broken"

values = {"cert": "board.pem", "key": None, "ca": "ca.pem", "trust": "old", "expires": None}
values.update({"cloud": "enos", "open_timeout_s": 30})
print("start", whose())
over = lambda *event: None
session = on_trial.resume(Session(), values, print, None, over)
if hasattr(session, "own"):
    session.next_trial = clock.Deadline(0)
    session.begin(None)
    session.poll(0)
    print("went on", whose())
assert "board.pem.new" not in os.listdir()
for name in ("b.pem", "a.pem", "b.pem"):
    print("begin", name[0])
    arguments = values, read(name), None, clock.Deadline(0), print, None, over, False
    session = on_trial.renew(Session(), *arguments)
    session.begin(None)
    session.poll(0)
    print("kept", whose())
print("done")
"""


@pytest.fixture
def board(tmp_path: Path) -> Iterator[VirtualBoard]:
    """A board with two certificates and the program on it; it is off."""
    authority = Authority(tmp_path / "ca")
    files = {"ca.pem": authority.certificate_file}
    for name in ("a", "b"):
        files[f"{name}.pem"] = authority.client("d:meter:1", target=tmp_path / f"{name}.pem")
    files["board.pem"] = files["a.pem"]
    for name in (
        *("__init__.py", "errors.py", "clock.py", "modules.py"),
        *(f"certificate/{name}.py" for name in ("on_trial", "pending")),
        *("certificate/renewal.py", "certificate/trial.py"),
        *("device/files.py", "device/credentials.py", "device/state.py"),
        *("net/trust.py", "net/secure.py"),
        "net/certificate.py",
        *("wire/iso8601.py", "wire/pem.py", "wire/x509.py"),
    ):
        files[f"lib/signet/{name}"] = LIB / "signet" / name
    board = VirtualBoard(tmp_path / "board", bits=toolchain.word_sizes()[0]).create(256)
    on_board = {f"/{name}": source.read_bytes() for name, source in files.items()}
    board.fill(on_board | {"/main.py": _MAIN.encode()})
    yield board
    board.stop()


def test_the_board_has_the_old_one_or_the_new_one_whole_whichever_write_fails(
    board: VirtualBoard,
) -> None:
    kept, tried = "a", "a"
    number = ended = resumed = 0
    while not ended:  # a life that comes to its end has had no write cut
        number += 1
        before = board.printed
        board.start(cut_at_write=number)
        while not (cut := board.wait_for_cut(0.005)):
            if "done" in board.output(before):
                break
        life = board.output(before)
        board.power_cut()
        ended += not cut
        assert "Traceback" not in life and "Error" not in life, life
        found = re.search(r"^start (\w+)", life, re.MULTILINE)
        if not found:
            continue
        assert found[1] in (kept, tried), life
        kept = found[1]
        for what, name in re.findall(r"^(begin|kept|went on) (\w+)$", life, re.MULTILINE):
            if what == "begin":
                tried = name
            else:
                assert name == tried, life
                kept = name
            resumed += what == "went on"
    assert number > 20 and resumed
