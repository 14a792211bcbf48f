"""How does a modem come from any state to a socket that is open?

Found asleep, rebooted, or still registered: only what is missing is done. Loaded when a channel
is made, and forgotten: see modules.call.

Source: 3GPP TS 27.007 (CFUN, CEREG, CGDCONT, CGAUTH, CPSMS, CEDRXS).
"""

from micropython import const

from signet import clock, modules
from signet.errors import Lost
from signet.net.modem.at import REGISTERED

_CFUN_MS = const(20_000)
_CLOSE_MS = const(10_000)
_LOOK_MS = const(2000)
_STARTS = const(3)  # tries, where the modem begins anew meanwhile
_LOOK_UP_MS = const(60_000)
_DENIED = const(3)
_DENIED_MS = const(30_000)  # by one network; another may take it
_CARD_MS = const(5000)  # until it is read


def opening(at, host, port):
    """A job: opens a socket to a host.

    Args:
        at: at.At. host: str, a name or an address; None: only registers. port: int.
    Returns:
        str, the address, or None.
    Raises:
        Lost: says what is wrong, in words.
    """
    try:
        for turn in range(_STARTS):
            try:
                return (yield from _opening(at, host, port))
            except Lost:
                if not at.gone or turn == _STARTS - 1:
                    raise
    except Lost:
        yield from modules.call("signet.net.modem.trouble", "found", at)
        raise


def _opening(at, host, port):
    settings = at.settings
    at.socket = at.peer = None
    if not at.fresh:
        yield from at.sync()
        for command in ("ATE0", "AT+CMEE=1", "AT+CEREG=1") + at.SETUP:
            yield from at.ask(command)
        yield from _sleeping(at, settings["psm"], settings["edrx"])
    at.gone = None
    access = [settings[key] or "" for key in ("apn", "user", "password")]
    is_name = host is not None and ":" not in host and host.strip("0123456789.")
    yield from _register(at, is_name, *access)
    if host is None:
        return None
    if at.context:
        yield from at.context(*access)
    address = host
    if is_name:
        address = (yield from _look_up(at, host)).decode()
    if not (yield from _open(at, address, port)):
        for number in range(at.SOCKETS):  # a reset of the board has left them open
            yield from at.ask(at.CLOSE.format(number), None, _CLOSE_MS)
        if not (yield from _open(at, address, port)):
            raise at.lost("open")
    at.more = False
    return address


def _open(at, address, port):
    found = yield from at.open(address, port)
    if found and found is not True:  # what came behind the number of the only socket
        if found[0] != b"0":
            at.said = found[0]
            return False
        at.socket = "0"
    return found


def _look_up(at, host):
    """Returns the first address of a name, bytes."""
    command, want = at.LOOK_UP
    found = yield from at.ask(command.format(host), want, _LOOK_UP_MS, None)
    while found:
        for line in found:
            for field in line.split(b","):
                field = field.strip(b'" ')
                if b":" in field or (field.count(b".") == 3 and not field.strip(b"0123456789.")):
                    return field
        at.said = line
        if line.count(b",") != 2:  # Quectel: no error, how many, time to live; then addresses
            break
        found = yield from at.ask(None, want, _LOOK_UP_MS, None)
    raise at.lost("name")


def _sleeping(at, psm, edrx):
    """Asks for what is not as device.json says: many a modem tells the network anew each time."""
    found = yield from at.ask("AT+CPSMS?", b"+CPSMS:")
    said = b"".join(found or ())
    if psm and not (said[:1] == b"1" and all(bits.encode() in said for bits in psm)):
        yield from at.ask('AT+CPSMS=1,,,"{}","{}"'.format(*psm))
    elif not psm and said[:1] == b"1":
        yield from at.ask("AT+CPSMS=0")
    if edrx:
        found = yield from at.ask("AT+CEDRXS?", b"+CEDRXS:")
        if edrx.encode() not in b"".join(found or ()):
            for network in (5, 4):  # NB-IoT, LTE-M
                yield from at.ask('AT+CEDRXS=1,{},"{}"'.format(network, edrx))


def _register(at, is_first, apn, user, password):
    """Has the network's answer; with `apn`, which counts from the attach on.

    Where it has one, only the first time is the APN looked at: the network may show another.
    """
    yield from at.ask("AT+CEREG?")
    if at.status in REGISTERED and not is_first:
        return
    if apn:
        command = at.APN.split("=")[0]
        shown = yield from at.ask(command + "?", command[2:].encode() + b":")
        names = ['"{}{}'.format(apn, end).lower().encode() for end in ('"', ".mnc")]
        if not any(name in line.lower() for line in shown or () for name in names):
            at.status = None
            yield from at.ask("AT+CFUN=0", None, _CFUN_MS)
            yield from at.must(at.APN.format(apn))
    if at.status in REGISTERED:
        return
    if user:
        yield from at.ask('AT+CGAUTH=1,1,"{}","{}"'.format(user, password))  # 1: PAP
    for command in ("AT+CFUN=1",) + at.ATTACH:
        yield from at.ask(command, None, _CFUN_MS)
    card, denied = clock.Deadline(_CARD_MS), clock.Deadline(_DENIED_MS)
    while True:
        yield from at.ask("AT+CEREG?")
        if at.status in REGISTERED:
            return
        is_over = at.deadline.expired()
        if at.status == _DENIED and (is_over or denied.expired()):
            raise at.lost("denied")
        if is_over:
            raise at.lost("searching")
        if card.expired():
            yield from modules.call("signet.net.modem.trouble", "card", at)
        yield from at.pause(_LOOK_MS)
