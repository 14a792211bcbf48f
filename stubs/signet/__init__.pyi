from collections.abc import Callable
from typing import Protocol

from signet.errors import (
    ConfigError as ConfigError,
    Lost as Lost,
    ProtocolError as ProtocolError,
    Refused as Refused,
    Rejected as Rejected,
    SignetError as SignetError,
    Throttled as Throttled,
    TimedOut as TimedOut,
    Untrusted as Untrusted,
)
from signet.link import Link

__version__: str

class Board(Protocol):
    def network_up(self, timeout_ms: int = ...) -> object: ...
    def set_clock(self) -> object: ...

def open(
    path: str = "device.json",
    board: Board | None = None,
    log: Callable[[str], object] = ...,
) -> Link: ...
