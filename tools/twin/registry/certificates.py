"""Which certificates and policies does an org have: CAs, server certificates, security policies?

Tables in the registry's SQLite file, whose mode is 0600: private keys lie there. A running twin
sees a change at its next handshake or login. Sources: "Configuring certificates"; the platform's
docs (`reference/security/set_up_policies.md`); for EnOS which certificate was issued to whom.
"""

import sqlite3
import time
from dataclasses import dataclass, field

from cryptography import x509

from tools.pki.checks import is_complete, is_self_signed
from tools.twin.registry.store import Store
from tools.ui import UserError, one_of

POLICIES = (
    "tls-optional",
    "token",
    "certificate",
    "certificate-and-token",
    "certificate-or-token",
)
"""Watson's connection security; the first is the twin's default."""

# Host names know no case, and an org comes out of one.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS cas(
  id INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL COLLATE NOCASE, pem BLOB NOT NULL,
  description TEXT NOT NULL, active INTEGER NOT NULL DEFAULT 1, added_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS servers(
  id INTEGER PRIMARY KEY AUTOINCREMENT, org TEXT NOT NULL COLLATE NOCASE,
  description TEXT NOT NULL, chain_pem BLOB, csr_pem BLOB, key_pem BLOB NOT NULL,
  active INTEGER NOT NULL DEFAULT 0, added_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS policies(
  org TEXT NOT NULL COLLATE NOCASE, type TEXT NOT NULL, policy TEXT NOT NULL,
  PRIMARY KEY(org, type));
CREATE TABLE IF NOT EXISTS issued(
  serial TEXT PRIMARY KEY, product TEXT NOT NULL, device TEXT NOT NULL,
  not_after_ms INTEGER NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Ca:
    """A CA certificate that an org has registered: who has one of its certificates is known."""

    id: int
    org: str
    pem: bytes
    description: str
    active: bool
    added_ms: int


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """A messaging server certificate of an org, or the request for one: `chain_pem` is None."""

    id: int
    org: str
    description: str
    chain_pem: bytes | None
    csr_pem: bytes | None
    key_pem: bytes = field(repr=False)
    active: bool
    added_ms: int


def check_policy(policy: str) -> None:
    """raises: UserError for a policy that there is not."""
    if policy not in POLICIES:
        raise UserError(f"there is no policy {policy!r}; {one_of(policy, POLICIES)}")


class Certificates:
    """What the operators of the twin's orgs have uploaded and set; checks are tools.pki.checks."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._database = store.database
        store.make(_SCHEMA)

    # CAs that sign client certificates

    def add_ca(self, org: str, certificate_pem: bytes, description: str) -> int:
        """Register a CA certificate, active at once; returns its id."""
        return self._insert(
            "INSERT INTO cas(org, pem, description, added_ms) VALUES(?,?,?,?)",
            (org, certificate_pem, description, _now_ms()),
        )

    def check_new_ca(self, org: str, certificate: x509.Certificate) -> None:
        """raises: UserError for a CA that the org has registered already."""
        for ca in self.cas(org):
            if x509.load_pem_x509_certificate(ca.pem) == certificate:
                raise UserError(f"org {org} has this CA already, as number {ca.id}")

    def cas(self, org: str | None = None) -> list[Ca]:
        """The CAs of an org, or of all, oldest first."""
        rows = self._rows("SELECT * FROM cas WHERE ? IS NULL OR org=? ORDER BY id", (org, org))
        return [Ca(**{**dict(row), "active": bool(row["active"])}) for row in rows]

    def activate_ca(self, number: int, active: bool) -> None:
        """Let a CA's certificates in, or not. raises: UserError when there is no such CA."""
        self._change("UPDATE cas SET active=? WHERE id=?", (active, number), "CA", number)

    def remove_ca(self, number: int) -> None:
        """Forget a CA. raises: UserError when there is no such CA."""
        self._change("DELETE FROM cas WHERE id=?", (number,), "CA", number)

    # Certificates that the messaging server shows

    def add_server(self, org: str, chain_pem: bytes, key_pem: bytes, description: str) -> int:
        """Upload a server certificate with its chain and its key; returns its id."""
        return self._insert(
            "INSERT INTO servers(org, chain_pem, key_pem, description, added_ms)"
            " VALUES(?,?,?,?,?)",
            (org, chain_pem, key_pem, description, _now_ms()),
        )

    def request_server(self, org: str, csr_pem: bytes, key_pem: bytes, description: str) -> int:
        """Keep a certificate signing request and its key until the answer; returns its id."""
        return self._insert(
            "INSERT INTO servers(org, csr_pem, key_pem, description, added_ms) VALUES(?,?,?,?,?)",
            (org, csr_pem, key_pem, description, _now_ms()),
        )

    def answer_request(self, number: int, chain_pem: bytes) -> None:
        """Put the signed certificate where its request was. raises: UserError."""
        self._change(
            "UPDATE servers SET chain_pem=?, csr_pem=NULL WHERE id=? AND csr_pem IS NOT NULL",
            (chain_pem, number),
            "open request",
            number,
        )

    def servers(self, org: str | None = None) -> list[ServerCertificate]:
        """The server certificates and requests of an org, or of all, oldest first."""
        rows = self._rows("SELECT * FROM servers WHERE ? IS NULL OR org=? ORDER BY id", (org, org))
        return [ServerCertificate(**{**dict(row), "active": bool(row["active"])}) for row in rows]

    def activate_server(self, org: str, number: int | None) -> None:
        """Show this certificate to clients of the org; None: the platform's default again.

        raises: UserError when the org has no such certificate, or only its request.
        """
        ready = {server.id for server in self.servers(org) if server.chain_pem is not None}
        if number is not None and number not in ready:
            raise UserError(f"org {org} has no server certificate {number} that could be shown")
        self._database.execute("UPDATE servers SET active=(id IS ?) WHERE org=?", (number, org))

    def lacks_a_ca(self, org: str, certificate: x509.Certificate) -> bool:
        """Whether one above it, up to the root, is not registered, and all have to be.

        "Configuring certificates", "Client certificates": where the server's is self-signed.
        certificate: of a client, or a CA.
        """
        shown = [s.chain_pem for s in self.servers(org) if s.active and s.chain_pem is not None]
        if not any(is_self_signed(x509.load_pem_x509_certificate(chain)) for chain in shown):
            return False
        cas = [x509.load_pem_x509_certificate(ca.pem) for ca in self.cas(org) if ca.active]
        return not (is_self_signed(certificate) or is_complete(certificate, cas))

    def remove_server(self, number: int) -> None:
        """Forget a server certificate or a request, and its key. raises: UserError."""
        self._change("DELETE FROM servers WHERE id=?", (number,), "server certificate", number)
        self._store.scrub()

    # Security policies

    def set_policy(self, org: str, policy: str, type_id: str = "") -> None:
        """Set an org's default policy, or that of a device type. raises: UserError."""
        check_policy(policy)
        self._database.execute(
            "INSERT OR REPLACE INTO policies VALUES(?,?,?)", (org, type_id, policy)
        )
        self._store.journal.add("changed")

    def unset_policy(self, org: str, type_id: str) -> None:
        """Let the org's default hold for a device type again."""
        self._database.execute("DELETE FROM policies WHERE org=? AND type=?", (org, type_id))

    def policy(self, org: str, type_id: str = "") -> str:
        """The policy that holds for a device type: its own, else the org's default."""
        policies = self.policies(org)
        return policies.get(type_id, policies[""])

    def policies(self, org: str) -> dict[str, str]:
        """Policies by device type; "" is the default, which every org has."""
        rows = self._rows("SELECT type, policy FROM policies WHERE org=? ORDER BY type", (org,))
        return {"": POLICIES[0]} | {row["type"]: row["policy"] for row in rows}

    # Which device a certificate was issued to, where the cloud has a CA of its own for that

    def issued(self, serial: int, product_key: str, device_key: str, not_after_ms: int) -> None:
        """Note to whom the certificate with this serial number was issued."""
        self._database.execute(
            "INSERT OR REPLACE INTO issued VALUES(?,?,?,?)",
            (f"{serial:x}", product_key, device_key, not_after_ms),
        )

    def issued_to(self, serial: int) -> tuple[str, str] | None:
        """Product key and device key of a certificate that was issued so, else None."""
        found = self._rows("SELECT product, device FROM issued WHERE serial=?", (f"{serial:x}",))
        return (found[0]["product"], found[0]["device"]) if found else None

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        return self._database.execute(statement, values).fetchall()

    def _insert(self, statement: str, values: tuple[object, ...]) -> int:
        number = self._database.execute(statement, values).lastrowid or 0
        self._store.journal.add("changed")
        return number

    def _change(self, statement: str, values: tuple[object, ...], what: str, number: int) -> None:
        if not self._database.execute(statement, values).rowcount:
            raise UserError(f"there is no {what} {number}")
        self._store.journal.add("changed")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
