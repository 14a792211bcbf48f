"""When does a certificate end, whom does it name, whose key is in it (RFC 5280 section 4.1, DER)?

As little of DER as that takes.  Loaded when it is needed, and forgotten: see modules.forget.
"""

from micropython import const

from signet.wire import iso8601, pem

_SEQUENCE = const(0x30)
_INTEGER = const(0x02)
_UTC_TIME = const(0x17)
_GENERALIZED_TIME = const(0x18)
_VERSION = const(0xA0)  # [0] EXPLICIT
_PUBLIC_KEY = const(0xA1)  # [1], of an EC private key (RFC 5915 section 3)


def not_after(data):
    """Finds the end of each certificate in a file.

    Args:
        data: bytes, PEM, of several also; or DER, one.
    Returns:
        list of int, Unix seconds; what cannot be read is left out.
    """
    ends = []
    for der in pem.blocks(data, b"CERTIFICATE"):
        try:
            ends.append(_end(der))
        except (ValueError, IndexError):
            pass
    return ends


def belongs(key, cert):
    """Says whether a private key is the one of a certificate.

    Args:
        key: bytes, PEM or DER: PKCS #1, PKCS #8 or SEC 1, not encrypted.
        cert: bytes, PEM, of which the first certificate counts, or DER.
    Returns:
        bool, False when it is another's; True also where the key does not tell.
    """
    try:
        public = _public(pem.first(key, b"PRIVATE KEY"))
        cert = pem.first(cert, b"CERTIFICATE")
        return not cert or public in cert
    except (ValueError, IndexError):
        return True


def names(cert, name):
    """Says whether a certificate names somebody, in its CN or as an address in its SAN.

    Args:
        cert: bytes, PEM, of which the first certificate counts, or DER.
        name: str of less than 128 bytes.
    Returns:
        bool
    """
    name = name.encode()
    # behind the tag of a string of any kind
    return bytes((len(name),)) + name in pem.first(cert, b"CERTIFICATE")


def misnamed(cert, wanted):
    """Says what is wrong with a certificate that must name one of several.

    Args:
        cert: as of `names`.
        wanted: list of str, the one to show first; None where any certificate will do.
    Returns:
        str; None when nothing is.
    """
    for name in wanted or ():
        if names(cert, name):
            return None
    return "does not name this board, " + wanted[0] if wanted else None


def field(der, at, end):
    """Returns (tag, where its content starts, where it ends) of what stands at `at`."""
    tag, size = der[at], der[at + 1]
    at += 2
    if size > 127:
        count = size & 127
        if not 0 < count < 4:
            raise ValueError
        size = int.from_bytes(der[at : at + count], "big")
        at += count
    if at + size > end:
        raise ValueError
    return tag, at, at + size


def sequence(der, at, end):
    """Returns where the content of the SEQUENCE at `at` starts and ends; ValueError for others."""
    tag, start, stop = field(der, at, end)
    if tag != _SEQUENCE:
        raise ValueError
    return start, stop


def _end(der):
    at, end = sequence(der, 0, len(der))
    at, end = sequence(der, at, end)  # TBSCertificate
    if der[at] == _VERSION:
        at = field(der, at, end)[2]
    for _ in range(3):  # serial number, signature, issuer
        at = field(der, at, end)[2]
    at, end = sequence(der, at, end)  # validity
    at = field(der, at, end)[2]
    tag, at, end = field(der, at, end)
    return _seconds(tag, der[at:end])


def _seconds(tag, text):
    """Unix seconds of a time (section 4.1.2.5): its year has two digits or four."""
    if tag not in (_UTC_TIME, _GENERALIZED_TIME) or not text[:-1].isdigit():
        raise ValueError
    if tag == _UTC_TIME:
        text = (b"19" if text >= b"5" else b"20") + text
    if len(text) != 15 or text[14] != 90:  # Z
        raise ValueError
    parts = [int(text[i : i + 2]) for i in range(4, 14, 2)]
    return iso8601.unix_s(int(text[:4]), *parts)


def _public(der, inside=False):
    """The part of a private key that its certificate shows: modulus, or point of the curve."""
    at, end = sequence(der, 0, len(der))
    at = field(der, at, end)[2]  # version
    tag, start, at = field(der, at, end)
    if tag == _INTEGER:
        return der[start:at]
    if tag == _SEQUENCE and not inside:  # PKCS #8: the key stands in it once more
        tag, start, at = field(der, at, end)
        return _public(der[start:at], True)
    while tag != _PUBLIC_KEY:
        tag, start, at = field(der, at, end)
    return der[start + 3 : at]  # behind tag, length and unused bits of a bit string
