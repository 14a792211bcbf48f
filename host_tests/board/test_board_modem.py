"""Does `signet board modem` say who a modem is, and what is wrong with it?"""

import json
import operator
import re
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from host_tests import screens
from tools.board import modem, modem_facts
from tools.board.virtual import VirtualBoard
from tools.cli import app
from tools.modem.emulator import FAMILIES, Emulator
from tools.ui import UserError

_DIGITS = re.compile(r"\d{14,}")

Ask = Callable[..., str]


@pytest.fixture
def ask(tmp_path: Path) -> Ask:
    """Asks a modem of a family, on a board with this device.json; returns what is shown."""

    def run(
        family: str | None, config: dict[str, Any], *words: str, status: int = 0, **switches: Any
    ) -> str:
        folder = tmp_path / "board"
        emulator = Emulator(family, **switches) if family else None
        try:
            board = VirtualBoard(folder).create(modem=emulator.path if emulator else None)
            board.fill({"/device.json": json.dumps(config).encode()})
            with board:
                where = ["--folder", str(folder)] if family else ["--device", board.device]
                done = CliRunner().invoke(app, ["board", "modem", *where, *words])
        finally:
            if emulator:
                emulator.close()
        assert done.exit_code == status, done.output
        screens.look("board modem", done.output)
        return done.output + str(done.exception or "")

    return run


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_known_and_no_number_of_it_or_its_card_is_shown(
    ask: Ask, family: str, tmp_path: Path
) -> None:
    file = tmp_path / "said.txt"
    config = {"modem": {"family": family, "apn": "iot.example"}}
    shown = ask(family, config, "--transcript", str(file))
    assert re.search(rf"modem +.*: {family}\b", shown) and re.search("SIM card +ready", shown)
    assert re.search("network +registered", shown) and "Nothing is wrong" in shown
    said = file.read_text()
    assert "> AT+CEREG?" in said and "< OK" in said
    assert not _DIGITS.search(shown + said)


def test_its_identities_are_shown_when_asked_for(ask: Ask) -> None:
    shown = ask("bg95", {"modem": {"family": "bg95"}}, "--with-identities")
    assert _DIGITS.search(shown)


