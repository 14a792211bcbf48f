"""On which addresses and ports do the clouds listen, and under which names?

Each cloud has its own loopback address, so that all may use the real port numbers at once.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


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
