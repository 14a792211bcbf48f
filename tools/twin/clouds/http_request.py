"""What do the rules of an HTTPS service get to see of a request, and what do they give back?

RFC 9110's words. No socket: tools.twin.web.service takes the bytes apart and puts them together.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol
from urllib.parse import unquote

from tools.twin.clouds.shared import Shared
from tools.twin.clouds.throttle import Throttle
from tools.twin.clouds.values import Client, Way

BODY_LIMIT = 128 * 1024
"""No cloud takes more bytes; of a longer body the rules see one byte more than this."""


@dataclass(slots=True)
class Visit:
    """One connection. client: who has proved on it who it is, where that is asked once.

    label: of the device that its last request was of.
    """

    way: Way
    client: Client | None = None
    label: str = ""


@dataclass(slots=True)
class Request:
    """One request. path: as on the wire. query: what follows its "?", None without one.

    headers: by lower-case name; repeated ones are joined by ", ".
    """

    method: str
    path: str
    query: str | None
    headers: Mapping[str, str]
    body: bytes
    visit: Visit


@dataclass(slots=True)
class Reply:
    """What the server answers. close: the connection is not kept."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    close: bool = False


@dataclass(slots=True)
class Answer:
    """The answer that requests to a path get instead of being looked at.

    code: the cloud's own; where it has none, the HTTP status. message: its text. status: the
    HTTP status, where it has codes of its own. retry_after_s: of a Retry-After header. n: how
    many requests get it.
    """

    cloud: str
    path: str
    code: int | None = None
    message: str | None = None
    status: int | None = None
    retry_after_s: int | None = None
    n: int = 1


Ordered = Callable[[str], Answer | None]
"""Gives the answer that a control request ordered for a path, if one did."""


class Rules(Protocol):
    """What a cloud decides about HTTP. paths: what its requests are about, as orders name it."""

    paths: ClassVar[tuple[str, ...]]

    def __init__(self, cloud: Any, shared: Shared, throttle: Throttle, ordered: Ordered) -> None:
        """Of one twin's cloud, which is that `Cloud`."""

    async def answer(self, request: Request) -> Reply:
        """What the server answers; a report is on file when this returns."""


def media_type(request: Request) -> str:
    """Its Content-Type in lower case and without parameters (RFC 9110, 8.3.1), or ""."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def host_name(request: Request) -> str:
    """Its Host without the port, in lower case, or ""."""
    return request.headers.get("host", "").rpartition("]")[2].partition(":")[0].lower()


def decoded(path: str) -> str:
    """A path or a part of it without percent-encoding (RFC 3986, 2.1). raises: ValueError."""
    text = unquote(path, errors="strict")
    if not path.isascii():
        raise ValueError("characters beyond ASCII")
    if "%" in path and any(not _is_octet(part[:2]) for part in path.split("%")[1:]):
        raise ValueError("a % that two hexadecimal digits do not follow")
    return text


def _is_octet(text: str) -> bool:
    return len(text) == 2 and all(digit in "0123456789abcdefABCDEF" for digit in text)
