"""Is a new certificate any good?  A login with it says so, before it takes the old one's place.

That is one rename: a power cut at any point leaves a certificate that logs in.  What says nothing
about the certificate (the network, memory, "not now") leaves it for a later trial.
"""

from micropython import const

from signet import clock
from signet.certificate import pending
from signet.device import files
from signet.errors import ConfigError, Lost, Refused, SignetError, Untrusted
from signet.wire import iso8601

_UNANSWERED = const(5)  # trials lost one after the other, while the old one works: a refusal


def context(config, renewal):
    """Returns what TLS needs for a login with `cert`.new.

    Args:
        config: dict from config.load.
        renewal: see renewal.begin.
    Raises:
        ConfigError: it is not what was to be tried. OSError, MemoryError.
    """
    spare = config["cert"] + ".new"
    _check(spare, renewal)
    cert, key = _read(spare), None
    if config["key"] is not None and b"PRIVATE KEY" not in cert:
        key = _read(config["key"])
    from signet.net import trust

    try:
        return trust.context(_read(config["ca"]), False, cert, key)
    except ValueError as error:
        raise ConfigError(*error.args)


def keep(config, renewal):
    """Puts `cert`.new, which has logged in, in the place of `cert`.

    Args: as `context`; "expires" follows.
    Returns:
        (line of the log, name and values of the event, seconds until another may be tried).
    Raises:
        ConfigError: it has changed since. OSError: the flash does not do it.
    """
    path = config["cert"]
    _check(path + ".new", renewal)
    date = iso8601.text(renewal[2] * 1000)[:10]
    line = "certificate renewed, valid until {}".format(date)
    values = {"file": path, "expires": date}
    try:
        files.replace(path)
    except OSError:
        if files.exists(path):
            raise
        # config.py looks for it beside `cert` when the board starts
    if config["expires"]:
        expires = [entry for entry in config["expires"] if entry[1] != path]
        expires.append([renewal[2], path])
        expires.sort()
        config["expires"] = expires
    return line, "certificate_renewed", values, pending.wait_s(1)


def failed(config, renewal, error, worked, state):
    """Says what becomes of a certificate that has not logged in.

    Args:
        config, renewal: as `context`; the renewal is counted on.
        error: what happened.
        worked: bool, the old one works: the network is not to blame; None: nobody knows.
        state: device.state.State; None where nobody holds it.
    Returns:
        as `keep`, when it is given up and removed; or (line, None, None, seconds until it is tried
        again); line is None where the old one has to be tried first, whose login says what
        `worked` is.
    """
    # A server that is not the one expected has not seen the certificate.
    refused = isinstance(error, (Refused, ConfigError)) and not isinstance(error, Untrusted)
    if isinstance(error, Lost):  # the network, or a server that closes instead of an answer?
        renewal[4] += 1
        if renewal[4] >= _UNANSWERED:
            if worked is None:
                renewal[4] -= 1
                return None, None, None, 0
            refused = worked
            renewal[4] = 0
    if refused:
        files.remove(config["cert"] + ".new")
        values = {"file": config["cert"], "reason": str(error)}
        line = "certificate not renewed, the old one stays: {}".format(error)
        return line, "certificate_refused", values, pending.wait_s(1)
    renewal[3] += 1
    wait_s = pending.wait_s(renewal[3])
    try:
        pending.keep(renewal, clock.unix_ms() // 1000 + wait_s, state)
    except (SignetError, MemoryError):
        pass  # then a restart begins anew with it
    line = "certificate not renewed yet, tried again in {} s: {}".format(wait_s, error)
    return line, None, None, wait_s


def _check(spare, renewal):
    try:
        if pending.crc(spare) == renewal[0]:
            return
    except OSError:
        pass
    raise ConfigError("cert", "{} is not what was to be tried".format(spare))


def _read(path):
    with open(path, "rb") as file:
        return file.read()
