"""What do the rules of a CoAP server get to see of a request, and what do they give back?

RFC 7252's words. No socket: tools.twin.coap.server takes the bytes apart and puts them together.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from tools.twin.clouds.shared import Shared

URI_PATH = 11


class Endpoint(NamedTuple):
    """Where a request came in. tls: over DTLS. address, port: of the door in this run."""

    tls: bool
    address: str
    port: int


@dataclass(slots=True)
class Found:
    """What the rules find out of a request, for whoever looks on.

    device: the label of whose it is. plain: the payload, where it was encrypted; seq_text and
    seq: likewise the number of a request, as it came and as a number.
    """

    device: str = ""
    seq_text: bytes | None = None
    seq: int | None = None
    plain: bytes | None = None


@dataclass(slots=True)
class Request:
    """One CoAP request. code: its detail, 2 for POST. options: raw, in the order of the wire."""

    code: int
    options: list[tuple[int, bytes]]
    payload: bytes
    peer: str
    found: Found = field(default_factory=Found)

    def first(self, number: int) -> bytes | None:
        """The value of the first option with this number."""
        return next((value for found, value in self.options if found == number), None)

    def uint(self, number: int) -> int | None:
        """The same as an unsigned integer."""
        value = self.first(number)
        return None if value is None else int.from_bytes(value, "big")

    def path(self) -> list[str]:
        """Its Uri-Path, by segments."""
        return [v.decode("utf-8", "replace") for number, v in self.options if number == URI_PATH]


@dataclass(slots=True)
class Reply:
    """What the server answers. code: as the document writes it. separate: after an empty ACK."""

    code: str
    payload: bytes = b""
    options: list[tuple[int, bytes]] = field(default_factory=list)
    separate: bool = False


class Rules(Protocol):
    """What a cloud decides about CoAP. secret_options: numbers of those that hold a secret."""

    secret_options: ClassVar[tuple[int, ...]]

    def __init__(self, cloud: Any, shared: Shared) -> None:
        """Of one twin's cloud, which is that `Cloud`."""

    def answer(self, request: Request, endpoint: Endpoint) -> Reply:
        """What the server answers; a report is on file when this returns."""
