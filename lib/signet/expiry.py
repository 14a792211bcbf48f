"""Who is told before a certificate of the board, or its CA's, expires?

The log, and the cloud by an event, once a day: what is in signet.state says so after a deep sleep.
"""

from micropython import const

from signet import clock
from signet.device.state import State

_DAY_S = const(86_400)
_EVENT = "certificate_expiry"
_AGAIN_MS = const(60_000)


def look(link, config, log, state=None):
    """Warns of each file of config["expires"] that has less than `expiry_warning_days` left.

    The log at each start and once a day; the cloud once a day, as soon as the outbox has room.

    Args:
        link: link.Link, whose `report` takes the event; its `_next_look` is set where it is to
            look again soon.
        config: dict from config.load; "warned" becomes the day when the log has been told.
        log: function of one str.
        state: device.state.State; None where nobody holds it.
    """
    again = False
    now = clock.unix_ms() // 1000
    today = now // _DAY_S if clock.is_set() else 0
    fresh = config.get("warned") != today
    config["warned"] = today
    if not today:
        if fresh:
            log("the clock is not set: when a certificate expires cannot be told")
        link._next_look = clock.Deadline(_AGAIN_MS)
        return
    state = state or State()
    told = state.values.get("warned") == today or config.get("role", "").endswith("application")
    for end, name in config["expires"]:
        left = (end - now) // _DAY_S
        if left >= config["expiry_warning_days"]:
            continue
        date = clock.iso8601(end * 1000)[:10]
        if fresh:
            says = "expires on {}, in {} days" if end > now else "expired on {}, {} days ago"
            log("warning: {} {}".format(name, says.format(date, left if end > now else -1 - left)))
        if told:
            continue
        if len(link.outbox) < config["outbox_limit"]:  # a measurement is worth more
            link.report({"file": name, "expires": date, "days_left": left}, event=_EVENT)
            state.keep({"warned": today}, log)
        else:
            again = True
    if again:
        link._next_look = clock.Deadline(_AGAIN_MS)
