"""Is a text a client id of Watson, and what is in it? What is an API key made of?

Source: "Connecting applications, devices, and gateways using the API".
"""

import re
import secrets
import string

# How many parts each class of client id has, the class letter included.
_PARTS = {"d": (4,), "g": (4,), "a": (3,), "A": (3, 4)}
PART = re.compile(r"[A-Za-z0-9._-]{1,36}")
"""A type, a device id or an application id."""

_CHARACTERS = re.compile(r"[A-Za-z0-9._:-]+")


class ClientIdError(Exception):
    """It is none; the text says why. mistake: a key of Watson's `connack`."""

    def __init__(self, mistake: str, reason: str) -> None:
        super().__init__(reason)
        self.mistake = mistake


def split(client_id: str) -> tuple[str, str, list[str]]:
    """Class letter, org and the remaining parts of a client id. raises: ClientIdError."""
    if not _CHARACTERS.fullmatch(client_id):
        reason = "client id holds characters other than `A-Z a-z 0-9 - _ . :`, or is empty"
        raise ClientIdError("characters", reason)
    kind, *parts = client_id.split(":")
    shape = "client id is none of d:org:type:id, g:org:type:id, a:org:app, A:org:app[:instance]"
    if kind not in _PARTS or len(parts) + 1 not in _PARTS[kind] or "" in parts:
        raise ClientIdError("form", shape)
    if not all(map(PART.fullmatch, parts[1:])):
        raise ClientIdError("characters", "a part of the client id is longer than 36")
    return kind, parts[0], parts[1:]


def new_api_key(org: str) -> str:
    """As the document's example, a-orgId-a84ps90Ajs."""
    letters = string.ascii_letters + string.digits
    return f"a-{org}-" + "".join(secrets.choice(letters) for _ in range(10))
