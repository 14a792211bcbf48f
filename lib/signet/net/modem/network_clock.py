"""What time is it, as the network has told the modem, and how strong is the network's signal?

Asked of the modem that net/modem/channel.py has, while no command runs there, or will have. Loaded
when somebody wants to know, and forgotten: see modules.call.

Source: 3GPP TS 27.007 (CCLK, CSQ, CESQ).
"""

from micropython import const

from signet import clock, modules
from signet.errors import SignetError
from signet.net.modem import channel
from signet.wire import iso8601

_MS = const(2000)
_REGISTER_MS = const(30_000)
_PAUSE_MS = const(5)
_QUARTER_S = const(900)
_BORN = const(25)  # years of the century: before the network has told the time a modem's clock
_OLD = const(70)  # shows 1970, 1980 or 2004
_UNKNOWN_RSRP = const(255)
_UNKNOWN_RSSI = const(99)


def unix_s(settings):
    """Returns Unix time, an int in s; None where the modem cannot tell.

    Args:
        settings: function that returns what `modem` is in device.json, a dict; it is called where
            no modem is in use yet, which then registers first. That takes 30 s at most, else 2 s.
    """
    at = channel.modem
    if at is None:
        at = channel.made(settings())
        at.deadline = clock.Deadline(_REGISTER_MS)
        opening = modules.call("signet.net.modem.modem", "opening", at, None, None)
        _run(at, opening, _REGISTER_MS)
        at.deadline = None
    command, want, is_local = at.CLOCK
    return _first(_time, _ask(at, command, want), is_local)


def dbm():
    """Returns how strong the network's signal is, an int in dBm: RSRP, else RSSI; None: unknown.

    Waits 4 s at most.
    """
    at = channel.modem
    if at is None:
        return None
    found = _first(_rsrp, _ask(at, "AT+CESQ", b"+CESQ:"))
    return _first(_rssi, _ask(at, "AT+CSQ", b"+CSQ:")) if found is None else found


def _first(read, lines, *arguments):
    try:
        return read(lines[0].decode(), *arguments)
    except (ValueError, IndexError):
        return None


def _time(text, is_local):
    """Of "yy/MM/dd,hh:mm:ss+zz", zz in quarters of an hour; a year of QLTS has four digits."""
    sign = -1 if "-" in text else 1
    for mark in '"/,:+-':
        text = text.replace(mark, " ")
    parts = text.split() + ["0"]  # BC95 may leave the quarters out
    year, month, day, hour, minute, second, quarters = [int(part) for part in parts[:7]]
    if not _BORN <= year % 100 < _OLD:
        return None
    time_s = iso8601.unix_s(2000 + year % 100, month, day, hour, minute, second)
    return time_s - sign * quarters * _QUARTER_S * is_local


def _rsrp(text):
    number = int(text.split(",")[-1])
    return None if number == _UNKNOWN_RSRP else number - 141


def _rssi(text):
    number = int(text.split(",")[0])
    return None if number == _UNKNOWN_RSSI else 2 * number - 113


def _ask(at, command, want):
    """Returns the lines of an answer; none where the modem is at something else, or silent."""
    found = []
    if at.job is None and at.fresh:
        _run(at, _asking(at, command, want, found), _MS)
    return found


def _run(at, job, timeout_ms):
    at.job = job
    deadline = clock.Deadline(timeout_ms)
    try:
        while at.job is not None and not deadline.expired():
            at.step()
            at.datagram = None  # as good as lost on the way
            if not at.moved:
                clock.sleep_ms(_PAUSE_MS)
            clock.waited()
    except (SignetError, OSError):
        pass
    at.drop()


def _asking(at, command, want, found):
    yield from at.woken()
    found += (yield from at.ask(command, want, _MS)) or ()
