"""Which certificate has a board of a trace now, and which CA signed it?

The keys of those in the trace are not in it: each CA there has one of the replay in its place, and
each certificate one with the same names.
"""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from tools.pki.authority import Authority, certificate_pem
from tools.twin.clouds import CLOUDS
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Store
from tools.twin.trace.registry import Row
from tools.ui import UserError


class Issuers:
    """Those of one replay. folder: for their files. store: of its twin."""

    def __init__(self, folder: Path, store: Store) -> None:
        self._folder = folder
        self._store = store
        self._own: dict[str, Authority] = {}
        for cloud in CLOUDS.values():
            if cloud.ca:
                issuer = Authority(store.path.parent / cloud.name, cloud.ca)
                self._own[_named(issuer.certificate.subject)] = issuer
        self._files = 0

    def row(self, table: str, row: Row) -> Row:
        """A row of the registry with a CA that is this replay's."""
        if table != "cas":
            return row
        try:
            subject = x509.load_pem_x509_certificate(str(row["pem"]).encode()).subject
        except ValueError:
            return row
        name = _named(subject)
        if name not in self._own:
            folder = self._folder / f"ca-{len(self._own)}"
            self._own[name] = Authority(folder, _common_name(subject) or "CA")
        return {**row, "pem": certificate_pem(self._own[name].certificate)}

    def certificate(self, shown: Mapping[str, Any]) -> Path | None:
        """One like that of an "opened" record, with its key; None when its CA is not known."""
        issuer = self._own.get(str(shown.get("issuer")))
        if issuer is None:
            return None
        self._files += 1
        subject = x509.Name.from_rfc4514_string(shown["subject"])
        ends = datetime.datetime.fromtimestamp(shown["not_after_ms"] / 1000, datetime.UTC)
        try:
            file = issuer.client(
                _common_name(subject),
                email=next(iter(shown.get("emails", ())), None),
                not_after=ends,
                target=self._folder / f"client-{self._files}.pem",
            )
        except UserError:  # a name that is too long
            return None
        tables = Certificates(self._store)
        if (owner := tables.issued_to(int(shown["serial"], 16))) is not None:
            made = x509.load_pem_x509_certificate(file.read_bytes())
            tables.issued(made.serial_number, *owner, shown["not_after_ms"])
        return file


def _named(subject: x509.Name) -> str:
    return subject.rfc4514_string()


def _common_name(subject: x509.Name) -> str:
    found = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""
