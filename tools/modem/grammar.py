"""What may stand between the commas of an AT command?  The field kinds of the manuals' tables.

A kind is a function of the field's text, quotes and all, that returns its value or raises
ValueError.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

Kind = Callable[[str], Any]

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2})*")


class Optional:
    """A kind of field that may be left out, or left empty."""

    def __init__(self, kind: Kind) -> None:
        self.kind = kind


def fields(text: str) -> list[str]:
    """The fields of what stands behind `=`: commas in quotes part nothing."""
    found, quoted = [""], False
    for letter in text:
        quoted ^= letter == '"'
        if letter == "," and not quoted:
            found.append("")
        else:
            found[-1] += letter
    return [field.strip(" ") for field in found]


def read(kinds: tuple[Kind | Optional, ...], text: str) -> list[Any]:
    """The values of the fields in `text`, None for one that is left out.

    raises: ValueError: too many, too few, or one that is not of its kind.
    """
    given = fields(text)
    if len(given) > len(kinds):
        raise ValueError(f"{len(given)} fields, at most {len(kinds)} expected")
    given += [""] * (len(kinds) - len(given))
    values = []
    for place, (kind, field) in enumerate(zip(kinds, given, strict=True), 1):
        if isinstance(kind, Optional):
            values.append(kind.kind(field) if field else None)
            continue
        try:
            values.append(kind(field))
        except ValueError as error:
            raise ValueError(f"field {place}, {field!r}: {error}") from None
    return values


def maybe(kind: Kind) -> Optional:
    """The same kind, left out or left empty too."""
    return Optional(kind)


def num(low: int, high: int) -> Kind:
    """A decimal number from `low` to `high`."""

    def number(field: str) -> int:
        if not (field.isascii() and field.isdecimal() and low <= int(field) <= high):
            raise ValueError(f"no number from {low} to {high}")
        return int(field)

    return number


def flag(*allowed: int) -> Kind:
    """A hexadecimal number with 0x before it, one of `allowed`."""

    def number(field: str) -> int:
        if not re.fullmatch("0[xX][0-9A-Fa-f]+", field) or int(field, 16) not in allowed:
            raise ValueError(f"none of {', '.join(map(hex, allowed))}")
        return int(field, 16)

    return number


def _unquoted(field: str, quotes: bool | None) -> str:
    has = len(field) > 1 and field[0] == field[-1] == '"'
    if quotes is not None and has is not quotes:
        raise ValueError("quotes are missing" if quotes else "quotes are not allowed")
    text = field[1:-1] if has else field
    if '"' in text:
        raise ValueError("a quote too many")
    return text


def text(*allowed: str, quotes: bool | None = True) -> Kind:
    """Text, of `allowed` in any case if that is given.

    quotes: must they be (True), must they not (False), or either (None)?
    """

    def content(field: str) -> str:
        found = _unquoted(field, quotes)
        if allowed and found.upper() not in allowed:
            raise ValueError(f"none of {', '.join(allowed)}")
        return found

    return content


def address(quotes: bool | None = True) -> Kind:
    """An IPv4 address in figures."""

    def literal(field: str) -> str:
        return str(ipaddress.IPv4Address(_unquoted(field, quotes)))

    return literal


def hexa(quotes: bool | None = True) -> Kind:
    """Bytes as two hexadecimal digits each, of either case."""

    def digits(field: str) -> bytes:
        found = _unquoted(field, quotes)
        if not _HEX.fullmatch(found):
            raise ValueError("no hexadecimal digits, or an odd number of them")
        return bytes.fromhex(found)

    return digits


def bits(count: int) -> Kind:
    """A quoted text of so many 0 and 1, as timers have it (3GPP TS 24.008, 10.5.7.4)."""

    def timer(field: str) -> str:
        found = _unquoted(field, True)
        if not re.fullmatch(f"[01]{{{count}}}", found):
            raise ValueError(f"no {count} bits")
        return found

    return timer


anything: Kind = str
"""Whatever it is."""

PORT = num(1, 65535)
LOCAL_PORT = num(0, 65535)
