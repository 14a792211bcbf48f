"""How does `signet board selftest` find out what a board can do, and how fast?

The board measures itself, without signet (firmware/selftest.py); what is wrong is said in words.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from tools.board.line import serial_line
from tools.board.mpremote import RESTART, ask, reach, run
from tools.board.virtual import DEFAULT_FOLDER
from tools.paths import ROOT
from tools.toolchain.progress import told
from tools.ui import BoardFolder, UserError, console, errors, visible

PROGRAM = ROOT / "firmware" / "selftest.py"
_MOST_BYTES, _MOST_S, _RESTART_S = 1 << 15, 180.0, 20.0
_UNREADABLE = "what the board says of itself cannot be read: press its reset and try again"
_SLEEP_S, _BACK_S = 3, 30.0
_OLDEST = (1, 25)
_CLOCK_S = 60
_NEEDED = {
    "hashlib": "nothing can be signed",
    "sha256": "nothing can be signed by default",
    "tls": "only plain ways and CoAP with AES are left",
    "cryptolib": "no CoAP with AES",
    "WDT": "a program that hangs stays so",
    "deepsleep": '"deep_sleep" cannot be used',
    "RTC": "the clock cannot be set",
}

# Before mpremote's own soft reset, which would be the last one.
_RESET = """
import json, machine
cause = machine.reset_cause()
print(json.dumps([n for n in dir(machine) if n[-6:] == "_RESET" and getattr(machine, n) == cause]))
"""
# Both print [digest of the RTC memory, is it awake from sleep]; an empty one is filled meanwhile.
_BEFORE = """
import binascii, hashlib, json, machine
m = machine.RTC().memory()
if not m:
    m = b"selftest"
    machine.RTC().memory(m)
print(json.dumps([binascii.hexlify(hashlib.sha256(m).digest()).decode(), False]))
"""
_AFTER = """
import binascii, hashlib, json, machine
m = machine.RTC().memory()
if m == b"selftest":
    machine.RTC().memory(b"")
woke = machine.reset_cause() == machine.DEEPSLEEP_RESET
print(json.dumps([m and binascii.hexlify(hashlib.sha256(m).digest()).decode(), woke]))
"""
_SLEEP = f"import time, machine; time.sleep_ms(10); machine.deepsleep({_SLEEP_S * 1000})"


class Row(NamedTuple):
    """What the table says of one thing; `wrong` in words, where it is."""

    name: str
    value: str
    wrong: str = ""


def selftest(
    *,
    device: Annotated[
        str | None, typer.Option(help="Serial line of a real board, for example /dev/ttyUSB0.")
    ] = None,
    folder: BoardFolder = DEFAULT_FOLDER,
    handshake: Annotated[
        str | None,
        typer.Option(
            metavar="HOST:PORT", help="A TLS server, to measure a handshake with: nothing is sent."
        ),
    ] = None,
    deep_sleep: Annotated[
        bool, typer.Option("--deep-sleep", help="Let the board sleep for 3 s: what does it keep?")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print all that was measured, to send it.")
    ] = False,
) -> None:
    """Measure a board: memory, TLS, hashes, flash, clock, deep sleep. The board restarts.

    It names no network, no key and no number of the chip.
    """
    found, then = _measure(device, folder, handshake, deep_sleep)
    rows = [*read(found, then)]
    if as_json:
        console.print_json(json.dumps(found, sort_keys=True))
    else:
        console.print(_table(rows))
        for row in rows:
            if row.wrong:
                console.print(f"{row.name}: {row.wrong}", markup=False)
        console.print("The current in deep sleep is yours to measure.")
    if any(row.wrong for row in rows):
        raise typer.Exit(1)


def _measure(
    device: str | None, folder: Path, handshake: str | None, deep_sleep: bool
) -> tuple[dict[str, Any], datetime]:
    program = f"ASKED = {_server(handshake)!r}\n{PROGRAM.read_text()}"
    now = "the board measures itself"

    def show(text: str) -> None:
        nonlocal now
        now = text
        status.update(text)

    with (
        serial_line(device, folder) as line,
        errors.status(now) as status,
        told(lambda: now),
    ):
        reach(line, show)
        show("the board measures itself")
        try:
            reset = _asked(line, _RESET)
            found = _found(ask(line, program, _MOST_BYTES, _MOST_S)) | {"reset": reset}
            then = datetime.now(UTC)
            if deep_sleep:
                found["deep_sleep"] = _slept(line, show)
        finally:
            run(line, ["resume"], [["exec", "--no-follow", RESTART]], _RESTART_S)
    return found, then


def _server(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise UserError(f"--handshake {text!r}: give HOST:PORT, for example example.com:443")
    return host, int(port)


def _found(printed: str) -> dict[str, Any]:
    """What the board's program has printed, by name. raises: UserError where it did not end."""
    found: dict[str, Any] = {}
    for line in printed.splitlines():
        try:
            match json.loads(line):
                case []:
                    return found
                case [str(name), None, str(error)]:
                    found[name] = {"error": error}
                case [str(name), values]:
                    found[name] = values
        except ValueError:
            continue
    raise UserError("the board did not finish its selftest: press its reset and try again")


