"""Is a shared access signature for Azure good: for whom, until when, signed with which key?

By the standard library alone. Sources: "Control access to IoT Hub using SAS tokens"; DPS, "Use
symmetric key attestation". What is percent-encoded in `sr` may be signed as it came or decoded:
SDKs do both (azure-docs#11760).
"""

import base64
import binascii
import hashlib
import hmac
import re
import time
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass

_BEGIN = "SharedAccessSignature "
_FIELDS = ("sr", "sig", "se", "skn")


class TokenError(Exception):
    """The token lets nobody in; the text says what to mend. kind: a key of the refusals."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Token:
    """What a token says. resource: `sr` as it came. policy: `skn`, "" without."""

    resource: str
    signature: str
    expires_s: int
    policy: str = ""

    @classmethod
    def parse(cls, text: str) -> "Token":
        """Read a token. raises: TokenError."""
        if not text.startswith(_BEGIN):
            raise TokenError("password", f"the password does not begin with {_BEGIN!r}")
        fields: dict[str, str] = {}
        for item in text[len(_BEGIN) :].split("&"):
            name, equals, value = item.partition("=")
            if name not in _FIELDS or not equals or name in fields:
                known = ", ".join(_FIELDS)
                raise TokenError("password", f"the token has a field that is none of {known}")
            fields[name] = value
        if missing := [name for name in _FIELDS[:3] if not fields.get(name)]:
            raise TokenError("password", f"the token lacks {' and '.join(missing)}")
        if not re.fullmatch(r"[0-9]{1,12}", fields["se"]):
            raise TokenError("password", "se is not a number of seconds since 1970")
        signature = urllib.parse.unquote(fields["sig"])
        return cls(fields["sr"], signature, int(fields["se"]), fields.get("skn", ""))


def signature(key: str, text: str) -> str:
    """Base64 of the HMAC-SHA256 of a text. key: base64. raises: ValueError for another."""
    secret = base64.b64decode(key, validate=True)
    return base64.b64encode(hmac.digest(secret, text.encode(), hashlib.sha256)).decode()


def derived(group_key: str, registration_id: str) -> str:
    """The key of one device of an enrollment group (DPS, "Derive a device key")."""
    return signature(group_key, registration_id)


def check(password: bytes | None, resource: str, key: str, policies: Sequence[str] = ("",)) -> int:
    """Whether a password is a token for this resource, now, signed with this key.

    resource: not encoded: `{hub}/devices/{id}` or `{scope}/registrations/{id}`. key: base64.
    policies: what its `skn` may be; "": left out.
    returns: when it ends, Unix seconds. raises: TokenError.
    """
    token = Token.parse((password or b"").decode("ascii", "replace"))
    given = urllib.parse.unquote(token.resource)
    if given != resource:
        hint = ""
        if given.lower() == resource.lower():
            hint = "; upper and lower case differ"
        raise TokenError("resource", f"sr is of {given!r}, not of {resource!r}{hint}")
    if token.policy not in policies:
        wanted = policies[0] or "left out with a device's own key"
        raise TokenError("policy", f"skn is {token.policy!r}; it is {wanted}")
    late_s = int(time.time()) - token.expires_s
    if late_s >= 0:
        reason = f"se is {late_s} s in the past; is the device's clock set, and in UTC?"
        raise TokenError("expired", reason)
    texts = [f"{text}\n{token.expires_s}" for text in (token.resource, given)]
    if not any(_same(signature(key, text), token.signature) for text in texts):
        raise TokenError("signature", _why(key, token, texts[0]))
    return token.expires_s


def _same(expected: str, received: str) -> bool:
    return hmac.compare_digest(expected.encode(), received.encode())


def _why(key: str, token: Token, text: str) -> str:
    """What may be wrong with a signature; holds neither the key nor what it gives."""
    content = text.replace("\n", "\\n")
    reason = (
        f"sig differs: expected base64 of HMAC-SHA256 of `{content}`, keyed with the decoded key"
    )
    undecoded = hmac.digest(key.encode(), text.encode(), hashlib.sha256)
    if _same(base64.b64encode(undecoded).decode(), token.signature):
        return "sig is keyed with the text of the key; decode its base64 first"
    if _same(signature(key, text).replace("+", " "), token.signature.replace("+", " ")):
        return "sig has a + that is not percent-encoded"
    try:
        length = len(base64.b64decode(token.signature, validate=True))
    except (binascii.Error, ValueError):
        return reason + "; what came is not base64"
    return reason if length == hashlib.sha256().digest_size else reason + f"; {length} bytes came"
