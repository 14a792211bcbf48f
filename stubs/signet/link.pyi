from collections.abc import Callable, Coroutine
from typing import IO, Any

from signet import Board
from signet.reports.messages import Command
from signet.reports.outbox import Outbox

class Link:
    board: Board | None
    on_command: Callable[[Command], dict[str, Any] | None] | None
    wake: Callable[[], object] | None
    connected: bool
    busy: bool
    report_interval_ms: int
    deep_sleep: bool
    outbox: Outbox
    last_error: str | None

    def __init__(
        self,
        session: Any,
        config: dict[str, Any],
        outbox: Outbox,
        board: Board | None = None,
        log: Callable[[str], object] = ...,
        state: Any = None,
    ) -> None: ...
    @property
    def handed_over(self) -> int: ...
    def report(
        self,
        values: dict[str, Any] | bytes | bytearray | str | IO[bytes],
        topic: str | None = None,
        event: str | None = None,
        device: tuple[str, str] | None = None,
    ) -> int | None: ...
    @property
    def waiting(self) -> int: ...
    @property
    def counters(self) -> dict[str, Any]: ...
    def poll(self, timeout_ms: int = 0) -> None: ...
    def flush(self, timeout_ms: int) -> bool: ...
    def close(self) -> None: ...
    def renew(self, cert: bytes, key: bytes | None = None) -> None: ...
    @property
    def opening(self) -> bool: ...
    def readable(self) -> Any: ...
    def due_ms(self) -> int: ...
    def run(self) -> Coroutine[Any, Any, None]: ...
