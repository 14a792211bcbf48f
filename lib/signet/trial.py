"""Is a new certificate any good?  A login with it says so, before it takes the old one's place.

That is one rename: a power cut at any point leaves a certificate that logs in.  What says nothing
about the certificate (the network, memory, "not now") leaves it for a later trial.
"""

import os

from micropython import const

from signet import clock, pending
from signet.errors import ConfigError, Lost, Refused, SignetError, Untrusted

_FIRST_S = const(300)  # to the next trial; twice as long each time,
_LONGEST_S = const(3600)  # and no longer
_DOUBLINGS = const(4)
_UNANSWERED = const(5)  # trials lost one after the other, while the old one works: a refusal


def run(link, worked):
    """Logs in with `cert`.new and keeps it, or puts the old one back.

    Args:
        link: link.Link, not connected; its `connected` says what came of it; its reports stay.
        worked: bool, it was connected just before.
    """
    config, state = link._config, link._renewal
    path = config["cert"]
    spare = path + ".new"
    old = config["trust"]  # a board that gave it up might find no memory to make it again
    try:
        _check(spare, state[0])
        config["trust"] = _context(config, spare)
        link._open()
        _keep(spare, path, state[0])
    except (SignetError, OSError, MemoryError) as error:
        if link.connected:
            link._session.close()
            link.connected = False
        config["trust"] = old
        _failed(link, state, error, worked)
        return
    link._renewal = None
    date = clock.iso8601(state[2] * 1000)[:10]
    link._log("certificate renewed, valid until {}".format(date))
    if config["expires"]:
        expires = [entry for entry in config["expires"] if entry[1] != path]
        expires.append((state[2], path))
        expires.sort()
        config["expires"] = expires
    _tell(link, "certificate_renewed", {"file": path, "expires": date})


def _failed(link, state, error, worked):
    path = link._config["cert"]
    # A server that is not the one expected has not seen the certificate.
    refused = isinstance(error, (Refused, ConfigError)) and not isinstance(error, Untrusted)
    state[3] += 1
    if isinstance(error, Lost):  # the network, or a server that closes instead of an answer?
        state[4] += 1
        if state[4] >= _UNANSWERED:
            if not worked:
                link._connect()
            refused = worked or link.connected
            state[4] = 0
    if refused:
        link._renewal = None
        pending.remove(path + ".new")
        what = "certificate not renewed, the old one stays"
    else:
        wait_s = min(_FIRST_S << min(state[3] - 1, _DOUBLINGS), _LONGEST_S)
        link._next_trial = clock.Deadline(wait_s * 1000)
        what = "certificate not renewed yet, tried again in {} s".format(wait_s)
        try:
            pending.keep(state, clock.unix_ms() // 1000 + wait_s, link._state)
        except (SignetError, MemoryError):
            pass  # then a restart begins anew with it
    if link.connected or not link._next_try.expired():  # with the old one, just now
        link._log("{}: {}".format(what, error))
    else:
        link._back_off(what, Lost(str(error)))
    if refused:
        _tell(link, "certificate_refused", {"file": path, "reason": str(error)})


def _tell(link, event, values):
    """Puts an event into the outbox where there is room; an application has none of its own."""
    config = link._config
    if len(link.outbox) < config["outbox_limit"] and "application" not in config.get("role", ""):
        link.report(values, event=event)


def _context(config, spare):
    cert, key = _read(spare), None
    if config["key"] is not None and b"PRIVATE KEY" not in cert:
        key = _read(config["key"])
    from signet.net import trust

    return trust.context(_read(config["ca"]), False, cert, key)


def _check(spare, crc):
    try:
        if pending.crc(spare) == crc:
            return
    except OSError:
        pass
    raise ConfigError("cert", "{} is not what was to be tried".format(spare))


def _keep(spare, path, crc):
    _check(spare, crc)
    try:
        os.rename(spare, path)
    except OSError:  # FAT: not over a file that exists
        os.remove(path)
        try:
            os.rename(spare, path)
        except OSError:
            pass  # config.py looks for it there when the board starts


def _read(path):
    with open(path, "rb") as file:
        return file.read()
