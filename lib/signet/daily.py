"""What does a board do once a day?  It sets its clock, and looks whose certificate expires.

Loaded when it is due, and forgotten: see modules.call.
"""

from micropython import const

from signet import clock, modules

_DAY_MS = const(86_400_000)
_LONGEST_MS = const(3_600_000)
_DOUBLINGS = const(8)  # of the wait after the clock could not be set
_AGAIN_MS = const(60_000)


def sync(board, retry_ms, failures, log):
    """Sets the clock once a day, and tries again after a while when that fails.

    Args:
        board: see link.Link.
        retry_ms: int, the first wait after a failure. failures: int, so far.
        log: function of one str.
    Returns:
        (ms until it is due again, failures), int each.
    """
    try:
        if board.set_clock():
            return _DAY_MS, 0
    except Exception as error:  # a board's drivers may raise anything
        log("board: {}: {}".format(type(error).__name__, error))
    if not clock.is_set():
        log("the clock is not set; reports go without their time")
    return min(retry_ms << failures, _LONGEST_MS), min(failures + 1, _DOUBLINGS)


def look(config, log, state):
    """Looks what expires; arguments as of certificate.expiry.look.

    Returns:
        (ms until it is due again, list of (name, values): events to be reported).
    """
    soon = clock.unix_ms() // _DAY_MS + config["expiry_warning_days"]
    if clock.is_set() and config["expires"][0][0] // 86_400 > soon:
        return _DAY_MS, ()
    arguments = config, log, state
    events = None
    try:
        events = modules.call("signet.certificate.expiry", "look", *arguments)
    except Exception as error:
        log("expiry: {}: {}".format(type(error).__name__, error))
    return (_AGAIN_MS, ()) if events is None else (_DAY_MS, events)
