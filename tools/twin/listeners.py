"""How does a door get its socket, and a connection through it?

A port that is taken, or that this user may not have, is replaced by a free one.
"""

import asyncio
import contextlib
import errno
import socket

from tools.twin.clouds.cloud import Way
from tools.twin.clouds.door import Door
from tools.twin.hub.hub import Hub
from tools.twin.mqtt.gate import Connection
from tools.twin.tls import reasons
from tools.twin.tls.contexts import Contexts
from tools.twin.tls.handshake import Context
from tools.twin.web.service import Service
from tools.ui import UserError

_HANDSHAKE_TIMEOUT_S = 15.0
_BACKLOG = 100


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
            bound.listen(_BACKLOG)
    except OSError:
        bound.close()
        raise
    return bound


async def serve(
    hub: Hub,
    door: Door,
    listener: socket.socket,
    contexts: Contexts,
    http: Service | None,
) -> asyncio.Server:
    """Accept connections on a listening socket.

    contexts: of doors with TLS. http: what serves HTTP, where the door speaks that.
    """
    port = listener.getsockname()[1]

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way = Way(door.tls, port, peer="{}:{}".format(*writer.get_extra_info("peername")))
        if door.tls and not await _secure(hub, door, way, writer, contexts.context(door.cloud)):
            return
        with contextlib.suppress(asyncio.CancelledError):  # told to end: the twin stops
            cloud, mqtt = hub.clouds[door.cloud], "mqtt" in door.speaks
            await Connection(hub, cloud, way, reader, writer, mqtt=mqtt, http=http).run()

    return await asyncio.start_server(accept, sock=listener, limit=1 << 20)


async def _secure(
    hub: Hub, door: Door, way: Way, writer: asyncio.StreamWriter, context: Context
) -> bool:
    """Shake hands, and note in `way` who came; False when that failed, and is reported.

    Before any other wait, so that no byte of the handshake is read as MQTT. Not left to
    `start_server(ssl=...)`, which keeps the reason of a failed handshake to itself.
    """
    context.send = writer.transport.write
    try:
        await writer.start_tls(context, ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S)
        way.server_name = context.server_name
        way.certificate = context.certificate(writer.get_extra_info("ssl_object"))
        way.cas = frozenset(ca.id for ca in context.cas)
        way.above = context.above() if context.takes_any else ()
    except OSError as error:
        text = reasons.reason(door.cloud, error, context)
        hub.report(door.cloud, way.peer, "refused", f"TLS: {text}")
        return False
    except ValueError as error:
        text = f"the device's certificate cannot be read: {error}"
        hub.report(door.cloud, way.peer, "refused", f"TLS: {text}")
        writer.close()
        return False
    return True
