"""What does an OSError of a socket mean, in words?

Loaded when there was one, and forgotten: see modules.call.
"""

import errno

from micropython import const

# The numbers differ by port (Linux, lwIP on ESP32, macOS), and not every port has every name.
_CAUSES = const(
    (
        ("connection refused; is the port right and the server up?", "ECONNREFUSED"),
        ("no route to the host; is the network up?", "EHOSTUNREACH", "ENETUNREACH"),
        ("reset by the peer", "ECONNRESET", "ECONNABORTED"),
        ("closed by the peer", "ENOTCONN"),
        ("no answer in time", "ETIMEDOUT"),
    )
)
_EPIPE = const(32)  # which MicroPython does not name


def explain(error):
    """Returns the cause, a str; error: the OSError, or None where there was no other sign."""
    if error is None:
        return "refused"
    code = error.args[0] if error.args else None
    if code == _EPIPE:
        return "closed by the peer"
    for cause in _CAUSES:
        for name in cause[1:]:
            if code is not None and code == getattr(errno, name, None):
                return cause[0]
    return str(error)