@pytest.mark.parametrize(
    ("family", "config", "switches", "said"),
    [
        ("bc66", {"family": "bg95"}, {}, "of the family bc66, device.json says bg95"),
        ("bg95", {"family": "bg95"}, {"no_sim": True}, "SIM card: there is none"),
        ("bg95", {"family": "bg95"}, {"denied": True}, "network: the network refuses this SIM"),
        ("bg95", {"family": "bg95"}, {"register_s": 60.0}, "network: no coverage"),
        (None, {"family": "bg95", "tx": 17}, {}, "give --tx and --rx"),
        pytest.param(
            None,
            {"family": "bg95", "tx": 17, "rx": 16, "wake": 4},
            {},
            "line: no modem answers at any baud",
            marks=pytest.mark.proof,  # it waits for 40 s
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(
    ask: Ask, family: str | None, config: dict[str, Any], switches: dict[str, Any], said: str
) -> None:
    shown = ask(family, {"modem": config}, status=1, **switches)
    assert said in shown


def _said(*lines: tuple[str, str], **uart: Any) -> modem_facts.Said:
    settings = {"uart": 1, "baud": 9600, "tx": None, "rx": None, "answers": 9600} | uart
    all_lines = [(">", "AT"), ("<", "OK"), *lines]
    printed = [f"{kind} 5 {json.dumps(text)}" for kind, text in all_lines]
    return modem.read("\n".join([*printed, f"uart {json.dumps(settings)}"]))


@pytest.mark.parametrize(
    ("command", "answer", "name", "value", "wrong"),
    [
        ("AT+CPIN?", "+CPIN: SIM PIN", "SIM card", "SIM PIN", "asks for a PIN"),
        ("AT+CPIN?", "+CPIN: SIM PUK", "SIM card", "SIM PUK", "asks for its PUK"),
        ("AT+CPIN?", "+CPIN: NOT INSERTED", "SIM card", "NOT INSERTED", "there is none"),
        ("AT+CFUN?", "+CFUN: 4", "network", "radio off (CFUN 4)", "the radio is off"),
        ("AT+CSQ", "+CSQ: 0,99", "signal", "RSSI -113 dBm", "weak"),
        ("AT+CGDCONT?", '+CGDCONT: 2,"IP","b"\n+CGDCONT: 1,"IP","a"', "APN", "a", ""),
        ("AT+CEREG?", "+CEREG: 0,1\n+CEREG: 2", "network", "registered, at home", ""),
        ("AT+CEREG?", "+CEREG: 2\n+CEREG: 0,1", "network", "registered, at home", ""),
        ("AT+CGMR", "+CSCON: 1\nBG95M3LAR02A03", "firmware", "BG95M3LAR02A03", ""),
        ('AT+QCFG="band"', '+QCFG: "band",0x10004200000000090e189f', "bands", "+QCFG", ""),
        ("AT+CSQ", "+CSQ: 17,99", "signal", "RSSI -79 dBm", ""),  # 27.007: -113 + 2 * 17
        ("AT+CESQ", "+CESQ: 99,99,255,255,10,20", "signal", "RSRP -121 dBm", "weak"),
        ("AT+CESQ", "+CESQ: 99,99,255,255,255,255", "signal", "not known", ""),
        ("AT+CEREG?", "+CEREG: 0,0", "network", "not registered", "the radio is off"),
        ("AT+CEREG?", '+CEREG:2,5,"1A2D","01A2",9', "network", "registered, roaming", ""),
        ("AT+CGMM", "SARA-R510S-00B", "modem", "SARA-R510S-00B: sara_r4", ""),
        ("ATI", "SIM7600E", "modem", "SIM7600E", "knows no such family"),
    ],
)
def test_answers_are_read_as_the_standard_says(
    command: str, answer: str, name: str, value: str, wrong: str
) -> None:
    answers = [("<", text) for text in answer.split("\n")]
    found = _said((">", command), ("<", command), *answers, ("<", "OK"))
    fact = next(fact for fact in modem_facts.look(found) if fact.name == name)
    assert fact.value.startswith(value) and wrong in fact.wrong


@pytest.mark.parametrize(
    "text",
    [
        "IMEI: 867723030000001",
        "IMEI: 86-772303-000000-1",
        "+CCID: 898600D6997700098517",
        "8986 0006 9977 0009 8517",
        "x" * 190 + "867723030000001",
    ],
)
def test_a_number_is_masked_however_it_is_written(text: str) -> None:
    said = _said((">", "ATI"), ("<", text), ("<", "OK"))
    assert "digits" in said.lines[3][2] or len(said.lines[3][2]) == 200
    assert not re.search(r"8986|8677|86-7|9977|98517", str(said))
    early = modem.read(f"< 5 {json.dumps(text)}\nuart {json.dumps(said.uart)}")
    assert early.lines[0][2].endswith("characters>")


def test_what_cannot_be_done_is_said_before_the_board_is_asked(tmp_path: Path) -> None:
    VirtualBoard(tmp_path / "board").create()
    there = tmp_path / "there.txt"
    there.touch()
    for words, why in (
        ([], "this board has no modem"),
        (["--transcript", str(there)], "is there already"),
        (["--transcript", str(tmp_path / "no" / "file")], "cannot write"),
        (["--transcript", str(tmp_path / "left.txt")], "this board has no modem"),
    ):
        folder = str(tmp_path / "board")
        done = CliRunner().invoke(app, ["board", "modem", "--folder", folder, *words])
        assert done.exit_code == 1 and why in str(done.exception)
    assert not (tmp_path / "left.txt").exists()


def test_another_baud_and_a_line_of_junk_are_told_apart() -> None:
    first = next(modem_facts.look(_said(baud=115_200)))
    assert 'set "baud": 9600' in first.wrong
    settings = {"uart": 1, "baud": 9600, "tx": 17, "rx": 16}
    junk = modem.read(f"< 5 {json.dumps(chr(0xFE))}\nuart {json.dumps(settings)}")
    assert "nothing that can be read" in next(modem_facts.look(junk)).wrong
    with pytest.raises(UserError, match="did not ask its modem"):
        modem.read("Traceback")


class _FakeTime:
    """The board's clock, which waits for nobody."""

    def __init__(self) -> None:
        self.now = 0

    def ticks_ms(self) -> int:
        return self.now

    def sleep_ms(self, ms: int) -> None:
        self.now += ms

    ticks_add = staticmethod(operator.add)
    ticks_diff = staticmethod(operator.sub)


class _FakeModem:
    """Answers each command with its text, after so many ms, at one baud."""

    def __init__(self, clock: _FakeTime, waits: dict[str, int], baud: int) -> None:
        self.clock, self.waits, self.baud = clock, waits, baud
        self.queue: list[tuple[int, bytes]] = []

    def uart(self, number: int, baud: int, **switches: Any) -> "_FakeModem":
        self.is_right = baud == self.baud
        return self

    def write(self, text: str) -> None:
        command = text.strip()
        ms = self.waits.get(command, self.waits.get("all", 10))
        if self.is_right:
            self.queue.append((self.clock.now + ms, f"it is {command}\r\nOK\r\n".encode()))

    def read(self) -> bytes | None:
        came = [text for at, text in self.queue if at <= self.clock.now]
        self.queue = [item for item in self.queue if item[0] > self.clock.now]
        return b"".join(came) or None


@pytest.fixture
def asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., modem_facts.Said]:
    """What a modem says to these commands that takes so long, at that baud: asks(waits, baud)."""

    def ask(waits: dict[str, int], baud: int, *commands: str) -> modem_facts.Said:
        clock = _FakeTime()
        fake = _FakeModem(clock, waits, baud)
        monkeypatch.setitem(sys.modules, "time", clock)
        monkeypatch.setitem(sys.modules, "machine", types.SimpleNamespace(UART=fake.uart))
        asked = ({"baud": 9600}, [(command, 3000) for command in commands], False)
        program = compile(modem.PROGRAM.read_text(), "ask_modem", "exec")
        exec(program, {"ASKED": asked})
        return modem.read(capsys.readouterr().out)

    return ask


def test_a_modem_that_answers_at_no_baud_is_told(asks: Callable[..., modem_facts.Said]) -> None:
    first = next(modem_facts.look(asks({}, 300)))
    assert "no modem answers at any baud" in first.wrong


@pytest.mark.parametrize(
    ("waits", "baud", "late"),
    [
        ({}, 4800, ""),
        ({"all": 2200}, 9600, ""),
        ({"ATI": 4000}, 9600, ""),
        ({"ATI": 7000}, 9600, "ATI"),
        ({"ATI": 1 << 30}, 9600, "ATI"),
        ({"all": 700, "ATI": 3500, "AT+CGMM": 3700}, 9600, ""),
    ],
)
def test_no_late_answer_is_taken_for_that_of_the_next_command(
    asks: Callable[..., modem_facts.Said], waits: dict[str, int], baud: int, late: str
) -> None:
    commands = ["ATI", "AT+CGMM", "AT+CGMR"]
    said = asks(waits, baud, *commands)
    assert said.uart["answers"] == baud
    for command in commands:
        assert said.answer(command) == ([] if command == late else [f"it is {command}"])
