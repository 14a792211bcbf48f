"""How does a door get its socket?

A port that is taken, or that this user may not have, is replaced by a free one.
"""

import errno
import socket

from tools.twin.clouds.door import Door
from tools.ui import UserError

BACKLOG = 4096
"""How many may wait to be accepted; Linux keeps that below net.core.somaxconn."""


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
            forbidden = error.errno in (errno.EACCES, errno.EPERM)
            if wanted is None:
                return bind(door.kind, address, 0), "not permitted" if forbidden else "taken"
            reason = error.strerror or str(error)
            if forbidden:
                reason += ", as ports below 1024 often are without root"
            raise UserError(
                f"cannot listen on {address}:{wanted} for {door.key}: {reason};"
                " choose another port, or 0 for a free one"
            ) from None
    raise UserError(f"this machine has no loopback address {door.address} for {door.key}")


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
