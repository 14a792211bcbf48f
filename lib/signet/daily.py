"""What does a board do now and then?  Its clock is set, what expires is told, and how it is.

Loaded when something is due, and forgotten: see modules.call.
"""

import gc

from micropython import const

from signet import clock, modules

_DAY_MS = const(86_400_000)
_LONGEST_MS = const(3_600_000)
_DOUBLINGS = const(8)  # of the wait after the clock could not be set
_AGAIN_MS = const(60_000)
_OFF_DAYS = const(400)  # for so long a board may have been switched off
_STEP_DAYS = const(7)  # of what is proved: a server that is wrong for days must not cost years


def run(link, board, config, log, state, due):
    """Does what is due.

    Args:
        link: link.Link. board: see there. config: dict. log: function of one str. state: State.
        due: dict of name to [clock.Deadline, failures], of what was done before; it is kept.
    Returns:
        ms until something is due again (int).
    """
    soonest = _DAY_MS
    for name, function in (("clock", _sync), ("expiry", _look), ("health", _tell)):
        entry = due.setdefault(name, [clock.Deadline(0), 0])
        if entry[0].expired():
            wait_ms, entry[1] = function(link, board, config, log, state, entry[1])
            entry[0] = clock.Deadline(wait_ms)
        soonest = min(soonest, entry[0].remaining_ms())
    if clock.proved == 3:
        clock.proved = 2
        if board is not None and not due["clock"][1] and clock.is_set():
            _prove(log, state)
    return soonest


def counters(outbox, seen):
    """Returns what Link.counters says (dict); seen: what waits, connections, the last error."""
    names = "accepted", "acknowledged", "sent_again", "dropped", "set_aside", "damaged"
    values = dict(zip(names, outbox.counts))
    values["waiting"], values["connections"], values["last_error"] = seen
    values["flash_used"] = outbox.flash_used
    values["free_heap"] = gc.mem_free()
    return values


def _sync(link, board, config, log, state, failures):
    """Sets the clock once a day, and tries again after a while when that fails."""
    try:
        if board is None or board.set_clock():
            clock.doubted, clock.proved = False, 0
            return _DAY_MS, 0
    except Exception as error:  # a board's drivers may raise anything
        log("board: {}: {}".format(type(error).__name__, error))
    if not clock.is_set():
        log("the clock is not set; reports go without their time")
    return min(config["retry_s"] * 1000 << failures, _LONGEST_MS), min(failures + 1, _DOUBLINGS)


def _prove(log, state):
    """Keeps the newest day that counts as proved.

    On that day a server proved itself by its certificate, with the clock as it was, and so it did
    two days later or more, for which the clock was set anew: one wrong answer about the time
    proves nothing.
    """
    if state is None:
        state = __import__("signet.device.state", None, None, ("*",)).State()
    today = clock.unix_ms() // _DAY_MS
    before = state.values.get("connected", 0)
    if today in (before, before + 1):
        return
    changes = {"connected": today}
    if before < today < before + _OFF_DAYS:
        proved = state.values.get("proved", before)
        changes["proved"] = max(proved, min(before, proved + _STEP_DAYS))
    state.keep(changes, log)


def _look(link, board, config, log, state, failures):
    """Reports what expires."""
    if not config.get("expires"):
        return _DAY_MS, 0
    soon = clock.unix_ms() // _DAY_MS + config["expiry_warning_days"]
    if clock.is_set() and config["expires"][0][0] // 86_400 > soon:
        return _DAY_MS, 0
    events = None
    try:
        events = modules.call("signet.certificate.expiry", "look", config, log, state)
    except Exception as error:
        log("expiry: {}: {}".format(type(error).__name__, error))
    for event, values in events or ():
        link.report(values, event=event)
    return (_AGAIN_MS if events is None else _DAY_MS), 0


def _tell(link, board, config, log, state, failures):
    """Reports the link's counters."""
    health_s = config.get("health_s")
    if not health_s or "application" in config.get("role", ""):  # it has no events of its own
        return _DAY_MS, 0
    past_s = clock.unix_ms() // 1000 % health_s
    if config["deep_sleep"] and past_s >= config["report_interval_s"]:  # each start is a new one
        return _DAY_MS, 0
    link.report(link.counters, event="health")
    return health_s * 1000, 0
