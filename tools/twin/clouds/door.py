"""What is one listener of a cloud?"""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Door:
    """One listener as documented. host: the name a device expects in the certificate (and SNI).

    host may hold {product}: of the cloud's ready device. address: each cloud has its own on
    loopback, so that all may use the real port numbers at once.
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
