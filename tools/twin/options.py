"""How may a twin be started?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

TOKEN_LIFE_S = 7 * 24 * 3600.0
"""How long Alibaba Cloud says that a token of CoAP or HTTPS is good."""

_SHARES = ("drop", "duplicate", "reorder")
_COUNTS = ("delay_ms", "rebind_every")


@dataclass(frozen=True, slots=True)
class Losses:
    """How bad the network is. raises: ValueError for a share or a count that cannot be.

    drop, duplicate, reorder: share of the datagrams, 0.0 to 1.0. A reordered one is held back
    until the next of its direction and client has passed it, for 250 ms at most.
    delay_ms: how long each datagram is on its way, each direction.
    rebind_every: after so many datagrams of a client to the server, the next comes from a new
    source port; what is sent to the old one is lost. 0: never.
    seed: of the random numbers.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    delay_ms: int = 0
    rebind_every: int = 0
    seed: int = 0

    def __str__(self) -> str:
        """What is not zero, for a person."""
        shares = (f"{n} {getattr(self, n):.0%}" for n in _SHARES if getattr(self, n))
        counts = (f"{n} {getattr(self, n)}" for n in _COUNTS if getattr(self, n))
        return ", ".join((*shares, *counts, f"seed {self.seed}"))

    def __post_init__(self) -> None:
        for name in _SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a share, 0 to 1")
        for name in _COUNTS:
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it is not below 0")


@dataclass(slots=True)
class Options:
    """How to start a twin.

    state: folder of CA, registry and messages. ready_file: written once every listener accepts.
    ports: by `Door.key`; 0 is a free port, an absent key the real port or a free one.
    losses: of the network in front of the CoAP doors. token_life_s: of Alibaba's tokens.
    http_per_s: how many HTTP requests of a device are taken per second; 0 is any number.
    policy: the default security policy of Watson's ready org from now on; None leaves it.
    broker: the URL of one to use, None for a mosquitto of the twin's own. broker_ca: its CA.
    page: the port of loopback at which a browser may look on, 0 is a free one; None: at none.
    record: a file that gets a trace of the run.
    """

    state: Path
    ready_file: Path | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    losses: Losses = field(default_factory=Losses)
    token_life_s: float = TOKEN_LIFE_S
    http_per_s: float = 0.0
    policy: str | None = None
    broker: str | None = field(default=None, repr=False)
    broker_ca: Path | None = None
    page: int | None = None
    record: Path | None = None
