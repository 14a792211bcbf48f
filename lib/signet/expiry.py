"""Who is told before a certificate of the board, or its CA's, expires?

The log, and the cloud by an event, once a day: what is in signet.state says so after a deep sleep.
"""

from micropython import const

from signet import clock
from signet.state import State

_STATE = "signet.state"
_DAY_S = const(86_400)
_EVENT = "certificate_expiry"


def look(link, config, log):
    """Warns of each file of config["expires"] that has less than `expiry_warning_days` left.

    Args:
        link: link.Link, whose `report` takes the event.
        config: dict from config.load.
        log: function of one str.
    """
    now = clock.unix_ms() // 1000
    today = now // _DAY_S
    state = None
    for end, name in config["expires"]:
        left = (end - now) // _DAY_S
        if left >= config["expiry_warning_days"]:
            continue
        if state is None:
            state = State(_STATE)
            if state.values.get("warned") == today:
                break
            state.keep({"warned": today}, log)
        date = clock.iso8601(end * 1000)[:10]
        says = "expires on {}, in {} days" if end > now else "expired on {}, {} days ago"
        log("warning: {} {}".format(name, says.format(date, left if end > now else -1 - left)))
        if not config.get("role", "").endswith("application"):  # has no events of its own
            link.report({"file": name, "expires": date, "days_left": left}, event=_EVENT)
