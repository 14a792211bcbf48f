"""How is a board: firmware, memory, flash, clock, network, last reset, and what waits there?

Asked by a small program that changes nothing, needs nothing of signet and little heap.
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from tools.board import outbox
from tools.board.mpremote import ask
from tools.board.plan import MANAGED
from tools.doctor.row import NOTE, OK, WRONG, Row
from tools.ui import UserError, signet

_OLDEST = (1, 25)
_CLOCK_S = 60
_LEAST_HEAP, _LEAST_FLASH = 4096, 8192  # bytes: a report; two blocks
_TLS_BYTES = 40 << 10  # of ESP-IDF's memory, for one connection
_LONG_OUTBOX = 256 << 10  # bytes; half a minute on a serial line
_MOST_BYTES, _MOST_S = 1 << 14, 60.0
_UNREADABLE = "what the board says of itself cannot be read: press its reset and try again"

_HEAP = """
import gc
gc.collect()
print('["heap",[%d,%d]]\\n[]' % (gc.mem_free(), gc.mem_alloc()))
"""
# Each line is JSON: [name, values] or [name, null, error]; an empty list ends them.
_PROGRAM = """
import gc, json, os, sys, time, machine
def say(name, ask):
    try:
        line = [name, ask()]
    except Exception as e:
        line = [name, None, type(e).__name__]
    print(json.dumps(line))
def named(where, value, start, end):
    return [n for n in dir(where) if n.startswith(start) and n.endswith(end)
            and getattr(where, n) == value]
def idf():
    import esp32
    return [list(a)[:3] for a in esp32.idf_heap_info(esp32.HEAP_DATA)]
def flash():
    s = os.statvfs("/")
    return [s[1] * s[2], s[1] * s[3]]
def wifi():
    import network
    w = network.WLAN(network.STA_IF)
    try:
        rssi = w.status("rssi")
    except Exception:
        rssi = None
    return [w.active(), w.isconnected(), named(network, w.status(), "STAT_", ""), rssi]
def size(path):
    try:
        return os.stat(path)[6]
    except OSError:
        return None
def outbox():
    try:
        return sum([e[3] for e in os.ilistdir("/outbox")])
    except OSError:
        return 0
def frozen():
    return size("/lib/signet") is None and bool(__import__("signet"))
gc.collect()
say("micropython", lambda: [list(sys.implementation[1])[:3], sys.platform,
    sys.implementation._machine])
