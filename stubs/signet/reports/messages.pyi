from typing import IO, Any

def check_name(name: str, what: str = "event", limit: int = 64) -> None: ...

class Report:
    topic: str | None
    event: str | None
    device: tuple[str, str] | None
    body: bytes | IO[bytes]
    time_ms: int | None
    id: int

    def __init__(
        self,
        values: dict[str, Any] | bytes | bytearray | IO[bytes],
        time_ms: int | None = None,
        topic: str | None = None,
        event: str | None = None,
        device: tuple[str, str] | None = None,
        id: int | None = None,
    ) -> None: ...
    @property
    def values(self) -> Any: ...

def check(
    values: Any,
    topic: str | None,
    event: str | None,
    device: tuple[str, str] | None,
    takes_files: bool,
    has_role: bool,
) -> Any: ...

class Command:
    kind: str
    device: tuple[str | None, str] | None
    name: str
    data: Any
    topic: str
    id: str | int | None

    def __init__(self, name: str, data: Any, topic: str, id: str | int | None = None) -> None: ...
