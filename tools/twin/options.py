"""How may a twin be started?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.twin.coap.lossy import Losses

TOKEN_LIFE_S = 7 * 24 * 3600.0
"""How long Alibaba Cloud says that a token of CoAP or HTTPS is good."""


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
