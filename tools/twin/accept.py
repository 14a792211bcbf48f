"""How does a connection get through a door?"""

import asyncio
import contextlib
import errno
import socket
import ssl

from tools.twin.clouds.door import Door
from tools.twin.clouds.values import Way
from tools.twin.hub.hub import Hub
from tools.twin.listen import BACKLOG
from tools.twin.mqtt.gate import Connection
from tools.twin.tls import reasons
from tools.twin.tls.contexts import Contexts
from tools.twin.tls.handshake import Context
from tools.twin.web.service import Service

_HANDSHAKE_TIMEOUT_S = 15.0


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

    server = await asyncio.start_server(accept, sock=listener, limit=1 << 20)
    listener.listen(BACKLOG)  # asyncio's own is 100, which is also how many it accepts at once
    return server


async def _secure(
    hub: Hub, door: Door, way: Way, writer: asyncio.StreamWriter, context: Context
) -> bool:
    """Shake hands, and note in `way` who came; False when that failed, and is reported.

    Before any other wait, so that no byte of the handshake is read as MQTT. Not left to
    `start_server(ssl=...)`, which keeps the reason of a failed handshake to itself.
    """
    context.send = writer.transport.write
    if hub.journal.heard:
        context.note()
    try:
        await writer.start_tls(context, ssl_handshake_timeout=_HANDSHAKE_TIMEOUT_S)
        way.server_name = context.server_name
        suite, version, _ = writer.get_extra_info("cipher")
        way.suite = version, suite
        way.certificate = context.certificate(writer.get_extra_info("ssl_object"))
        way.cas = frozenset(ca.id for ca in context.cas)
        way.above = context.above() if context.takes_any else ()
        way.shown = tuple(context.shown) if way.certificate else ()
    except OSError as error:
        text = reasons.reason(door.cloud, error, context)
        noted = {**context.noted(), "left": _left(error)}
    except ValueError as error:
        text = f"the device's certificate cannot be read: {error}"
        noted = context.noted()
        writer.close()
    else:
        return True
    hub.journal.add("handshake", cloud=door.cloud, way=door.way, peer=way.peer, **noted)
    hub.report(door.cloud, way.peer, "refused", f"TLS: {text}")
    return False


def _left(error: OSError) -> str | None:
    """How a client broke off; asyncio has ConnectionAbortedError for its own clock."""
    if isinstance(error, ssl.SSLError | ConnectionAbortedError):
        return None
    return "reset" if error.errno == errno.ECONNRESET else "closed"
