"""Does an emulated modem say what the real ones were heard to say, and refuse what they refuse?

Rows without a comment are as in public logs of the module (numbers of cells and hosts apart); with
"manual", as in its manual.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from host_tests import screens
from tools.modem import sara_r4
from tools.modem.emulator import FAMILIES, Emulator
from tools.paths import ROOT
from tools.ui import UserError

UNHEARD_S, LONGEST_S = 0.15, 60
RESULT = re.compile(r"\r\n(OK|ERROR|\+CME ERROR: .*)\r\n$")


class Terminal:
    """What a board's UART is: the other end of the line."""

    def __init__(self, path):
        self._line = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def write(self, text):
        os.write(self._line, text.encode("latin-1"))

    def read(self, until=None):
        """All that comes, up to a silence; or to what `until` finds."""
        said = ""
        while select.select([self._line], [], [], LONGEST_S if until else UNHEARD_S)[0]:
            said += os.read(self._line, 4096).decode("latin-1")
            if until and re.search(until, said):
                break
        return said

    def ask(self, command, until=RESULT):
        self.write(command + "\r")
        return self.read(until)

    def close(self):
        os.close(self._line)


@pytest.fixture
def start():
    with contextlib.ExitStack() as stack:

        def make(family, **switches):
            names = {"server.example": "127.0.0.1"}
            switches = {"register_s": 0, "release_s": 600} | switches
            found = stack.enter_context(Emulator(family, names, **switches))
            return found, stack.enter_context(contextlib.closing(Terminal(found.path)))

        yield make


