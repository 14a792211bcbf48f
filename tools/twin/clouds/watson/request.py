"""What does a request to Watson's HTTP messaging say: about what, in which format, from whom?

Sources: the platform's docs (`devices/api.md`); its opened proxy, eclipse/amlen `iotrest.c` (facts
only, no code); RFC 7617 (Basic).
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import NoReturn

from tools.twin.clouds.http_request import Request, decoded, host_name, media_type
from tools.twin.clouds.watson.client_id import PART
from tools.twin.clouds.watson.policy import org_of

_PATH = re.compile(
    r"/api/v0002/(device|application)/types/([^/]+)/devices/([^/]+)"
    r"/(events|commands)/([^/]+)(/request)?/?"
)
_LONGEST_WAIT_S = 3600

# Content-Type to the last level of the topic, beside text/*; and back.
_FORMS = {
    "application/json": "json",
    "application/xml": "xml",
    "application/octet-stream": "bin",
}
MEDIA_TYPES = {form: name for name, form in _FORMS.items()} | {"text": "text/plain;charset=utf-8"}

CHALLENGE = 'Basic realm="Watson IoT Platform"'  # RFC 9110, section 11.6.1


class RefusedError(Exception):
    """A request is answered with an HTTP status; the text says why."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(slots=True)
class Target:
    """What a path speaks of. kind: "events", "commands", or "request" to fetch commands."""

    application: bool
    type_id: str
    device_id: str
    kind: str
    name: str


def host_org(request: Request) -> str:
    """The org that Host names, in lower case, in a form of `org_of`."""
    name = host_name(request)
    org = org_of(name)
    if org is None:
        forms = "{org}[.messaging].internetofthings.ibmcloud.com, or {org}.messaging.DOMAIN"
        raise RefusedError(400, f"Host is {name!r}; it names the org: {forms}")
    return org


def target_of(request: Request) -> Target:
    """What the path speaks of; several slashes count as one."""
    found = _PATH.fullmatch(re.sub("/+", "/", request.path))
    if found is None:
        _not_found(request)
    role, *parts, kind, name, fetch = found.groups()
    try:
        type_id, device_id, name = map(decoded, (*parts, name))
    except ValueError:
        _not_found(request)
    application = role == "application"
    if fetch and (application or kind != "commands"):
        _not_found(request)
    kind = "request" if fetch else kind
    for part in (type_id, device_id):
        if not (PART.fullmatch(part) or (fetch and part == "+")):
            _not_found(request)
    if (not name or not name.isprintable() or any(c in name for c in "/+#")) and not (
        fetch and name == "+"
    ):
        _not_found(request)
    return Target(application, type_id, device_id, kind, name)


def _not_found(request: Request) -> NoReturn:
    raise RefusedError(404, f"no such path: {request.path!r}")


def form_of(request: Request) -> str:
    """The last level of the topic. Parameters of Content-Type are ignored."""
    name = media_type(request)
    if name in _FORMS:
        return _FORMS[name]
    if name.startswith("text/") and name != "text/":
        return "text"
    known = ", ".join((*_FORMS, "text/*"))
    raise RefusedError(415, f"Content-Type is {name!r}; it is one of: {known}")


def wait_s_of(body: bytes) -> int:
    """How long a request for commands waits: nothing, `{}` or `{"waitTimeSecs": 0 to 3600}`."""
    if not body:
        return 0
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is not JSON") from None
    if not isinstance(value, dict) or set(value) - {"waitTimeSecs"}:
        raise RefusedError(400, "the body is no object with waitTimeSecs alone")
    wait_s = value.get("waitTimeSecs", 0)
    if type(wait_s) is not int or not 0 <= wait_s <= _LONGEST_WAIT_S:
        raise RefusedError(400, f"waitTimeSecs is no whole number from 0 to {_LONGEST_WAIT_S}")
    return wait_s


def credentials(request: Request) -> tuple[str, str]:
    """User and password of HTTP Basic (RFC 7617)."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() != "basic":
            raise ValueError
        user, colon, password = (
            base64.b64decode(text.strip(), validate=True).decode().partition(":")
        )
        if not colon:
            raise ValueError
    except ValueError:
        reason = "there is no Authorization of the scheme Basic"
        raise RefusedError(401, reason, WWW_Authenticate=CHALLENGE) from None
    return user, password


def identity(org: str, target: Target, user: str) -> tuple[str, str, str]:
    """Class letter, product and name, as the registry has them, of a user name."""
    if target.application:
        return "a", org, user
    if user == "use-token-auth":
        return "d", f"{org}/{target.type_id}", target.device_id
    if user.startswith("g/"):
        parts = user.split("/")
    elif user.startswith("g-"):
        parts = user.split("-", 3)
    else:
        reason = "the user name is neither `use-token-auth` nor `g/org/type/id` (`g-org-type-id`)"
        raise RefusedError(403, reason)
    if len(parts) != 4 or not all(parts) or parts[1].lower() != org.lower():
        raise RefusedError(403, f"the user name is not `g/org/type/id` of the org {org!r}")
    return "g", f"{org}/{parts[2]}", parts[3]
