"""Who is told before a certificate of the board, or its CA's, expires?

The log, and the cloud by an event, once a day: what is in signet.state says so after a deep sleep.
"""

from micropython import const

from signet import clock
from signet.device.state import State
from signet.wire import iso8601

_DAY_S = const(86_400)


def look(config, log, state):
    """Warns of each file of config["expires"] that has less than `expiry_warning_days` left.

    The log at each start and once a day; the cloud once a day.

    Args:
        config: dict from config.load; "warned" becomes the day when the log has been told.
        log: function of one str.
        state: device.state.State; None where nobody holds it.
    Returns:
        list of (name, values), the events to report; None where it is to be asked again soon.
    """
    now = clock.unix_ms() // 1000
    today = now // _DAY_S if clock.is_set() else 0
    fresh = config.get("warned") != today
    config["warned"] = today
    if not today:
        if fresh:
            log("the clock is not set: when a certificate expires cannot be told")
        return None
    state = state or State()
    told = state.values.get("warned") == today or config.get("role", "").endswith("application")
    events = []
    for end, name in config["expires"]:
        left = (end - now) // _DAY_S
        if left >= config["expiry_warning_days"]:
            continue
        date = iso8601.text(end * 1000)[:10]
        if fresh:
            says = "expires on {}, in {} days" if end > now else "expired on {}, {} days ago"
            log("warning: {} {}".format(name, says.format(date, left if end > now else -1 - left)))
        if not told:
            values = {"file": name, "expires": date, "days_left": left}
            events.append(("certificate_expiry", values))
    if events:
        state.keep({"warned": today}, log)
    return events
