"""What are these files, do they belong together, and what must be mended?

A file is explained part by part (explain_certificate.py), then what holds between the parts.
"""

import datetime
import itertools
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from tools.pki import explain_certificate
from tools.pki.checks import is_ca, is_self_signed, signed_by
from tools.pki.contents import Contents, Key, Part, public_key, read
from tools.pki.explain_certificate import Statement, is_authority
from tools.pki.keys import read_file
from tools.ui import UserError

_SUFFIXES = {".pem", ".crt", ".cer", ".der", ".csr", ".key"}


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is said of a file, or of one part of it. title: which."""

    title: str
    statements: list[Statement]


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    mode: int
    contents: Contents | None
    trouble: str


def explain(paths: Sequence[Path], now: datetime.datetime | None = None) -> Iterator[Explanation]:
    """Explain files together: a key in one may belong to a certificate in another.

    paths: files; a folder stands for the certificates, requests and keys in it.
    now: aware; default: the present time.
    raises: UserError for a file that cannot be read.
    """
    now = now or datetime.datetime.now(datetime.UTC)
    files = [_read(path) for path in _files(paths)]
    every = [part for file in files if file.contents for part in file.contents.parts]
    for file in files:
        yield Explanation(str(file.path), list(_whole(file)))
        if file.contents is None:
            continue
        for number, part in enumerate(file.contents.parts, 1):
            statements = [*_part(part, now), *_relations(part, every)]
            yield Explanation(f"{file.path} ({number}): {_what(part)}", statements)


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = [file for file in sorted(path.iterdir()) if file.suffix.lower() in _SUFFIXES]
        if not found:
            raise UserError(f"there is no {' '.join(sorted(_SUFFIXES))} file in {path}")
        yield from found


def _read(path: Path) -> _File:
    data, mode = read_file(path), stat.S_IMODE(path.stat().st_mode)
    try:
        return _File(path, mode, read(data), "")
    except UserError as error:
        return _File(path, mode, None, str(error))


def _whole(file: _File) -> Iterator[Statement]:
    """What holds of the file as a whole."""
    contents = file.contents
    if contents is None:
        yield Statement(file.trouble, True)
        return
    yield Statement(f"{'PEM' if contents.pem else 'DER'}, mode {file.mode:04o}")
    for text in contents.unreadable:
        yield Statement(text, True)
    if not contents.parts and not contents.unreadable:
        yield Statement("no certificate, request or key in it", True)
    if contents.keys and file.mode & 0o077:
        yield Statement(
            f"others on this computer may read the private key in it: `chmod 600 {file.path}`",
            True,
        )
    yield from _order(contents)


def _order(contents: Contents) -> Iterator[Statement]:
    """RFC 5246 section 7.4.2: the sender's certificate first, each next one signed the one before.

    Several CAs in one file are a list of whom to trust, in any order.
    """
    found = contents.certificates
    if len(found) < 2 or all(map(is_ca, found)):
        return
    if is_ca(found[0]):
        yield Statement("a CA stands first: the device's or server's own certificate must", True)
        return
    for certificate, signer in itertools.pairwise(found):
        if not signed_by(certificate, signer):
            yield Statement(
                "the chain is out of order: each certificate must be followed by its signer", True
            )
            return
    yield Statement(f"a chain of {len(found)} certificates, in order")


def _part(part: Part, now: datetime.datetime) -> Iterator[Statement]:
    if isinstance(part, Key):
        return explain_certificate.private_key(part)
    if isinstance(part, x509.Certificate):
        return explain_certificate.certificate(part, now)
    return explain_certificate.request(part)


def _what(part: Part) -> str:
    if isinstance(part, Key):
        return "a private key"
    if isinstance(part, x509.Certificate):
        return "a CA certificate" if is_authority(part) else "a certificate"
    return "a certificate signing request"


def _relations(part: Part, every: list[Part]) -> Iterator[Statement]:
    """What holds between this part and the others."""
    certificates = [other for other in every if isinstance(other, x509.Certificate)]
    if isinstance(part, x509.Certificate):
        yield from _signer(part, certificates)
    if isinstance(part, Key) and part.public is not None:
        yield from _owner(part, every)


def _signer(part: x509.Certificate, certificates: list[x509.Certificate]) -> Iterator[Statement]:
    if is_self_signed(part):
        return
    others = [other for other in certificates if other != part and is_ca(other)]
    if any(signed_by(part, other) for other in others):
        yield Statement("its signer is here, and the signature is good")
    elif any(other.subject == part.issuer for other in others):
        yield Statement(
            "a CA of its signer's name is here, but with another key: it did not sign this", True
        )
    else:
        yield Statement("its signer is not here: check this file together with the CA's")


def _owner(key: Key, every: list[Part]) -> Iterator[Statement]:
    others = [part for part in every if not isinstance(part, Key)]
    own = [part for part in others if public_key(part) == key.public]
    if any(isinstance(part, x509.Certificate) and is_authority(part) for part in own):
        yield Statement("the key of a CA: keep it off boards, and out of every upload")
    elif any(isinstance(part, x509.Certificate) for part in own):
        yield Statement("it belongs to the certificate here")
    elif own:
        yield Statement("it belongs to the request here")
    elif others:
        yield Statement("it belongs to no certificate or request here", True)
