from collections.abc import Callable, Iterable
from typing import Literal, TypeAlias

_How: TypeAlias = Literal["ntp", "http"] | Callable[[str, int, int], int]

def set_clock(servers: Iterable[tuple[_How, str | None, int]]) -> bool: ...
