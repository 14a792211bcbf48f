"""What may a cloud's rules ask of what all connections share?"""

from collections.abc import Callable, Collection
from typing import Protocol

from tools.twin.broker.platform import Platform
from tools.twin.clouds.values import Client, Ending
from tools.twin.faults import Fault

Report = Callable[[str, str, str, str], None]
"""Takes (cloud, device, kind, text) of one event, for a person to read."""


class Connection(Protocol):
    """One that serves a client by MQTT. client: who has logged in, or None."""

    cloud_name: str
    client: Client | None
    is_http: bool

    async def end(self, reason: str, why: Ending) -> None:
        """Close it from outside and wait until it is gone."""


class Shared(Protocol):
    """The hub, as a cloud sees it."""

    platform: Platform

    @property
    def report(self) -> Report:
        """Takes one event."""

    @property
    def connections(self) -> Collection[Connection]:
        """Those of every cloud."""

    def swallowed(self, what: str) -> bool:
        """Whether a fault eats this reply, PUBACK or login; counts down."""

    def swallowing(self, what: str) -> Fault:
        """The fault that has the next "n" of them swallowed, one where it does not say."""

    def offer(self, cloud: str, broker_topic: str, payload: bytes) -> bool | None:
        """Keep a command for a device that fetches it by HTTP and has no session by MQTT.

        returns: whether a request of the device waited for it; None when there is no such device.
        """
