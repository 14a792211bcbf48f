"""What do the clouds know: which products, devices and secrets, and which messages went by?

One SQLite file, readable by other processes while the twin runs (write-ahead log).
"""

import functools
import os
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tools.twin.registry.batch import BUSY_S, Batch
from tools.twin.registry.journal import Journal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS devices(
  cloud TEXT NOT NULL, kind TEXT NOT NULL, product TEXT NOT NULL, name TEXT NOT NULL,
  secret TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1,
  gateway TEXT NOT NULL DEFAULT '',
  PRIMARY KEY(cloud, kind, product, name));
CREATE TABLE IF NOT EXISTS messages(
  id INTEGER PRIMARY KEY AUTOINCREMENT, received_ms INTEGER NOT NULL, cloud TEXT NOT NULL,
  device TEXT NOT NULL, direction TEXT NOT NULL, topic TEXT NOT NULL, payload BLOB NOT NULL,
  qos INTEGER NOT NULL, retain INTEGER NOT NULL, dup INTEGER NOT NULL, status TEXT NOT NULL,
  reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS kept(
  cloud TEXT NOT NULL, product TEXT NOT NULL, name TEXT NOT NULL, part TEXT NOT NULL,
  value TEXT NOT NULL, PRIMARY KEY(cloud, product, name, part));
CREATE TABLE IF NOT EXISTS product_secrets(
  cloud TEXT NOT NULL, product TEXT NOT NULL, secret TEXT NOT NULL, PRIMARY KEY(cloud, product));
"""

# What Watson calls the org: a product is ORG/TYPE, or ORG alone of an application.
_ORG = "substr(product, 1, instr(product || '/', '/') - 1)"

# Each question of a login or a message is answered from one of these, however many devices there
# are. Names and orgs of people's own making differ in case, and are then found to be told so.
_INDEXES = f"""
CREATE INDEX IF NOT EXISTS devices_by_name ON devices(cloud, name COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS devices_by_org ON devices(cloud, {_ORG} COLLATE NOCASE);
CREATE INDEX IF NOT EXISTS devices_by_gateway ON devices(cloud, gateway) WHERE gateway<>'';
"""

_CHOSEN = (
    "(:cloud IS NULL OR cloud=:cloud)"
    " AND (:device IS NULL OR substr('/' || device, -length(:device)-1) = '/' || :device)"
)

KINDS = ("device", "gateway", "application")
"""Of the registry's entries; all but "device" are Watson's."""


PAGE = 1000
"""How many messages are told at once."""


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of the registry.

    kind: "device", or Watson's "gateway", or "application" for a Watson API key.
    product: EnOS and Alibaba product key; Watson "org/type" (application: the org).
    name: EnOS device key, Alibaba device name, Watson device id (application: its API key).
    gateway: the label of the gateway that a device of Watson is behind, or "".
    """

    cloud: str
    kind: str
    product: str
    name: str
    secret: str = field(repr=False)
    enabled: bool = True
    gateway: str = ""

    @property
    def label(self) -> str:
        """How events, messages and the command line call it."""
        return f"{self.product}/{self.name}"


class Store:
    """The registry and the message log in one file, whose mode is 0600: it holds secrets.

    batch: when what is recorded is on file.
    """

    def __init__(self, path: Path) -> None:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self.path = path
        self.journal = Journal()
        self._database = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        self.batch = Batch(self._database)
        self._database.row_factory = sqlite3.Row
        self._database.execute("PRAGMA journal_mode=WAL")
        # Survives a killed twin, not a power cut: these are clouds to try things on.
        self._database.execute("PRAGMA synchronous=OFF")
        # What is removed is overwritten: private keys lie here.
        self._database.execute("PRAGMA secure_delete=ON")
        self._database.executescript(_SCHEMA)
        columns = [row["name"] for row in self._database.execute("PRAGMA table_info(devices)")]
        if "gateway" not in columns:  # of a folder that an earlier version made
            self._database.execute("ALTER TABLE devices ADD gateway TEXT NOT NULL DEFAULT ''")
        if "policy" in columns:  # policies are of types now: tools.twin.registry.certificates
            self._database.execute("ALTER TABLE devices DROP policy")
        self._database.executescript(_INDEXES)

    @property
    def database(self) -> sqlite3.Connection:
        """The open file, for tables that others keep in it."""
        return self._database

    def change(self, statement: str, values: tuple[object, ...]) -> None:
        """Change the registry; that is on file when this returns, whatever becomes of messages."""
        self.batch.commit_due()
        self._database.execute(statement, values)

    def make(self, schema: str) -> None:
        """Make tables that are not there yet, as `change` changes them."""
        self.batch.commit_due()
        self._database.executescript(schema)

    def scrub(self) -> None:
        """Take what was removed out of the write-ahead log, too."""
        self.batch.commit()
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        """Close the file, with all that was recorded on it."""
        self.batch.commit()
        self._database.close()

    def add(
        self,
        cloud: str,
        kind: str,
        product: str,
        name: str,
        *,
        secret: str = "",
        gateway: str = "",
    ) -> Device:
        """Add a device, or give it a new secret; without `secret` makes one of 32 hex digits."""
        secret = secret or secrets.token_hex(16)
        device = Device(cloud, kind, product, name, secret, True, gateway)
        self.change(
            "INSERT OR REPLACE INTO devices VALUES(?,?,?,?,?,1,?)",
            (cloud, kind, product, name, secret, gateway),
        )
        self.journal.add("changed")
        return device

    def enable(self, device: Device, enabled: bool) -> None:
        """Let a device log in, or not."""
        self.change(
            "UPDATE devices SET enabled=? WHERE cloud=? AND kind=? AND product=? AND name=?",
            (enabled, device.cloud, device.kind, device.product, device.name),
        )
        self.journal.add("changed")

    def remove(self, device: Device) -> None:
        """Take an entry out; its messages stay."""
        self.change(
            "DELETE FROM devices WHERE cloud=? AND kind=? AND product=? AND name=?",
            (device.cloud, device.kind, device.product, device.name),
        )
        self.journal.add("changed")

    def device(self, cloud: str, kind: str, product: str, name: str) -> Device | None:
        """The registry's entry, or None."""
        row = self._database.execute(
            "SELECT * FROM devices WHERE cloud=? AND kind=? AND product=? AND name=?",
            (cloud, kind, product, name),
        ).fetchone()
        return _device(row) if row else None

    def devices(self, cloud: str | None = None) -> list[Device]:
        """Every entry, of one cloud or of all, in the order they were added."""
        return list(self.each(cloud))

    def each(self, cloud: str | None = None) -> Iterator[Device]:
        """As `devices`, read only as far as it is asked for."""
        rows = self._database.execute("SELECT * FROM devices ORDER BY rowid")
        return (_device(row) for row in rows if cloud in (None, row["cloud"]))

    def has_product(self, cloud: str, product: str) -> bool:
        """Whether a device or gateway of it is registered."""
        query = (
            "SELECT 1 FROM devices WHERE cloud=? AND kind IN ('device', 'gateway') AND product=?"
        )
        return self._database.execute(query, (cloud, product)).fetchone() is not None

    def count(self) -> int:
        """How many entries there are."""
        return int(self._database.execute("SELECT count(*) FROM devices").fetchone()[0])

    def named(self, cloud: str, name: str) -> list[Device]:
        """The entries with that name, in capitals or not, in the order they were added."""
        rows = self._database.execute(
            "SELECT * FROM devices WHERE cloud=? AND name=? COLLATE NOCASE ORDER BY rowid",
            (cloud, name),
        )
        return [_device(row) for row in rows]

    def behind(self, cloud: str, gateway: str) -> list[Device]:
        """The devices behind a gateway with that label, in the order they were added."""
        rows = self._database.execute(
            "SELECT * FROM devices WHERE cloud=? AND gateway=? AND gateway<>'' ORDER BY rowid",
            (cloud, gateway),
        )
        return [_device(row) for row in rows]

    def org(self, cloud: str, name: str) -> str | None:
        """An org that somebody is registered in, spelt so, or else with other capitals."""
        # SQLite would rather read all of the cloud in another index, which has all it wants.
        where = f"INDEXED BY devices_by_org WHERE cloud=? AND {_ORG} COLLATE NOCASE=?"
        for spelt, values in ((f" AND {_ORG}=?", (cloud, name, name)), ("", (cloud, name))):
            query = f"SELECT {_ORG} FROM devices {where}{spelt} LIMIT 1"  # noqa: S608
            if row := self._database.execute(query, values).fetchone():
                return str(row[0])
        return None

    # Messages

    def record(
        self,
        cloud: str,
        device: str,
        direction: str,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        status: str,
        reason: str = "",
    ) -> int:
        """As `record_soon`, and it is on file when this returns."""
        message_id = self.record_soon(
            cloud,
            device,
            direction,
            topic,
            payload,
            qos=qos,
            retain=retain,
            dup=dup,
            status=status,
            reason=reason,
        )
        self.batch.commit()
        return message_id

    def record_soon(
        self,
        cloud: str,
        device: str,
        direction: str,
        topic: str,
        payload: bytes,
        *,
        qos: int = 0,
        retain: bool = False,
        dup: bool = False,
        status: str,
        reason: str = "",
        packet_id: int | None = None,
    ) -> int:
        """Store one message and return its id; it is on file when `batch` has it so.

        The journal is told then, too. packet_id: of its MQTT packet, for the journal.
        direction: "up" or "down". status: up "stored", "answered" (a question, no report),
        "rejected" (the cloud answered with an error) or "refused" (never taken); down "sent",
        then "acked" once the device did.
        """
        now_ms = time.time_ns() // 1_000_000
        cursor = self.batch.write(
            "INSERT INTO messages(received_ms, cloud, device, direction, topic, payload, qos,"
            " retain, dup, status, reason) VALUES(?,?,?,?,?,?,?,?,?,?,?)",
            (now_ms, cloud, device, direction, topic, payload, qos, retain, dup, status, reason),
        )
        message_id = cursor.lastrowid or 0
        if self.journal.heard:
            names = (
                "id received_ms cloud device direction topic payload qos retain dup status reason"
            )
            row = (message_id, now_ms, cloud, device, direction, topic, payload, qos, retain, dup)
            values = zip(names.split(), (*row, status, reason), strict=True)
            message = _message(dict(values)) | {"packet_id": packet_id}
            self.batch.when_safe(functools.partial(self.journal.add, "message", **message))
        return message_id

    def mark(self, message_id: int, status: str) -> None:
        """Change the status of a message; it is on file as `record_soon` has it."""
        self.batch.write("UPDATE messages SET status=? WHERE id=?", (status, message_id))
        if self.journal.heard:
            tell = functools.partial(self.journal.add, "marked", id=message_id, status=status)
            self.batch.when_safe(tell)

    def messages(
        self,
        cloud: str | None = None,
        after: int = 0,
        limit: int = PAGE,
        device: str | None = None,
    ) -> list[dict[str, Any]]:
        """Messages with an id above `after`, oldest first, at most `limit`.

        device: only of the devices with that label, or whose label ends so after a slash.
        A payload is text where it is UTF-8, else {"hex": digits}.
        """
        rows = self._database.execute(
            f"SELECT * FROM messages WHERE id>:after AND {_CHOSEN} ORDER BY id LIMIT :limit",  # noqa: S608
            {"after": after, "cloud": cloud, "device": device, "limit": limit},
        )
        return [_message(row) for row in rows]

    def before_last(self, count: int, cloud: str | None = None, device: str | None = None) -> int:
        """The id after which `count` messages follow; 0 where there are no more than that."""
        row = self._database.execute(
            f"SELECT id FROM messages WHERE {_CHOSEN} ORDER BY id DESC LIMIT 1 OFFSET :count",  # noqa: S608
            {"cloud": cloud, "device": device, "count": count},
        ).fetchone()
        return row["id"] if row else 0


def open_store(state: Path) -> Store:
    """The registry and messages of a state folder."""
    return Store(state / "twin.db")


def _device(row: sqlite3.Row) -> Device:
    values = dict(row)
    return Device(**{**values, "enabled": bool(values["enabled"])})


def _message(row: Mapping[str, Any] | sqlite3.Row) -> dict[str, Any]:
    message = dict(row)
    for flag in ("retain", "dup"):
        message[flag] = bool(message[flag])
    try:
        message["payload"] = message["payload"].decode()
    except UnicodeDecodeError:
        message["payload"] = {"hex": message["payload"].hex()}
    return message