say("reset", lambda: named(machine, machine.reset_cause(), "", "_RESET"))
say("idf", idf)
say("flash", flash)
say("clock", lambda: list(time.gmtime()[:6]))
say("wifi", wifi)
say("files", lambda: [size(p) for p in FILES])
say("frozen", frozen)
say("outbox", outbox)
print("[]")
"""
_FILES = (MANAGED, "/device.json", "/main.py", "/wifi.json")


def facts(line: str) -> dict[str, Any]:
    """What a board that was reached says of itself, by name. raises: UserError."""
    heap = None
    with contextlib.suppress(UserError):  # as it was stopped; there may be no room for more
        heap = _found(ask(line, _HEAP, _MOST_BYTES, _MOST_S, again=True)).get("heap")
    program = f"FILES = {_FILES!r}\n{_PROGRAM}"
    try:
        found = _found(ask(line, program, _MOST_BYTES, _MOST_S, again=True))
    except UserError:  # after a fresh start
        found = _found(ask(line, program, _MOST_BYTES, _MOST_S))
    return found | {"heap": heap}


def _found(printed: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in printed.splitlines():
        try:
            match json.loads(line):
                case []:
                    return found
                case [str(name), None, str()]:
                    found[name] = None
                case [str(name), values]:
                    found[name] = values
        except ValueError:
            continue
    raise UserError(_UNREADABLE)


def rows(found: Mapping[str, Any], now: datetime) -> Iterator[Row]:
    """What the facts mean. now: this computer's time then.

    raises: UserError for what no board's program says.
    """
    for name, reader in _READERS.items():
        try:
            yield from reader(found, now)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError):
            if found.get(name) is not None:
                raise UserError(_UNREADABLE) from None
            yield Row(name, NOTE, "the board does not say")


def _micropython(found: Mapping[str, Any], _: datetime) -> Iterator[Row]:
    version, port, machine = found["micropython"]
    text = f"{'.'.join(map(str, version))} on {port}: {machine}"
    if tuple(version[:2]) < _OLDEST:
        mend = "signet needs 1.25 or newer, from micropython.org/download; `signet board flash`"
        yield Row("MicroPython", WRONG, text, f"{mend} writes it to an ESP32")
    else:
        yield Row("MicroPython", OK, text)


def _signet(found: Mapping[str, Any], _: datetime) -> Iterator[Row]:
    folder, config, main, _ = found["files"]
    lacks = [name for name, size in (("device.json", config), ("main.py", main)) if size is None]
    if folder is None and not found["frozen"]:
        lacks.insert(0, "signet")
    if lacks:
        mend = f"`{signet('board', 'deploy')}` puts it there"
        yield Row("signet", WRONG, f"not on the board: {', '.join(lacks)}", mend)
        return
    yield Row("signet", OK, "in the firmware" if found["frozen"] else "in /lib")


def _reset(found: Mapping[str, Any], _: datetime) -> Iterator[Row]:
    causes = found["reset"]
    text = " or ".join(causes) or "unknown"
    if causes == ["WDT_RESET"]:
        mend = "its program hung for longer than the watchdog waits: `signet board console` shows"
        yield Row("last reset", WRONG, text, f"{mend} where")
    else:
        yield Row("last reset", OK, text)


def _heap(found: Mapping[str, Any], _: datetime) -> Iterator[Row]:
    mend = "too little for a report: import less, or freeze signet into the firmware"
    if found["heap"] is None:
        yield Row("heap", WRONG, "too full to answer", mend)
    else:
        free, used = found["heap"]
        text = f"{_kib(free)} free beside the program, {_kib(used)} used"
        yield Row("heap", *((WRONG, text, mend) if free < _LEAST_HEAP else (OK, text)))
    if areas := found.get("idf"):
        free, largest = sum(area[1] for area in areas), max(area[2] for area in areas)
        text = f"{_kib(free)} free in {len(areas)} areas, largest block {_kib(largest)}"
        mend = "TLS takes about 38 KiB of it: restart the board; less Bluetooth, fewer sockets"
        low = free < _TLS_BYTES
        yield Row("ESP-IDF's heap", WRONG if low else OK, text, mend if low else "")


def _flash(found: Mapping[str, Any], _: datetime) -> Iterator[Row]:
    size, free = found["flash"]
    text = f"{_kib(free)} free of {_kib(size)}"
    if free < _LEAST_FLASH:
        mend = "full: no report can wait there. Remove files with `mpremote fs rm`"
        yield Row("flash", WRONG, text, mend)
    else:
        yield Row("flash", OK, text)


def _clock(found: Mapping[str, Any], now: datetime) -> Iterator[Row]:
    year, month, day, hour, minute, second = found["clock"]
    clock = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    off = round((clock - now).total_seconds())
    text = f"{clock:%Y-%m-%d %H:%M:%S} UTC, {off:+} s from this computer's"
    if abs(off) > _CLOCK_S:
        mend = "certificates fail by their dates: does the network let NTP (UDP 123) through?"
        yield Row("clock", WRONG, text, mend)
    else:
        yield Row("clock", OK, text)


_WIFI = {
    "STAT_WRONG_PASSWORD": "check password in wifi.json, and deploy it again",
    "STAT_NO_AP_FOUND": "check ssid in wifi.json; is the network on 2.4 GHz, and near?",
    "STAT_HANDSHAKE_TIMEOUT": "check password in wifi.json; is the network near?",
    "STAT_IDLE": "nothing has tried to join: is wifi.json on the board, and boot.py whole?",
}


def _wifi(found: Mapping[str, Any], _: datetime) -> Iterator[Row]:
    if found["wifi"] is None:
        yield Row("Wi-Fi", NOTE, "none in this firmware")
        return
    active, connected, status, rssi = found["wifi"]
    if connected:
        strength = f", {rssi} dBm" if isinstance(rssi, int) else ""
        yield Row("Wi-Fi", OK, f"connected{strength}")
        return
    if not active and found["files"][-1] is None:  # a modem's, or a cable's
        yield Row("Wi-Fi", NOTE, "not in use")
        return
    said = " or ".join(status) if active else "switched off"
    mend = next((_WIFI[name] for name in status if name in _WIFI), _WIFI["STAT_NO_AP_FOUND"])
    yield Row("Wi-Fi", WRONG, f"not connected: {said}", mend)


_READERS: dict[str, Callable[[Mapping[str, Any], datetime], Iterator[Row]]] = {
    "micropython": _micropython,
    "files": _signet,
    "reset": _reset,
    "heap": _heap,
    "flash": _flash,
    "clock": _clock,
    "wifi": _wifi,
}


def waiting(line: str, found: Mapping[str, Any]) -> Iterator[Row]:
    """What waits for the cloud there, and what was set aside, why. raises: UserError."""
    size = found.get("outbox") or 0
    if not size:
        yield Row("outbox", OK, "no report on flash: none waits, none was set aside")
        return
    if size > _LONG_OUTBOX:
        yield Row("outbox", NOTE, f"{_kib(size)} on flash; `signet board outbox` lists it")
        return
    content = outbox.contents(line)
    dropped = content.counters.get("dropped", 0)
    text = f"{len(content.waiting)} reports wait"
    text += f", {dropped} were dropped so far" if dropped else ""
    yield Row("outbox", OK, text)
    if content.damaged_bytes or content.is_kept:
        mend = f"kept in {outbox.FOLDER}/damaged; see `signet board outbox`"
        yield Row("outbox", WRONG, "a part of it was damaged", mend)
    if content.set_aside:
        last = content.set_aside[-1]
        count = len(content.set_aside)
        mend = "`signet board outbox` shows them; `outbox retry` when the reason is mended"
        yield Row("last errors", WRONG, f"{count} set aside, the last: {last.reason}", mend)
    else:
        yield Row("last errors", OK, "no report was set aside")


def _kib(size: int) -> str:
    return f"{size / 1024:.1f} KiB"