@pytest.fixture
def echo():
    """The port of a server that answers what it was sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))

        def serve():
            while data := opened.recvfrom(2000):
                if not data[0]:
                    return
                opened.sendto(*data)

        thread = threading.Thread(target=serve)
        thread.start()
        yield opened.getsockname()[1]
        opened.sendto(b"", opened.getsockname())
        thread.join()


@pytest.fixture
def server():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(LONGEST_S)
        yield opened


def lines(*found):
    return "".join(f"\r\n{line}\r\n" for line in found)


OK = lines("OK")
ERROR = lines("ERROR")

# What opens a socket to PORT, what sends "a\r\n\"" through it, what comes when that is echoed,
# what reads it, what reads when nothing is there, what closes.
TALKS = {
    "bg95": [
        ("AT", "AT\r\r\nOK\r\n"),
        ("ATE0", "ATE0\r\r\nOK\r\n"),
        ("AT+QIACT?", OK),
        ("AT+QIACT=1", OK),
        ("AT+QIACT=1", ERROR),
        ('AT+QIOPEN=1,0,"UDP","server.example",PORT,0,0', OK + lines("+QIOPEN: 0,0")),
        ("AT+QISEND=0,4", "\r\n> "),
        ("DATA", lines("SEND OK", '+QIURC: "recv",0')),
        ("AT+QIRD=0", lines("+QIRD: 4")[:-2] + '\r\na\r\n"\r\n' + OK),
        ("AT+QIRD=0", lines("+QIRD: 0", "OK")),
        ("AT+QICLOSE=0", OK),
        ("AT+QICLOSE=0", OK),
        ("AT+QIRD=0", ERROR),
    ],
    "bc66": [
        ("ATE0", "ATE0\r\r\nOK\r\n"),
        ('AT+QICFG="dataformat",1,1', OK),
        ('AT+QIOPEN=1,0,"UDP","127.0.0.1",PORT,0,0', OK + lines("+QIOPEN: 0,0")),
        ('AT+QISENDEX=0,4,"610D0A22"', lines("SEND OK", '+QIURC: "recv",0')),
        ("AT+QIRD=0,1024", lines("+QIRD: 4")[:-2] + "\r\n610D0A22\r\n" + OK),
        ("AT+QIRD=0,1024", lines("+QIRD: 0", "OK")),
        ("AT+QICLOSE=0", lines("CLOSE OK")),  # manual
    ],
    "bc660k": [
        ("ATE0", "ATE0\r\r\nOK\r\n"),
        ('AT+QICFG="dataformat",1,1', OK),
        ('AT+QIOPEN=0,0,"UDP","server.example",PORT', OK + lines("+QIOPEN: 0,0")),
        ('AT+QISEND=0,4,"610D0A22"', lines("OK", "SEND OK", '+QIURC: "recv",0,4,"610d0a22"')),
        ("AT+QICLOSE=1", lines("OK", "CLOSE OK")),
    ],
    "bc95": [
        ("AT", OK),
        ("AT+CMEE=1", OK),
        ("AT+NPSMR=1;+CSCON=1", lines("OK", "OK")),
        ("AT+NSOCR= DGRAM,17,0,1", lines("1", "OK")),
        ("AT+NSOST=1,127.0.0.1,PORT,4,610D0A22", lines("1,4", "OK", "+NSONMI:1,4")),
        ("AT+NSORF=1,2", lines("1,127.0.0.1,PORT,2,610D,2", "OK")),
        ("at+nsorf=1,512", lines("1,127.0.0.1,PORT,2,0A22,0", "OK")),
        ("AT+NSORF=1,512", OK),
        ("AT+NSORF=0,32", lines("+CME ERROR: 530")),
        ('AT+NSOCR="DGRAM",17,14000,1', lines("+CME ERROR: 50")),
        ("AT+NSOST=1,127.0.0.1,PORT,4,610D0A22,100",
            lines("1,4", "OK", "+NSONMI:1,4", "+NSOSTR:1,100,1")),
        ("AT+NSOCL=1", OK),
        ("at+nsocl=1", lines("+CME ERROR: 530")),
    ],
    "sara_n2": [
        ("AT+CMEE=1", OK),
        ('AT+NSOCR="DGRAM",17,0', lines("0", "OK")),
        ('AT+NSOSTF=0,"127.0.0.1",PORT,0x400,4,"610D0A22"', lines("0,4", "OK", "+NSONMI: 0,4")),
        ("AT+NSORF=0,32", lines('0,"127.0.0.1",PORT,4,"610D0A22",0', "OK")),
        ("AT+NSOCL=0", OK),
        ("at+nsocl=0", lines("+CME ERROR: 4")),
        ("AT+NSOCR=DGRAM,17,4444", lines("+CME ERROR: 50")),
    ],
    "sim7020": [
        ("ATE0", "ATE0\r\r\nOK\r\n"),
        ("AT+CSOC=1,2,1", lines("+CSOC: 0", "OK")),
        ('AT+CSOCON=0,PORT,"127.0.0.1"', OK),
        ("AT+CSOSEND=0,8,610D0A22", lines("OK", "+CSONMI: 0,8,610D0A22")),
        ('AT+CSOSEND=0,0,"Hello"', lines("OK", "+CSONMI: 0,10,48656C6C6F")),
        ("AT+CSODSEND=0,4", "\r\n> "),  # manual
        ("DATA", lines("DATA ACCEPT: 4", "+CSONMI: 0,8,610D0A22")),  # manual
        ("AT+CSORCVFLAG=1", OK),
        ("AT+CSOSEND=0,8,610D0A22", lines("OK", '+CSONMI: 0,4,a\r\n"')),
        ("AT+CSOCL=0", OK),
    ],
    "sim7080": [
        ("ATE0", "ATE0\r\r\nOK\r\n"),
        ('AT+CAOPEN=0,0,"UDP","server.example",PORT', lines("R1951.04", "NO CARRIER")),
        ("AT+CNACT=0,1", lines("OK", "+APP PDP: 0,ACTIVE")),
        ("AT+CASTATE?", OK),
        ('AT+CAOPEN=0,0,"UDP","server.example",PORT', lines("+CAOPEN: 0,0", "OK")),
        ("AT+CASTATE?", lines("+CASTATE: 0,1", "OK")),
        ("AT+CASEND=0,4", "\r\n> "),
        ("DATA", lines("OK", "+CADATAIND: 0")),
        ("AT+CARECV=0,100", lines('+CARECV: 4,a\r\n"', "OK")),
        ("AT+CARECV=0,100", lines("+CARECV: 0", "OK")),
        ("AT+CACLOSE=0", OK),
        ("AT+CARECV=0,512", ERROR),
    ],
    "sara_r4": [
        ("ATE0", "ATE0\r\r\nOK\r\n"),
        ("AT+CMEE=2", OK),
        ("AT+USOCTL=0,0", lines("+USOCTL: 0,0,0", "OK")),
        ("AT+USOCL=0", lines("+CME ERROR: operation not allowed")),
        ("AT+USOCR=17", lines("+USOCR: 0", "OK")),
        ("AT+USOST=0,\"127.0.0.1\",PORT,4", "\r\n@"),
        ("DATA", lines("+USOST: 0,4", "OK", "+UUSORD: 0,4")),
        ("AT+USORF=0,0", "\r\r\n\r" + lines("+USORF: 0,4", "OK")),
        ("AT+USORF=0,1024", "\r\n" + lines('+USORF: 0,"127.0.0.1",PORT,4,"a\r\n""', "OK")),
        ("AT+USORF=0,7", lines('+USORF: 0,""', "OK")),
        ("AT+UDCONF=1,1", OK),
        ("AT+USOST=0,\"127.0.0.1\",PORT,4,\"610D0A22\"",
            lines("+USOST: 0,4", "OK", "+UUSORD: 0,4")),
        ("AT+USORF=0,4", "\r\n" + lines('+USORF: 0,"127.0.0.1",PORT,4,"610D0A22"', "OK")),
        ("AT+USOCL=0", OK),
    ],
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_datagram_goes_and_comes_as_in_the_logs(start, echo, family):
    found, terminal = start(family, first_socket=int(family == "bc95"))
    port = str(echo)
    for command, answer in TALKS[family]:
        if command == "DATA":
            time.sleep(0.06)  # the pause of u-blox
            terminal.write('a\r\n"')
        else:
            terminal.write(command.replace("PORT", port) + "\r")
        expected = answer.replace("PORT", port)
        assert terminal.read(re.escape(expected) + "$") == expected, command
    assert found.counters["up"] == found.counters["down"] > 0


# Of each family what its manual does not allow, though it comes near.
WRONG = {
    "bg95": ['AT+QIOPEN=1,12,"UDP","127.0.0.1",7', 'AT+QIOPEN=1,0,UDP,"127.0.0.1",7',
             'AT+QIOPEN=1,0,"UDP",127.0.0.1,7', "AT+QISEND=0,1461", "AT+QIRD=0,1501",
             'AT+QISENDEX=0,"616"', "AT+CEREG=6", "AT+QISEND",
             'AT+CPSMS=1,,,"001","00000101"'],
    "bc66": ['AT+QIOPEN=0,0,"UDP","127.0.0.1",7', 'AT+QISENDEX=0,3,"6162"', "AT+QIRD=0"],
    "bc660k": ['AT+QIOPEN=1,5,"UDP","127.0.0.1",7', 'AT+QISENDEX=0,3,"6162"'],
    "bc95": ["AT+NSOST=0,127.0.0.1,7,3,6162", 'AT+NSOST=0,"127.0.0.1",7,2,6162',
             "AT+NSOST=0,server.example,7,2,6162", "AT+NSOST=0,127.0.0.1,7,513," + "00" * 513,
             "AT+NSOSTF=0,127.0.0.1,7,512,2,6162", "AT+NSOSTF=0,127.0.0.1,7,0x201,2,6162"],
    "sara_n2": ["AT+NSOST=0,127.0.0.1,7,2,6162", 'AT+QDNS=0,"server.example"'],
    "sim7020": ["AT+CSOSEND=0,2,6162", "AT+CSOSEND=0,0,Hello", 'AT+CSOCON=0,"127.0.0.1",7',
                "AT+CSODSEND=0,1025"],
    "sim7080": ["AT+CASEND=0,1460", "AT+CAOPEN=0,0,UDP,127.0.0.1,7", "AT+CARECV=0,0"],
    "sara_r4": ['AT+USOST=0,"127.0.0.1",7,1025', 'AT+USOST=0,127.0.0.1,7,4', "AT+USORF=0",
                'AT+USOST=0,"127.0.0.1",7,3,"ab"'],
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_a_command_that_no_manual_has_is_refused_and_noted(start, family):
    found, terminal = start(family)
    terminal.ask("ATE0")
    terminal.ask("AT+CMEE=1")
    for command in (*WRONG[family], "AT+NOSUCH", "AT+CSQ=1", "ATX9"):
        answer = terminal.ask(command)
        assert re.search(r"\r\n(ERROR|\+CME ERROR: \d+)\r\n$", answer), (command, answer)
    noted = [line.rpartition(": ")[0] for line in found.malformed]
    assert len(noted) >= len(WRONG[family]), found.malformed
    assert terminal.ask("AT") == OK


def test_both_grammars_of_the_registration(start):
    found, terminal = start("bc95")
    assert terminal.ask("AT+CEREG?") == lines("+CEREG:0,5", "OK")
    assert terminal.ask("AT+CEREG=3") == OK
    assert terminal.ask("AT+CEREG?") == lines("+CEREG:3,5,1A2B,00A1B2C4,9,,", "OK")
    found.lose_network()
    said = terminal.read("CEREG:5.*\r\n$")
    assert said == lines("+CEREG:2,0000,00000000,9,,", "+CEREG:5,1A2B,00A1B2C4,9,,")
    _, other = start("sara_n2")
    other.ask("AT+CEREG=5")
    said = other.ask("AT+CFUN=0")
    assert said.startswith("\r\n+CEREG: 0,") and said.endswith(OK)


def test_a_prompt_that_is_answered_too_soon_loses_what_came(start, server, monkeypatch):
    monkeypatch.setattr(sara_r4, "_PROMPT_S", 0.5)  # a busy machine is late with what came
    found, terminal = start("sara_r4")
    terminal.ask("AT+USOCR=17")
    terminal.ask(f'AT+USOST=0,"127.0.0.1",{server.getsockname()[1]},4', "@$")
    terminal.write("abcd")
    assert terminal.read() == ""
    assert any("too soon" in line for line in found.malformed)
    time.sleep(0.5)
    terminal.write("wxyz")
    assert server.recv(100) == b"wxyz"


def opened(terminal, port):
    terminal.ask("ATE0")
    terminal.ask("AT+QIACT=1")
    assert terminal.ask(f'AT+QIOPEN=1,0,"UDP","127.0.0.1",{port},0,0', "QIOPEN: 0,0")


RECEIVED = '\r\n+QIURC: "recv",0\r\n'

# The switch, and what it does to a send and the announcement of the answer.
SENDS = {
    "urc_loss": ({"urc_loss": 1.0}, lambda said, got: RECEIVED not in said and got["down"] == 1),
    "urc_double": ({"urc_double": 1.0}, lambda said, got: said.count(RECEIVED) == 2),
    "send_fail": ({"send_fail": 1.0}, lambda said, got: "SEND FAIL" in said and not got["up"]),
    "drop": ({"drop": 1.0}, lambda said, got: "SEND OK" in said and got["dropped"] == 1),
    "duplicate": ({"duplicate": 1.0}, lambda said, got: got["down"] == 4),
    "late": ({"late": 1.0, "late_s": 0.1}, lambda said, got: RECEIVED in said and got["delayed"]),
    "noise": ({"noise": 1.0}, lambda said, got: re.search(r"CSCON: 1\r\n\r\nSEND OK", said)),
    "cme_error": ({"cme_error": 1.0}, lambda said, got: said == ERROR),
    "reboot": ({"reboot": 1.0}, lambda said, got: said.endswith(lines("RDY", "APP RDY"))),
    "lose_network": ({"lose_network": 1.0}, lambda said, got: '"pdpdeact",1' in said),
}


@pytest.mark.parametrize("name", SENDS)
def test_each_switch_does_to_a_send_what_it_says(start, echo, name):
    switches, holds = SENDS[name]
    found, terminal = start("bg95")
    opened(terminal, echo)
    found.change(**switches)
    terminal.write('AT+QISENDEX=0,"616263"\r')
    said, deadline = terminal.read(), time.monotonic() + LONGEST_S
    none = dict.fromkeys(("up", "down", "dropped", "delayed"), 0)
    while not holds(said, none | found.counters):
        assert time.monotonic() < deadline, said
        said += terminal.read()


def test_what_is_split_paced_or_echoed_is_the_same_text(start, monkeypatch):
    found, terminal = start("bg95", echo=True, split=3)
    terminal.ask("ATE0")
    write, pieces = os.write, []
    monkeypatch.setattr(os, "write", lambda *given: pieces.append(given[1]) or write(*given))
    said = terminal.ask("ATI")
    monkeypatch.undo()
    assert said.startswith("ATI\r\r\nQuectel\r\n")
    assert pieces.pop(0) == b"ATI\r" and {*map(len, pieces)} == {1, 2, 3}
    assert b"".join(pieces).decode() == said
    found.change(split=0, baud=9600)
    before = time.monotonic()
    assert "Revision" in terminal.ask("ATI")
    assert time.monotonic() - before > 0.07  # that many bytes, at that speed


@pytest.mark.parametrize(
    ("switches", "command", "answer"),
    [
        ({"no_sim": True}, "AT+CPIN?", "+CME ERROR: 10"),
        ({"denied": True}, "AT+CEREG?", "+CEREG: 0,3"),
        ({"radio_off": True}, "AT+CFUN?", "+CFUN: 0"),
        ({"register_s": 9}, "AT+CEREG?", "+CEREG: 0,2"),
        ({"open_s": 9}, 'AT+QIOPEN=1,0,"UDP","127.0.0.1",7', "OK"),
        ({"first_lost": True}, "AT+CEREG?", "+CEREG: 0,5"),
    ],
)
def test_a_state_shows_in_what_the_modem_says(start, switches, command, answer):
    _, terminal = start("bg95", **switches)
    if switches.get("first_lost"):
        assert terminal.ask("AT", "AT\r") == "AT\r"
    terminal.ask("ATE0")
    terminal.ask("AT+CMEE=1")
    terminal.ask("AT+QIACT=1")
    said = terminal.ask(command)
    assert said == (OK if answer == "OK" else said) and answer in said


def test_release_assistance_releases_the_radio_when_it_says(start, server):
    found, terminal = start("bc95", release_s=60)
    port = server.getsockname()[1]
    terminal.ask("AT+CSCON=1")
    terminal.ask("AT+NSOCR=DGRAM,17,0,1")
    send = f"AT+NSOSTF=0,127.0.0.1,{port},"
    found.change(release_s=0.05)
    found.lose_network()  # so that it is released
    terminal.read(r"(?s)\+CSCON:0.+CSCON:1.+CSCON:0\r\n$")  # found anew, and released again
    found.change(release_s=60)
    terminal.ask(f"{send}0x000,1,61", r"\+CSCON:1\r\n$")
    terminal.ask(f"{send}0x200,1,62", r"\+CSCON:0\r\n$")
    terminal.ask(f"{send}0x400,1,63", r"\+CSCON:1\r\n$")
    for _ in range(3):
        data, sender = server.recvfrom(100)
    server.sendto(data, sender)
    assert terminal.read(r"\+CSCON:0\r\n$") == lines("+NSONMI:0,1", "+CSCON:0")
    states = [state for _, state in found.connections]
    assert states[-4:] == [1, 0, 1, 0]
    counters = json.loads(json.dumps(found.counters))
    assert 0 < counters["connected"] < counters["awake"] <= counters["on"]


def test_asleep_it_hears_nothing_and_has_lost_its_sockets(start, server):
    found, terminal = start("bg95", garbage=True, reboot_s=0.05)
    opened(terminal, server.getsockname()[1])
    found.change(release_s=0.05, psm_s=0.1)
    terminal.ask('AT+QISENDEX=0,"616263"', "SEND OK\r\n")
    data, sender = server.recvfrom(100)
    deadline = time.monotonic() + LONGEST_S
    while found.events[-1][1:] != ("radio", "asleep"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    found.change(release_s=60)  # once it wakes
    server.sendto(data, sender)
    assert terminal.read() == ""
    banner = lines("RDY", "APP RDY")
    said = terminal.ask("AT", "APP RDY\r\n")
    assert said.endswith(banner) and len(said) == 8 + len(banner)
    assert terminal.ask("AT") == "AT\r" + OK
    terminal.ask("ATE0")
    assert terminal.ask("AT+QIRD=0") == ERROR
    assert found.counters["awake"] < found.counters["on"] - UNHEARD_S


def test_the_same_seed_is_the_same_run(start):
    def noise(seed):
        _, terminal = start("bg95", noise=0.5, seed=seed)
        terminal.ask("ATE0")
        return [terminal.ask("ATI").count("CSCON") for _ in range(4)]

    assert noise(1) == noise(1) != noise(2)


@pytest.mark.parametrize(
    ("family", "switches", "text"),
    [
        ("bg96", {}, "there is no modem 'bg96'; use one of: bg95, "),
        ("bg95", {"drop": 1.5}, "drop is 1.5; it is a share, 0 to 1"),
        ("bg95", {"split": -1}, "split is -1; not below 0"),
    ],
)
def test_what_cannot_be_is_refused(family, switches, text):
    with pytest.raises(UserError, match=re.escape(text)):
        Emulator(family, **switches)


def test_the_command_shows_its_line_and_what_is_said_on_it():
    program = "from tools.cli import main; main()"
    command = [sys.executable, "-u", "-c", program, "modem", "bg95", "--loss", "30%"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        path = re.match("bg95 on (.*);", process.stdout.readline())[1]
        assert f"`signet board create --modem {path}`" in process.stdout.readline()
        terminal = Terminal(path)
        assert terminal.ask("AT\x1b[31m") == "AT\x1b[31m\r" + ERROR
        terminal.close()
        while not re.search(r"> +AT\\x1b\[31m$", process.stdout.readline()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        rest = process.communicate()[0]
    assert "commands" in rest and process.returncode == 0
    screens.look("modem", rest)
