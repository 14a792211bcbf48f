"""What does the shadow of a device of Alibaba answer, and what does it tell the device?

Source: Alibaba Cloud, "Device shadow data stream", "Device shadow JSON format" (the table of
errors, the limit, version -1).
"""

import time
from typing import Any

from tools.twin.clouds.text import decode, encode
from tools.twin.registry.kept import Kept

# The document's table.
_ERRORS = {
    400: "the JSON format is not correct",
    401: "method is missing",
    402: "state is missing",
    403: "version is not a number",
    404: "reported is missing",
    405: "reported is empty",
    406: "the method is not valid",
    407: "the shadow content is empty",
    408: "more than 128 reported attributes",
    409: "version conflict",
}
_MOST = 128
_CLEARED = ("null", None)  # the document writes null as a text
_PART = "shadow"


class _ShadowError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Shadows:
    """The shadows of every device."""

    def __init__(self, kept: Kept) -> None:
        self._kept = kept

    def answer(self, product: str, name: str, payload: bytes) -> tuple[bytes, str, str]:
        """The reply to what a device published; which method that was; what was wrong, or ""."""
        method = ""
        try:
            request = _read(payload)
            method = request["method"]
            if method == "get":
                shadow = self._shadow(product, name)
                told = {"status": "success", **_told(shadow)}
                return _message("reply", told, shadow["version"]), method, ""
            version = self._change(product, name, request)
        except _ShadowError as error:
            content = {"errorcode": str(error.code), "errormessage": _ERRORS[error.code]}
            reply = _message("reply", {"status": "error", "content": content})
            return reply, method, f"{error.code}: {_ERRORS[error.code]}"
        return _message("reply", {"status": "success", "version": version}), method, ""

    def desire(self, product: str, name: str, desired: dict[str, Any]) -> bytes:
        """Set what an application wants; returns what the device is told."""
        shadow = self._shadow(product, name)
        _set(shadow, "desired", desired)
        shadow["version"] += 1
        self._kept.put(product, name, _PART, shadow)
        return _message("control", _told(shadow), shadow["version"])

    def _shadow(self, product: str, name: str) -> dict[str, Any]:
        empty: dict[str, Any] = {"state": {}, "metadata": {}, "version": 0}
        found: dict[str, Any] = self._kept.get(product, name, _PART, empty)
        return found

    def _change(self, product: str, name: str, request: dict[str, Any]) -> int:
        shadow, state, version = self._shadow(product, name), request["state"], request["version"]
        if version == -1:  # the document: empties the shadow, whose version is 0 then
            shadow = {"state": {}, "metadata": {}, "version": 0}
        elif version <= shadow["version"]:
            raise _ShadowError(409)
        else:
            shadow["version"] = version
        if request["method"] == "update":
            if state.get("desired", "") in _CLEARED:
                _drop(shadow, "desired", None)
            if "reported" in state:
                _set(shadow, "reported", state["reported"])
                if len(shadow["state"]["reported"]) > _MOST:
                    raise _ShadowError(408)
        else:
            gone = state["reported"]
            names = None if gone in _CLEARED else [n for n in gone if gone[n] in _CLEARED]
            _drop(shadow, "reported", names)
        self._kept.put(product, name, _PART, shadow)
        return int(shadow["version"])


def _read(payload: bytes) -> dict[str, Any]:
    """A request of which everything that its method needs is there. raises: _ShadowError."""
    if not payload:
        raise _ShadowError(407)
    try:
        request = decode(payload)
    except ValueError:
        raise _ShadowError(400) from None
    if not isinstance(request, dict):
        raise _ShadowError(400)
    method = request.get("method")
    if not method:
        raise _ShadowError(401)
    if method == "get":
        return request
    if method not in ("update", "delete"):
        raise _ShadowError(406)
    state, version = request.get("state"), request.get("version")
    if not isinstance(state, dict):
        raise _ShadowError(402)
    if not isinstance(version, int) or isinstance(version, bool):
        raise _ShadowError(403)
    cleared = method == "update" and state.get("desired", "") in _CLEARED
    if "reported" not in state and not cleared:
        raise _ShadowError(404)
    reported = state.get("reported")
    if reported == {} or not (isinstance(reported, dict) or reported in _CLEARED):
        raise _ShadowError(405)
    if method == "update" and "reported" in state and not isinstance(reported, dict):
        raise _ShadowError(405)
    return request


def _set(shadow: dict[str, Any], part: str, values: dict[str, Any]) -> None:
    times = {name: {"timestamp": int(time.time())} for name in values}
    shadow["state"].setdefault(part, {}).update(values)
    shadow["metadata"].setdefault(part, {}).update(times)


def _drop(shadow: dict[str, Any], part: str, names: list[str] | None) -> None:
    """Take values away. names: None for all."""
    for half in ("state", "metadata"):
        if names is None:
            shadow[half].pop(part, None)
        for name in names or ():
            shadow[half].get(part, {}).pop(name, None)


def _told(shadow: dict[str, Any]) -> dict[str, Any]:
    return {half: shadow[half] for half in ("state", "metadata")}


def _message(method: str, payload: dict[str, Any], version: int | None = None) -> bytes:
    message: dict[str, Any] = {"method": method, "payload": payload}
    if version is not None:
        message["version"] = version
    return encode({**message, "timestamp": int(time.time())})
