"""What time is it, as servers on the network say, and which of their answers is no time?

By SNTP (RFC 5905 section 14) and, where UDP port 123 is blocked, by the Date of a web server
(RFC 9110 section 6.6.1), or by whom a board.py asks.  None is authenticated: who sits on the way
can answer what he likes.
So what counts is bounded: not before this file was built, not 20 years after, and not before the
newest day that was proved (`proved` in signet.state, see daily.py), so that no certificate that
has expired comes to life again.

RTC memory, where a port has it, holds when a server was asked, and what came of it.  Loaded when
a board's clock may be due, and forgotten: see modules.call.
"""

import os
import socket
import time

import machine
from micropython import const

from signet import SignetError, clock, modules

_BUILT_S = const(1_793_491_200)  # 2026-11-01; a release raises it
_LIFE_S = const(631_152_000)
_DAY_S = const(86_400)
_SYNC_S = const(82_800)  # an hour less than signet's day, so that a board that stays on asks daily
_NO_ANSWER_S = const(3600)  # a private network may have no time server at all
_TRIES = const(3)
_NTP_S = const(1)
_WEB_S = const(2)  # to connect, and for each piece of the answer
_WEB_MS = const(5000)  # for all of that
_HEAD_BYTES = const(2048)

# RTC memory: one of these, then Unix time in 4 bytes.
_SET = const(b"set ")
_NONE = const(b"none")  # nobody answered
_HELD = const(b"held")  # nobody has yet, and the clock began at the day that was proved

_CLIENT = const(0x23)  # version 4, mode 3
_SERVER = const(4)
_ALARM = const(3)  # the server's own clock is not synchronised
_STRATA = const(16)
_SINCE_1900_S = const(2_208_988_800)
_ERA_S = const(4_294_967_296)  # the seconds of NTP have 32 bits: the next era begins in 2036

_HEAD = const(
    "HEAD / HTTP/1.1\r\nHost: {}\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n"
)


def set_clock(servers):
    """Sets the board's clock, unless that was within a day, or nobody answered within an hour.

    A clock that is set back, or is not set, begins at the day that was proved where nobody
    answers: then TLS works, and `clock.is_set` stays False, because that is no time for a report.

    Args:
        servers: list of (how, host, port), to be asked in turn; how: "ntp", "http", or a function
            of host, port and turn that returns Unix time, or raises ValueError; host: str, None
            for the cloud's, which device.json names. The name lookup cannot be bounded, all else
            takes 10 s for each at most.
    Returns:
        bool, True when the clock is set.
    """
    memory = getattr(machine.RTC(), "memory", lambda data=b"": b"")
    kept = memory()  # a power cut clears it with the clock
    mark = kept[:4]
    age_s = clock.unix_ms() // 1000 - int.from_bytes(kept[4:8], "little")
    if mark == _SET and 0 <= age_s < _SYNC_S and not clock.doubted:
        return True
    lately = mark in (_NONE, _HELD) and 0 <= age_s < _NO_ANSWER_S
    if lately and machine.reset_cause() == machine.DEEPSLEEP_RESET:  # rp2 has neither
        return False
    proved_s = _proved_s()
    found_s = _ask(servers, max(proved_s, _BUILT_S))
    mark = _SET if found_s else _HELD if mark == _HELD else _NONE
    if not found_s and clock.unix_ms() // 1000 < proved_s:
        found_s, mark = proved_s, _HELD
    if found_s:
        now = time.gmtime(found_s - clock.epoch_s)
        machine.RTC().datetime((now[0], now[1], now[2], now[6] + 1, now[3], now[4], now[5], 0))
    if mark != _NONE:
        clock.doubted = mark == _HELD
    memory(mark + (clock.unix_ms() // 1000).to_bytes(4, "little"))
    return mark == _SET


def _proved_s():
    try:
        from signet.device.state import State
    except ImportError:  # it is not on a board without TLS, where nobody proves anything
        return 0
    return State().values.get("proved", 0) * _DAY_S


def _ask(servers, earliest_s):
    """Returns the Unix time that the first server says whose answer is one; None without."""
    for how, host, port in servers:
        for turn in range(_TRIES if how == "ntp" else 1):
            clock.waited()
            try:
                host = host or _cloud()
                ask = _ntp if how == "ntp" else _date if how == "http" else how
                unix_s = ask(host, port, turn)
            except (OSError, ValueError, SignetError):
                continue
            if earliest_s <= unix_s < _BUILT_S + _LIFE_S:
                return unix_s
            print("board: what", host, "answers is no time")
            break  # it would say the same again
    return None


def _cloud():
    """The host in device.json; whether that is right, others say."""
    host = modules.call("signet.device.json_file", "read", "device.json")[0].get("host")
    if not isinstance(host, str):
        raise ValueError
    return host[:-1] if host[-1:] == "." else host  # as config.py


def _connected(host, port, kind, timeout_s, turn):
    """A socket to one of the host's addresses; another where the first has no way there."""
    found = socket.getaddrinfo(host, port, 0, kind)
    turn %= len(found)
    for info in (found[turn:] + found[:turn])[:2]:
        sock = socket.socket(info[0], kind)
        try:
            sock.settimeout(timeout_s)
            sock.connect(info[-1])
            return sock
        except OSError as error:
            sock.close()
            failure = error
    raise failure


def _ntp(host, port, turn):
    """Asks once.  0: the server says that it does not know, or will not tell (kiss of death)."""
    request = bytearray(48)
    request[0] = _CLIENT
    request[40:] = os.urandom(8)  # comes back: nobody can answer who has not seen it
    sock = _connected(host, port, socket.SOCK_DGRAM, _NTP_S, turn)
    try:
        sock.send(request)
        answer = sock.recv(48)
    finally:
        sock.close()
    if len(answer) < 48 or answer[0] & 7 != _SERVER or answer[24:32] != request[40:]:
        raise ValueError
    if answer[0] >> 6 == _ALARM or not 0 < answer[1] < _STRATA or not any(answer[40:]):
        return 0
    unix_s = int.from_bytes(answer[40:44], "big") - _SINCE_1900_S
    return unix_s if unix_s >= _BUILT_S else unix_s + _ERA_S


def _date(host, port, turn):
    """Asks a web server for its head.  0: there is no Date in it."""
    head = b""
    deadline = clock.Deadline(_WEB_MS)
    sock = _connected(host, port, socket.SOCK_STREAM, _WEB_S, turn)
    try:
        sock.send(_HEAD.format(host).encode())
        while b"\r\n\r\n" not in head and len(head) < _HEAD_BYTES and not deadline.expired():
            part = sock.recv(512)
            if not part:
                break
            head += part
    finally:
        sock.close()
    for line in head.split(b"\r\n")[1:-1]:
        name, _, value = line.partition(b":")
        if name.lower() == b"date":
            from signet.wire import http_date  # most wakes ask nobody

            return http_date.unix_s(value.decode())
    return 0
