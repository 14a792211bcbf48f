"""Whom does a client certificate name, and what does a security policy of Watson demand?

Sources: "Configuring certificates"; the platform's docs (`reference/security/set_up_policies.md`);
for the server's own conduct its opened proxy, eclipse/amlen `auth.c`: facts only, no code.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tools.twin.clouds.watson.close_codes import CloseCode


@dataclass(frozen=True, slots=True)
class Policy:
    """What a client of this policy shows.

    plain: it may come without TLS. certificate: it needs one that names it. token: it needs its
    token; or_certificate: unless it shows such a certificate.
    """

    plain: bool
    certificate: bool
    token: bool
    or_certificate: bool = False


POLICIES = {
    "tls-optional": Policy(plain=True, certificate=False, token=True),
    "token": Policy(plain=False, certificate=False, token=True),
    "certificate": Policy(plain=False, certificate=True, token=False),
    "certificate-and-token": Policy(plain=False, certificate=True, token=True),
    "certificate-or-token": Policy(
        plain=False, certificate=False, token=True, or_certificate=True
    ),
}
"""By the names of tools.twin.registry.certificates.POLICIES."""

# By what the cloud's `connack` calls it; the last two with the platform's close codes.
HINTS = {
    "plain": "a connection without TLS; {policy}",
    "no certificate": f"no certificate; {{policy}} ({CloseCode.NO_CERTIFICATE:d})",
    "other certificate": "the certificate is {shown}, not {wanted} (no org belongs in it);"
    f" {{policy}} ({CloseCode.OTHER_CERTIFICATE:d})",
}


def mistake(policy: str, tls: bool, shown: bool, fits: bool) -> str | None:
    """What keeps a client out before its token is looked at: a key of `HINTS`, or None.

    tls: it came over TLS. shown: with a certificate of the org's CAs. fits: one that names it.
    """
    wanted = POLICIES[policy]
    if not (tls or wanted.plain):
        return "plain"
    if wanted.certificate and not fits:
        return "other certificate" if shown else "no certificate"
    return None


def wants_token(policy: str, fits: bool) -> bool:
    """Whether a client needs its token."""
    wanted = POLICIES[policy]
    return wanted.token and not (wanted.or_certificate and fits)


def org_of(server_name: str | None) -> str | None:
    """The org in a TLS server name; None where it has none.

    The name is `{org}.messaging.{domain}`, or the older `{org}.internetofthings.{domain}`, in any
    case (RFC 6066, section 3).
    """
    org, _, domain = (server_name or "").partition(".")
    return org if org and domain.lower().startswith(("messaging.", "internetofthings.")) else None


def score(names: Sequence[str], kind: str, type_id: str | None, name: str) -> int:
    """How well names fit a client: 3 exactly, 1 any client of its type, 0 not at all.

    kind: class letter. type_id: None of an application. name: device id or app id.
    """
    wanted = [kind] if type_id is None else [kind, type_id]
    best = 0
    for text in names:
        *head, last = text.split(":")
        if head == wanted and last in ("", name):
            best = max(best, 3 if last else 1)
    return best


_PARTS = {"d": 3, "g": 3, "a": 2}


def client_id(names: Sequence[str], org: str) -> str | None:
    """The client id that the first usable name makes in an org, or None.

    A name is usable that stands for one client, and holds no org: that comes from the server name.
    """
    for text in names:
        kind, *parts = text.split(":")
        if len(parts) + 1 == _PARTS.get(kind) and all(parts):
            return ":".join((kind, org, *parts))
    return None
