"""Why did a TLS handshake with a device fail, in words that its engineer can act on?"""

import contextlib
import datetime
import ssl
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tools.pki.checks import has_purpose
from tools.pki.names import owners
from tools.twin.clouds import CLOUDS
from tools.twin.tls.handshake import Context, certificate_of

_REFUSED = "the device refuses the certificate: does its server name fit, is its clock set?"

# What OpenSSL says, and what it means for the device. "Alert": the device said so.
_HINTS = {
    "UNKNOWN_CA": "the device does not trust the twin's CA: give it the twin's ca.pem",
    "ALERT_BAD_CERTIFICATE": _REFUSED,
    "ALERT_CERTIFICATE_UNKNOWN": _REFUSED,
    "ALERT_CERTIFICATE_EXPIRED": "the device believes the certificate expired: is its clock set?",
    "WRONG_VERSION_NUMBER": "no TLS: the device speaks plain MQTT to a TLS port",
    "HTTP_REQUEST": "no TLS: the device speaks plain HTTP to a TLS port",
    "UNSUPPORTED_PROTOCOL": "no version of TLS in common: 1.2 is offered, unless a fault asks for"
    " another",
    "ALERT_PROTOCOL_VERSION": "the device does not take the version of TLS that is offered",
    "NO_SHARED_CIPHER": "no cipher suite in common: weak ones are never offered, and an own"
    " certificate serves those of its kind of key only",
    "ALERT_HANDSHAKE_FAILURE": "the device finds nothing in common: suites, curves, signatures?",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no certificate: this port is only for devices that"
    " show one",
    "BAD_SIGNATURE": "the device's key is not that of its certificate",
    "CALLBACK_FAILED": "the device's server name (SNI) is not ASCII",
}

# OpenSSL's X509_V_ERR_*, and what is wrong with a client's certificate.
_EARLY, _EXPIRED, _PURPOSE = 9, 10, 26
_UNKNOWN = (18, 19, 20, 21)
_VERIFY = {
    7: "is not signed by the CA of that name that is known here; is there another of that name?",
    _EARLY: "is not valid before {from_}; was the clock right where it was issued?",
    _EXPIRED: "expired on {to}: issue a new one",
    25: "has a CA in its chain that may have no CA below it (path length)",
    _PURPOSE: "is not one for clients (extended key usage)",
    66: "has a key that is too short: P-256 or RSA 2048",
    67: "has a CA in its chain whose key is too short: P-256 or RSA 2048",
}
# The same of a CA in the chain.
_CHAIN = {
    _EARLY: "has a CA, {ca}, that is not valid before {from_}",
    _EXPIRED: "has a CA, {ca}, that expired on {to}",
    _PURPOSE: "has a CA in its chain that is not for clients' certificates (extended key usage)",
}


def explain(text: str) -> str:
    """OpenSSL's reason why a handshake failed, with what to do about it where that is known."""
    text = text or "connection lost in the handshake"
    words = text.upper().replace(" ", "_")
    hint = next((hint for word, hint in _HINTS.items() if word in words), "")
    return f"{text}: {hint}" if hint else text


def reason(cloud: str, error: OSError, context: Context) -> str:
    """Why a handshake at a door of `cloud` ended in `error`; context: it began with this one."""
    if context.problem:
        return context.problem
    if isinstance(error, ssl.SSLCertVerificationError) and context.shown:
        return _untrusted(cloud, error, context)
    text = explain(getattr(error, "reason", None) or str(error))
    with contextlib.suppress(ValueError, IndexError):
        return f"{text}; it showed certificate {_name(certificate_of(context.shown[0]))}"
    return text


def _name(certificate: x509.Certificate) -> str:
    return next(iter(owners(certificate)), "without a name")


def _untrusted(cloud: str, error: ssl.SSLCertVerificationError, context: Context) -> str:
    try:
        own, *above = map(certificate_of, context.shown)
        above += [x509.load_pem_x509_certificate(ca.pem) for ca in context.cas]
    except ValueError:
        return f"the device's certificate or its chain cannot be read ({error.verify_message})"
    org = CLOUDS[cloud].org_of(context.server_name)
    code = error.verify_code
    at_fault = _at_fault(code, own, above)
    texts = _VERIFY if at_fault is own else _VERIFY | _CHAIN
    text = CLOUDS[cloud].not_signed if code in _UNKNOWN else texts.get(code, "is not taken")
    text = text.format(
        ca=at_fault.subject.rfc4514_string(),
        from_=f"{at_fault.not_valid_before_utc:%Y-%m-%d %H:%M} UTC",
        to=f"{at_fault.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
        org=org,
    )
    return f"certificate {_name(own)} {text} ({error.verify_message})"


def _at_fault(
    code: int, own: x509.Certificate, above: Iterable[x509.Certificate]
) -> x509.Certificate:
    """Which certificate OpenSSL complains of: the device's own or, where that is in order, a CA's.

    OpenSSL knows, and `ssl` does not tell.
    """
    now = datetime.datetime.now(datetime.UTC)
    wrong = {
        _EARLY: lambda found: found.not_valid_before_utc > now,
        _EXPIRED: lambda found: found.not_valid_after_utc < now,
        _PURPOSE: lambda found: not has_purpose(found, ExtendedKeyUsageOID.CLIENT_AUTH),
    }.get(code, lambda _: True)
    return next((found for found in (own, *above) if wrong(found)), own)
