"""How does `signet board modem` ask a board's modem, and show it without its numbers?

The board asks it, without signet (firmware/ask_modem.py); modem_facts.py says what it means.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from tools.board.line import serial_line
from tools.board.modem_facts import BANDS, IDENTITIES, NOT_TOLD, Fact, Said, look
from tools.board.mpremote import RESTART, ask, reach, run
from tools.board.virtual import DEFAULT_FOLDER
from tools.paths import ROOT
from tools.ui import BoardFolder, UserError, console, errors, visible

PROGRAM = ROOT / "firmware" / "ask_modem.py"
_MOST_BYTES, _MOST_S, _RESTART_S = 1 << 16, 240.0, 20.0
_ANSWER_MS, _NETWORK_MS = 3000, 15_000

_COMMANDS = (
    *("ATI", "AT+CGMI", "AT+CGMM", "AT+CGMR", "AT+CMEE=1", "AT+CPIN?", "AT+CFUN?", "AT+CEREG?"),
    *("AT+COPS?", "AT+CSQ", "AT+CESQ", "AT+CGATT?", "AT+CGDCONT?", "AT+CPSMS?", "AT+CEDRXS?"),
    *("AT+CSCON?", "AT+CCLK?", *BANDS),
)
_NUMBER = re.compile(r"(?<![0-9A-Fa-f])(?<!0[xX])(?:[0-9A-Fa-f][ -]?){14,}")
"""IMEI has 15 digits, or 14, or 16 with its version; IMSI up to 15; ICCID 18 to 22, some with a
letter; in groups, some. Masks of bands begin with 0x.
"""
_FEWEST_DIGITS = 10
_LONGEST = 200
_NEEDED = ("SIM card", "network", "signal")

_NO_PINS = (
    "the board's device.json gives no `tx` and `rx` of a modem: give --tx and --rx (the UART's own"
    " pins may be the flash's)"
)


def modem(
    *,
    device: Annotated[
        str | None, typer.Option(help="Serial line of a real board, for example /dev/ttyUSB0.")
    ] = None,
    folder: BoardFolder = DEFAULT_FOLDER,
    uart: Annotated[int | None, typer.Option(min=0, help="Number of the board's UART.")] = None,
    baud: Annotated[int | None, typer.Option(min=1200, help="Which is tried first.")] = None,
    tx: Annotated[int | None, typer.Option(min=0, help="Pin to the modem's RX.")] = None,
    rx: Annotated[int | None, typer.Option(min=0, help="Pin from the modem's TX.")] = None,
    transcript: Annotated[
        Path | None, typer.Option(help="Write all that went and came into this file.")
    ] = None,
    with_identities: Annotated[
        bool,
        typer.Option("--with-identities", help="Ask for IMEI, IMSI and ICCID, and show them."),
    ] = False,
) -> None:
    """Ask a board's modem who it is, and say what is wrong. The board restarts.

    What is not given here, the board's device.json says, under `modem`.
    """
    given = {"uart": uart, "baud": baud, "tx": tx, "rx": rx}
    if transcript:
        _make(transcript)
    try:
        said = _ask(device, folder, given, with_identities)
    except BaseException:
        if transcript:
            transcript.unlink()
        raise
    if transcript:
        transcript.write_text(_text(said))
    facts = [*look(said)]
    console.print(_table(facts))
    for fact in facts:
        if fact.wrong:
            console.print(f"{fact.name}: {fact.wrong}", markup=False)
    if transcript:
        console.print(f"All that was said: {transcript}", markup=False, soft_wrap=True)
    if untold := [f.name for f in facts if f.name in _NEEDED and f.value == NOT_TOLD]:
        console.print(f"It did not tell: {', '.join(untold)}; run again")
    if untold or any(fact.wrong for fact in facts):
        raise typer.Exit(1)
    console.print("Nothing is wrong that it says.")


def _make(transcript: Path) -> None:
    try:
        transcript.open("x").close()
    except FileExistsError:
        raise UserError(f"{transcript} is there already; name another") from None
    except OSError as error:
        raise UserError(f"cannot write {transcript}: {error.strerror}") from None


def _ask(
    device: str | None, folder: Path, given: dict[str, int | None], with_identities: bool
) -> Said:
    if device is None and (folder / "flash.img").exists() and not (folder / "modem").exists():
        raise UserError("this board has no modem: `signet board create --modem bg95`")
    settings = {name: value for name, value in given.items() if value is not None}
    commands = [*_COMMANDS, *(IDENTITIES if with_identities else ())]
    times = [(text, _NETWORK_MS if text == "AT+COPS?" else _ANSWER_MS) for text in commands]
    asked = (settings, times, device is not None)
    program = f"ASKED = {asked!r}\n{PROGRAM.read_text()}"
    with serial_line(device, folder) as line, errors.status("asking the modem") as status:
        reach(line, status.update)
        try:
            printed = ask(line, program, _MOST_BYTES, _MOST_S)
        finally:
            run(line, ["resume"], [["exec", "--no-follow", RESTART]], _RESTART_S)
    return read(printed, with_identities)


def read(printed: str, with_identities: bool = False) -> Said:
    """What the board's program has printed; without numbers that name a person's device or card.

    raises: UserError where it is not that.
    """
    lines = []
    uart: dict[str, Any] = {}
    is_clean = False
    for line in printed.splitlines():
        kind, _, rest = line.partition(" ")
        try:
            if kind == "pins":
                raise UserError(_NO_PINS)
            if kind == "uart":
                uart = json.loads(rest)
            elif kind in (">", "<"):
                ms, _, text = rest.partition(" ")
                shown = visible(json.loads(text))
                is_clean = is_clean or (kind, shown) == ("<", "OK")
                if not with_identities:
                    shown = _NUMBER.sub(_masked, shown)
                    if kind == "<" and not is_clean:  # at another baud a number is no number
                        shown = f"<{len(shown)} characters>"
                lines.append((int(ms), kind, shown[:_LONGEST]))
        except ValueError:
            continue
    if not uart:
        raise UserError("the board did not ask its modem: has its firmware machine.UART?")
    return Said(uart, lines)


def _masked(found: re.Match[str]) -> str:
    text = found[0]
    if sum(sign.isdigit() for sign in text) < _FEWEST_DIGITS:
        return text
    return f"<{sum(sign.isalnum() for sign in text)} digits>{' ' if text[-1] == ' ' else ''}"


def _text(said: Said) -> str:
    lines = [f"{ms / 1000:8.3f} {kind} {text}\n" for ms, kind, text in said.lines]
    return f"uart {json.dumps(said.uart)}\n{''.join(lines)}"


def _table(facts: list[Fact]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column()
    for fact in facts:
        shown.add_row(fact.name, Text(fact.value, "yellow" if fact.wrong else ""))
    return shown
