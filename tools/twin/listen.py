"""How does a door get its socket?

A port that is taken, or that this user may not have, is replaced by a free one.
"""

import errno
import socket

from tools.twin.clouds.door import Door
from tools.ui import UserError

BACKLOG = 4096
"""How many may wait to be accepted; Linux keeps that below net.core.somaxconn."""

_FORBIDDEN = (errno.EACCES, errno.EPERM)


def listen(door: Door, wanted: int | None) -> tuple[socket.socket, str]:
    """A door's socket, bound, and listening where that is TCP; and why it is not the real port.

    wanted: a port, 0 for a free one, None for the real one or a free one.
    returns: the second is "", "taken" or "not permitted" to this user.
    raises: UserError when a port that was asked for is taken, or this user may not have it.
    """
    for address in (door.address, "127.0.0.1"):  # macOS has only the latter without root
        try:
            return bind(door.kind, address, door.port if wanted is None else wanted), ""
        except OSError as error:
            if error.errno == errno.EADDRNOTAVAIL:
                continue
            if wanted is None:
                why = "not permitted" if error.errno in _FORBIDDEN else "taken"
                return bind(door.kind, address, 0), why
            raise UserError(_refused(address, wanted, door.key, error)) from None
    raise UserError(f"this machine has no loopback address {door.address} for {door.key}")


def listen_at(address: str, wanted: int, what: str) -> socket.socket:
    """A socket that listens at a TCP port. what: for whom, in errors. raises: UserError."""
    try:
        return bind(socket.SOCK_STREAM, address, wanted)
    except OSError as error:
        raise UserError(_refused(address, wanted, what, error)) from None


def _refused(address: str, wanted: int, what: str, error: OSError) -> str:
    reason = error.strerror or str(error)
    if error.errno in _FORBIDDEN:
        reason += ", as ports below 1024 often are without root"
    return (
        f"cannot listen on {address}:{wanted} for {what}: {reason};"
        " choose another port, or 0 for a free one"
    )


def bind(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
    """A bound socket; one for TCP listens. raises: OSError."""
    bound = socket.socket(socket.AF_INET, kind)
    try:
        if kind == socket.SOCK_STREAM:  # with UDP this would let two share a port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, port))
        if kind == socket.SOCK_STREAM:
            bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound
