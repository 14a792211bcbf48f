"""What is a REST call of an application of Watson, and how is it answered or refused?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tools.twin.clouds.watson.client_id import PART

INVALID, INVALID_LOCATION = "CUDRS0007E", "CUDHT0300I"
"""The platform's codes of a refusal: the only ones that wiotp-sdk's tests name."""

_MOST_LISTED = 100


class CallRefusedError(Exception):
    """A call is answered with a status; the text says why.

    code: the platform's own. allow: of a 405, the header.
    """

    def __init__(self, status: int, reason: str, code: str = "", *, allow: str = "") -> None:
        super().__init__(reason)
        self.status = status
        self.code = code
        self.allow = allow


@dataclass(slots=True)
class Call:
    """One call. parts: what its path names. query: the last of each name."""

    org: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: Any


Answer = tuple[int, Any]
"""Status, and what is answered as JSON; None: an empty body."""


def hold(problem: str, code: str = INVALID) -> None:
    """raises: CallRefusedError where there is a problem."""
    if problem:
        raise CallRefusedError(400, problem, code)


def object_of(value: Any, name: str = "the body") -> dict[str, Any]:
    """It, which is `name`. raises: CallRefusedError where it is no object."""
    hold("" if isinstance(value, dict) else f"{name} is not an object")
    found: dict[str, Any] = value
    return found


def id_of(body: Mapping[str, Any], name: str) -> str:
    """The id of a type or device that a body has under that name. raises: CallRefusedError."""
    value = body.get(name)
    if not isinstance(value, str) or not PART.fullmatch(value):
        raise CallRefusedError(400, f"{name} is not 1 to 36 letters, digits, or - _ .", INVALID)
    return value


def page(call: Call, entries: list[Any]) -> dict[str, Any]:
    """Some of them, as many as are asked for, and the bookmark to ask for more with.

    raises: CallRefusedError.
    """
    try:
        begin, limit = int(call.query.get("_bookmark", 0)), int(call.query.get("_limit", 25))
    except ValueError:
        raise CallRefusedError(400, "_bookmark or _limit is no number", INVALID) from None
    begin = max(0, begin)
    end = begin + max(1, min(limit, _MOST_LISTED))
    more = {"bookmark": str(end)} if end < len(entries) else {}
    return {"results": entries[begin:end], "meta": {"total_rows": len(entries)}, **more}


def each_of(call: Call, status: int, act: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    """Do so with each entry; 202 where one is refused. raises: CallRefusedError."""
    if not isinstance(call.body, list):
        raise CallRefusedError(400, "the body is not a list of devices", INVALID)
    answers = []
    for entry in call.body:
        names = {name: object_of(entry).get(name) for name in ("typeId", "deviceId")}
        try:
            answers.append({**names, "success": True, **act(entry)})
        except CallRefusedError as refused:
            answers.append({**names, "success": False, "error": str(refused)})
    return (status if all(each["success"] for each in answers) else 202), answers
