"""How does a datagram of a device reach a cloud's CoAP rules: over which network, by DTLS or not?

Door, lossy network, DTLS terminator on 5684, CoAP server: each a UDP socket on loopback. The
network is always there, so that a running twin's can be made worse.
"""

import functools
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.twin import listen
from tools.twin.clouds.coap_request import Endpoint, Reply, Request
from tools.twin.clouds.door import Door
from tools.twin.clouds.ways import COAP
from tools.twin.coap import dtls, lossy
from tools.twin.coap.server import Server
from tools.twin.coap.tap import CoapTap
from tools.twin.faults import Fault, quickly
from tools.twin.hub.hub import Hub
from tools.twin.options import Losses
from tools.twin.tls import reasons
from tools.ui import UserError


class CoapDoors:
    """The CoAP ports of one twin.

    certificate: PEM file with key and certificate. losses: of the network in front of them.
    """

    def __init__(self, hub: Hub, certificate: Path, losses: Losses) -> None:
        self._hub = hub
        self._certificate = certificate
        self.losses = losses
        self._rules = {cloud: make(hub.clouds[cloud], hub) for cloud, make in COAP.items()}
        self._servers: list[Server] = []
        self._terminators: list[dtls.Terminator] = []
        self._networks: dict[str, lossy.Proxy] = {}

    def _lost(self, cloud: str) -> bool:
        if not self._hub.swallowed("coap_replies"):
            return False
        self._hub.report(cloud, "CoAP", "fault", "a reply was swallowed")
        return True

    async def open(self, door: Door, listener: socket.socket) -> None:
        """Serve on a bound socket."""
        behind = _free()
        endpoint = Endpoint(door.tls, *listener.getsockname())
        cloud = door.cloud
        rules = self._rules[cloud]

        async def answer(request: Request) -> Reply:
            await self._hub.store.batch.turn()  # not in the rules, where it would hold up others
            return rules.answer(request, endpoint)

        server = Server(
            behind,
            answer,
            functools.partial(self._lost, cloud),
            tap := CoapTap(self._hub.journal, cloud, door.way, rules.secret_options),
        )
        self._servers.append(server)
        backend = server.address
        if door.tls:
            behind = _free()
            backend = behind.getsockname()
            self._terminators.append(
                await dtls.serve(
                    behind,
                    self._certificate,
                    server.address,
                    functools.partial(self._refused, cloud),
                    tap,
                )
            )
        self._networks[door.key] = await lossy.serve(listener, backend, self.losses)
        if self.losses != Losses():
            self._say_losses(door.key, self.losses)

    def _refused(self, cloud: str, peer: str, reason: str) -> None:
        self._hub.report(cloud, peer, "refused", f"DTLS: {reasons.explain(reason)}")

    async def close(self) -> None:
        """End all of it."""
        for network in self._networks.values():
            network.close()
        for terminator in self._terminators:
            terminator.close()
        for server in self._servers:
            await server.close()

    def datagrams(self) -> dict[str, Any]:
        """What passed since the start, by door: see `lossy.Proxy.counts`."""
        return {key: network.counts for key, network in self._networks.items()}

    def faults(self) -> dict[str, Fault]:
        """What control requests may break."""
        return {
            "restart_dtls": quickly(lambda _: self._restart_dtls()),
            "set_losses": quickly(self._set_losses),
            "swallow_coap_replies": self._hub.swallowing("coap_replies"),
        }

    def _restart_dtls(self) -> None:
        for terminator in self._terminators:
            terminator.forget()

    def _set_losses(self, request: Mapping[str, Any]) -> None:
        given = {name: value for name, value in request.items() if name not in ("do", "fault")}
        known = Losses.__dataclass_fields__
        if wrong := [name for name in given if name not in known]:
            raise UserError(f"set_losses has no {wrong[0]!r}; it takes {', '.join(known)}")
        self.losses = losses = Losses(**given)
        for key, network in self._networks.items():
            network.change(losses)
            self._say_losses(key, losses)

    def _say_losses(self, key: str, losses: Losses) -> None:
        self._hub.report("twin", key, "network", str(losses))


def _free() -> socket.socket:
    return listen.bind(socket.SOCK_DGRAM, "127.0.0.1", 0)