def _slept(line: str, show: Callable[[str], None]) -> dict[str, Any]:
    """Lets the board sleep; what does it know then?"""
    before = _asked(line, _BEFORE)[0]
    show("the board sleeps")
    run(line, ["resume"], [["exec", "--no-follow", _SLEEP]], _RESTART_S)
    time.sleep(_SLEEP_S + 1)
    end = time.monotonic() + _BACK_S
    while not Path(line).exists() and time.monotonic() < end:  # a chip's own USB goes and comes
        time.sleep(0.2)
    reach(line, show)
    after, *woke = _asked(line, _AFTER)
    memory = "kept" if after == before else "written by boot.py" if after else "lost"
    return {"rtc_memory": memory, "woke": woke == [True]}


def _asked(line: str, program: str) -> list[Any]:
    """The list that a program prints, of one or more. raises: UserError for any other thing."""
    try:
        first, *rest = json.loads(ask(line, program, again=True))
    except (ValueError, TypeError):
        raise UserError(_UNREADABLE) from None
    return [first, *rest]


def read(found: dict[str, Any], now: datetime) -> Iterator[Row]:
    """What it means. now: the host's time then, to hold the board's clock against.

    raises: UserError for what no board's program says.
    """
    for name, values in found.items():
        if isinstance(values, dict) and (error := values.get("error")):
            yield Row(name, "failed", visible(str(error)))
            continue
        try:
            yield from _READERS[name](values, now)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            raise UserError(_UNREADABLE) from None


def _micropython(values: Any, _: datetime) -> Iterator[Row]:
    old = tuple(map(int, values["version"].split(".")[:2])) < _OLDEST
    where = visible(f"{values['version']} on {values['port']}: {values['machine']}")
    yield Row("MicroPython", where, "signet needs 1.25 or newer" if old else "")
    yield Row(
        "numbers",
        f"{values['mhz']} MHz, floats of {values['float_bits']} bits, epoch {values['epoch']}",
    )


def _heap(values: Any, _: datetime) -> Iterator[Row]:
    yield Row("heap", f"{_kib(values['free'])} free, {_kib(values['used'])} used")
    if areas := values.get("idf"):
        yield Row(
            "ESP-IDF's memory",
            f"{_kib(sum(area[1] for area in areas))} free in {len(areas)} areas, largest block"
            f" {_kib(max(area[2] for area in areas))}, least so far"
            f" {_kib(sum(area[3] for area in areas))}",
        )


def _has(values: Any, _: datetime) -> Iterator[Row]:
    yield Row("has", visible(", ".join(values)))
    for name, lost in _NEEDED.items():
        if name not in values:
            yield Row(name, "missing", lost)


def _clock(values: Any, now: datetime) -> Iterator[Row]:
    year, month, day, hour, minute, second = values
    clock = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    off = round((clock - now).total_seconds())
    wrong = "not right: certificates fail by their dates" if abs(off) > _CLOCK_S else ""
    yield Row("clock", f"{clock:%Y-%m-%d %H:%M:%S} UTC, {off:+} s from this computer's", wrong)


def _reset(values: Any, _: datetime) -> Iterator[Row]:
    yield Row("last reset", visible(" or ".join(values)))


def _speed(name: str, key: str, unit: str) -> Callable[[Any, datetime], Iterator[Row]]:
    def row(values: Any, _: datetime) -> Iterator[Row]:
        yield Row(name, f"{_time(values[key])} {unit}")

    return row


def _flash(values: Any, _: datetime) -> Iterator[Row]:
    yield Row("flash", f"{_kib(values['bytes'])}, {_kib(values['free'])} free")
    append, longest = _time(values["us_append"]), _time(values["us_longest"])
    yield Row("append of 64 bytes", f"{append}, the longest {longest}")


def _cost(name: str) -> Callable[[Any, datetime], Iterator[Row]]:
    def row(values: Any, _: datetime) -> Iterator[Row]:
        text = f"{_time(values['us'])}, {_kib(values['heap'])} of heap"
        if "idf" in values:
            text += f", {_kib(values['idf'])} of ESP-IDF's, whose least was"
            text += f" {_kib(values['idf_least'])}"
        yield Row(name, text)

    return row


def _deep_sleep(values: Any, _: datetime) -> Iterator[Row]:
    memory, woke = values["rtc_memory"], values["woke"]
    wrong = "" if woke else "the board did not wake from deep sleep: it was reset, or never slept"
    if memory == "lost":
        wrong = "the RTC memory is lost: after each sleep the clock is asked for anew"
    yield Row("deep sleep", f"RTC memory {memory}", wrong)


def _time(us: int) -> str:
    return f"{us / 1000:.1f} ms" if us >= 1000 else f"{us:d} us"


def _kib(size: int) -> str:
    return f"{size / 1024:.1f} KiB"


_READERS: dict[str, Callable[[Any, datetime], Iterator[Row]]] = {
    "micropython": _micropython,
    "heap": _heap,
    "has": _has,
    "clock": _clock,
    "sha256": _speed("SHA-256", "us_kib", "a KiB"),
    "hmac": _speed("HMAC-SHA-256", "us", "a signature of 100 bytes"),
    "aes": _speed("AES-128-CBC", "us_kib", "a KiB"),
    "flash": _flash,
    "tls": _cost("TLS context"),
    "handshake": _cost("TLS handshake"),
    "reset": _reset,
    "deep_sleep": _deep_sleep,
}


def _table(rows: list[Row]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, show_header=False)
    shown.add_column(no_wrap=True)
    shown.add_column()
    for row in rows:
        shown.add_row(row.name, Text(row.value, "yellow" if row.wrong else ""))
    return shown
