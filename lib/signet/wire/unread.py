"""Why can a board's firmware not read a certificate (RFC 5280 section 4.1, DER)?

MicroPython says "invalid cert" and no more.  Loaded when there is one, and forgotten.
"""

from binascii import hexlify

from micropython import const

from signet.wire import x509

# RSA, EC
_OF_KEYS = const((b"\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01", b"\x2a\x86\x48\xce\x3d\x02\x01"))
# P-256, P-384, P-521 (RFC 5480 section 2.1.1.1)
_CURVES = const(
    (
        b"\x2a\x86\x48\xce\x3d\x03\x01\x07",
        b"\x2b\x81\x04\x00\x22",
        b"\x2b\x81\x04\x00\x23",
    )
)
_EXTENSIONS = const(0xA3)  # [3] EXPLICIT, of a TBSCertificate
_KNOWN = const(b"\x0f\x11\x13\x25")  # keyUsage, subjectAltName, basicConstraints, extKeyUsage


def why(der):
    """Returns the reason, a str; der: bytes, b"" for a PEM block that is broken."""
    if not der:
        return "it is cut short, or its lines are no base64"
    try:
        return _why(der)
    except (ValueError, IndexError):
        return "it is no certificate, or cut short"


def _why(der):
    at, end = x509.sequence(der, 0, len(der))
    at, end = x509.sequence(der, at, end)  # TBSCertificate
    fields = []
    while at < end:
        tag, start, at = x509.field(der, at, end)
        fields.append((tag, start, at))
    key, stop = fields[6 if fields[0][0] == 0xA0 else 5][1:]
    key, stop = x509.sequence(der, key, stop)  # its AlgorithmIdentifier
    start, key = x509.field(der, key, stop)[1:]
    if der[start:key] not in _OF_KEYS:
        return "its key is neither EC nor RSA"
    if der[start:key] == _OF_KEYS[1]:
        start, key = x509.field(der, key, stop)[1:]
        if der[start:key] not in _CURVES:
            return "its key is of an unusual curve"
    tag, at, end = fields[-1]
    if tag == _EXTENSIONS:
        at, end = x509.sequence(der, at, end)
        while at < end:
            start, at = x509.sequence(der, at, end)
            start, stop = x509.field(der, start, at)[1:]
            name = der[start:stop]
            if der[stop] == 1 and not (name[:2] == b"\x55\x1d" and name[2] in _KNOWN):
                return "its critical extension {} is not known here".format(
                    "`name constraints`"
                    if name == b"\x55\x1d\x1e"
                    else "of OID " + hexlify(name).decode()
                )
    return "this firmware does not know its algorithms, or has no memory for it"
