"""What do TCP and UDP share on every port: the lookup of a name, and what an OSError means?"""

import errno
import socket

from signet.errors import Lost


def codes(*names):
    """The numbers differ by port: Linux, lwIP on ESP32, macOS."""
    return [getattr(errno, name) for name in names if hasattr(errno, name)]


NOT_NOW = codes("EAGAIN", "EWOULDBLOCK")
_CAUSES = (
    (codes("ECONNREFUSED"), "connection refused; is the port right and the server up?"),
    (codes("EHOSTUNREACH", "ENETUNREACH"), "no route to the host; is the network up?"),
    (codes("ECONNRESET", "ECONNABORTED"), "reset by the peer"),
    (codes("EPIPE", "ENOTCONN"), "closed by the peer"),
    (codes("ETIMEDOUT"), "no answer in time"),
)


def reason(error):
    """Says in words what an OSError of any port means."""
    code = error.args[0] if error.args else None
    for numbers, cause in _CAUSES:
        if code in numbers:
            return cause
    return str(error)


def resolve(host, port, kind):
    """Looks a name up; a literal address asks no server. The time it takes cannot be bounded.

    Args:
        host: str, a name or an address.
        port: int, 1 to 65535.
        kind: int, socket.SOCK_STREAM or socket.SOCK_DGRAM.
    Returns:
        list of what socket.getaddrinfo returns, never empty.
    Raises:
        Lost: the name is unknown, or there is no network to ask.
    """
    try:
        found = socket.getaddrinfo(host, port, 0, kind)
        if found:
            return found
        failure = "no address"
    except (OSError, UnicodeError) as error:  # CPython: a label that DNS does not allow
        failure = reason(error)
    raise Lost("cannot find {}: {}; check the name and the network".format(host, failure))
