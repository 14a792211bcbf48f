"""How does a control request order that something breaks?"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, get_args, get_type_hints

from tools.ui import UserError

Fault = Callable[[Mapping[str, Any]], Awaitable[None]]
"""Breaks something on demand; takes the request."""


def quickly(act: Callable[[Mapping[str, Any]], None]) -> Fault:
    """The fault that is done at once."""

    async def fault(request: Mapping[str, Any]) -> None:
        act(request)

    return fault


def given(request: Mapping[str, Any], order: type[Any]) -> dict[str, Any]:
    """The fields of an order, which is a dataclass, in a request. raises: UserError for others."""
    fields = {name: value for name, value in request.items() if name not in ("do", "fault")}
    types = get_type_hints(order)
    for name, value in fields.items():
        if name not in types:
            raise UserError(f"there is no {name!r} in this fault; it takes {', '.join(types)}")
        wanted = get_args(types[name]) or (types[name],)
        if type(value) not in wanted:
            raise UserError(f"{name} is {value!r}; it is {' or '.join(map(str, wanted))}")
    return fields


def check(value: str, known: Any, name: str) -> None:
    """raises: UserError for a value that is not known."""
    if value not in known:
        raise UserError(f"there is no {name} {value!r}; use one of: {', '.join(known)}")
