"""With what does a connection begin, and what is its CONNECT?"""

import asyncio

from tools.twin.mqtt.traffic import ClosedError
from tools.twin.wire import packets
from tools.twin.wire.fields import MalformedError
from tools.twin.wire.packets import Connect, Decoder, Packet

CONNECT_LIMIT = 5 * 65537 + 10
"""Section 3.1: five fields of at most 65535 bytes."""

_TIMEOUT_S = 20.0
_ALL = 1 << 24  # more than a reader holds: what is handed over leaves nothing behind


async def first_bytes(reader: asyncio.StreamReader, wanted: str) -> bytes:
    """Whatever comes first. wanted: what should, for a person. raises: ClosedError."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            data = await reader.read(_ALL)
    except TimeoutError:
        raise ClosedError(f"no {wanted} within {_TIMEOUT_S:g} s") from None
    if not data:
        raise ClosedError(f"left without a {wanted}")
    return data


def is_http(first: int) -> bool:
    """A request begins with the letters of its method (RFC 9112, section 3)."""
    return chr(first).isalpha() and first < 128


async def read_connect(
    reader: asyncio.StreamReader, decoder: Decoder, data: bytes
) -> tuple[Connect, list[Packet]]:
    """The CONNECT that begins with `data`, and what came right behind it.

    raises: ClosedError, MalformedError, UnsupportedLevelError, TooLargeError.
    """
    _check_first_byte(data[0])
    found = decoder.feed(data)
    if not found:
        found = await _rest(reader, decoder)
    first, *rest = found
    packets.check_from_client(first)
    return Connect.parse(first.body), rest


async def _rest(reader: asyncio.StreamReader, decoder: Decoder) -> list[Packet]:
    """What a CONNECT that came in pieces ends with. raises: as `read_connect`."""
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            while data := await reader.read(65536):
                if found := decoder.feed(data):
                    return found
    except TimeoutError:
        raise ClosedError(f"no CONNECT within {_TIMEOUT_S:g} s") from None
    raise ClosedError("left without a CONNECT")


def _check_first_byte(first: int) -> None:
    """A connection begins with a CONNECT (section 3.1); at once, as its length may never come."""
    if first == 0x16:
        raise MalformedError("TLS on the plain port; connect without TLS, or to the TLS port")
    if first >> 4 != packets.CONNECT:
        raise MalformedError("the first packet is not a CONNECT")
