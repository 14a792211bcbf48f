"""On which addresses and ports do the clouds listen, and how does a connection get in?

Each cloud has its own loopback address, so that all may use the real port numbers at once. A port
that is taken, or that this user may not have, is replaced by a free one.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.twin import tls_reasons
from tools.twin.clouds.base import Way
from tools.twin.gate import Connection
from tools.twin.handshake import Context
from tools.twin.http import Service
from tools.twin.hub import Hub
from tools.twin.tls import Contexts
from tools.ui import UserError

_HANDSHAKE_TIMEOUT_S = 15.0
_BACKLOG = 100


@dataclass(frozen=True, slots=True)
class Door:
    """One listener as documented. host: the name a device expects in the certificate (and SNI).

    speaks: the protocols there, of TCP ports; the first byte tells MQTT and HTTP apart, which a
    client may leave for WebSocket.
    """

    cloud: str
    way: str
    address: str
    port: int
    tls: bool
    host: str
    speaks: tuple[str, ...] = ("mqtt",)

    @property
    def key(self) -> str:
        """How options name it."""
        return f"{self.cloud}-{self.way}"

    @property
    def kind(self) -> socket.SocketKind:
        """Of its socket: CoAP goes over UDP."""
        coap = self.way.startswith("coap")
        return socket.SOCK_DGRAM if coap else socket.SOCK_STREAM

    def ways(self, way: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The ways in that it is, by name. way: what the ready file has of each."""
        ways = {self.way: way}
        if "http" in self.speaks and not self.tls:
            ways["http"] = way
        if "websocket" in self.speaks and self.way != "https":
            ways["wss" if self.tls else "ws"] = {**way, "websocket": True}
        return ways


_HTTP = ("http",)
_ALL = ("mqtt", "http", "websocket")

DOORS = (
    Door("enos", "mqtt", "127.0.0.1", 11883, False, "mqtt.enos.test"),
    Door("enos", "mqtts", "127.0.0.1", 18883, True, "mqtt.enos.test"),
    Door("alibaba", "mqtt", "127.0.0.2", 1883, False, "{product}.iot-as-mqtt.{region}"),
    Door("alibaba", "mqtts", "127.0.0.2", 8883, True, "{product}.iot-as-mqtt.{region}"),
    Door("alibaba", "https", "127.0.0.2", 443, True, "iot-as-http.{region}", _HTTP),
    Door("alibaba", "coap", "127.0.0.2", 5682, False, "{product}.coap.{link}"),
    Door("alibaba", "coaps", "127.0.0.2", 5684, True, "{product}.coap.{link}"),
    Door("watson", "mqtt", "127.0.0.3", 1883, False, "{product}.messaging.{domain}", _ALL),
    Door("watson", "mqtts", "127.0.0.3", 8883, True, "{product}.messaging.{domain}", _ALL),
    Door("watson", "https", "127.0.0.3", 443, True, "{product}.messaging.{domain}", _ALL),
)
_REGION = "cn-shanghai.aliyuncs.com"
_LINK = "cn-shanghai.link.aliyuncs.com"
_DOMAIN = "internetofthings.ibmcloud.com"

# What every server certificate of the twin may be called, beside the ready devices' hosts.
_NAMES = (
    "localhost",
    "mqtt.enos.test",
    f"*.iot-as-mqtt.{_REGION}",
    "*.mqtt.iothub.aliyuncs.com",
    f"iot-as-http.{_REGION}",
    "*.http.iothub.aliyuncs.com",
    f"*.coap.{_LINK}",
    "*.coap.iothub.aliyuncs.com",
    f"*.messaging.{_DOMAIN}",
    f"*.{_DOMAIN}",
    "127.0.0.1",
    "127.0.0.2",
    "127.0.0.3",
)


def host(door: Door, product: str) -> str:
    """The host name of a door for a product key (Alibaba) or an org (Watson)."""
    return door.host.format(product=product, region=_REGION, link=_LINK, domain=_DOMAIN)


def server_names(hosts: Sequence[str]) -> list[str]:
    """What the certificate of a run's doors is called."""
    return list(dict.fromkeys([*hosts, *_NAMES]))


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
    except OSError as error:
        text = tls_reasons.reason(door.cloud, error, context)
        hub.report(door.cloud, way.peer, "refused", f"TLS: {text}")
        return False
    except ValueError as error:
        text = f"the device's certificate cannot be read: {error}"
        hub.report(door.cloud, way.peer, "refused", f"TLS: {text}")
        writer.close()
        return False
    return True
