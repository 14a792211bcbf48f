"""Why did a TLS handshake with a device fail, in words that its engineer can act on?"""

import ssl

from cryptography import x509

from tools.twin.clouds import watson_policy
from tools.twin.handshake import Context

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
    "NO_SHARED_CIPHER": "no cipher suite in common (the usual certificate is ECDSA P-256, and"
    " weak suites are never offered)",
    "ALERT_HANDSHAKE_FAILURE": "the device finds nothing in common: suites, curves, signatures?",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "no certificate: this port is only for devices that"
    " show one",
    "BAD_SIGNATURE": "the device's key is not that of its certificate",
    "EE_KEY_TOO_SMALL": "the key of the device's certificate is too short: P-256 or RSA 2048",
}

# OpenSSL's X509_V_ERR_*, and what is wrong with a client's certificate.
_VERIFY = {
    9: "is not valid before {from_}; was the clock right where it was issued?",
    10: "expired on {to}: issue a new one",
    26: "is not one for clients (extended key usage)",
    66: "has a key that is too short: P-256 or RSA 2048",
}
_NOT_SIGNED = {
    "watson": "is not signed by an active CA of org {org}: signet pki register",
    "enos": "is not signed by the twin's EnOS CA: signet pki enos issue",
}


def explain(text: str) -> str:
    """OpenSSL's reason why a handshake failed, with what to do about it where that is known."""
    text = text or "connection lost in the handshake"
    words = text.upper().replace(" ", "_")
    hint = next((hint for word, hint in _HINTS.items() if word in words), "")
    return f"{text}: {hint}" if hint else text


def reason(cloud: str, error: OSError, context: Context) -> str:
    """Why a handshake at a door of `cloud` ended in `error`; context: it began with this one."""
    if isinstance(error, ssl.SSLCertVerificationError) and context.shown:
        return _untrusted(cloud, error, context)
    return explain(getattr(error, "reason", None) or str(error))


def _untrusted(cloud: str, error: ssl.SSLCertVerificationError, context: Context) -> str:
    try:
        certificate = x509.load_der_x509_certificate(context.shown or b"")
        name = next(iter(watson_policy.names(certificate)), "without a name")
        from_ = f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        to = f"{certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return "the device's certificate cannot be read"
    org = watson_policy.org_of(context.server_name)
    if cloud == "watson" and org is None:
        given = repr(context.server_name) if context.server_name else "none"
        return (
            f"certificate {name}: the server name (SNI) says whose CAs count; it has to be"
            f" ORG.messaging.DOMAIN, and is {given}"
        )
    text = _VERIFY.get(error.verify_code, _NOT_SIGNED[cloud])
    text = text.format(from_=from_, to=to, org=org)
    return f"certificate {name} {text} ({error.verify_message})"
