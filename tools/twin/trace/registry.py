"""What of the registry stands in a trace, and how does another twin get the same, secrets anew?

{"what": "registry", "ms", "put": {TABLE: [row, ...]}, "gone": {TABLE: [row, ...]}}: the first has
all, the next what has changed. A secret is "*" where there is one, else "".
"""

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tools.twin.registry import mask

Row = dict[str, Any]
Tables = dict[str, list[Row]]
Whole = Mapping[str, tuple[list[str], dict[tuple[Any, ...], None]]]
"""By table: its columns, and its rows in order; to compare them as they are takes little."""

_SECRET = re.compile(r".*secret|key|.*_key_pem|key_pem|.*password|.*token")
_NOT_HERE = ("messages", "servers")  # the latter are keys with their certificates
_WHOSE = ("cloud", "kind", "product", "scope", "name")
HIDDEN = "*"


def tables(database: sqlite3.Connection) -> Whole:
    """All of a registry as it is, its secrets too: for `difference`."""
    query = "SELECT name FROM sqlite_master WHERE type='table' AND name NOT LIKE 'sqlite%'"
    found = {}
    for (name,) in database.execute(query).fetchall():
        if name not in _NOT_HERE:
            cursor = database.execute(f"SELECT * FROM {name} ORDER BY rowid")  # noqa: S608
            columns = [each[0] for each in cursor.description]
            found[name] = columns, dict.fromkeys(map(tuple, cursor))
    return found


def _row(row: Row) -> Row:
    return {name: _shown(name, value) for name, value in row.items()}


def _shown(name: str, value: Any) -> Any:
    if _SECRET.fullmatch(name):
        return HIDDEN if value else ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, str):
        return mask.body(value.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")
    return value


def secrets(database: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Each secret of a registry, and whose it is."""
    names = database.execute("SELECT name FROM sqlite_master WHERE type='table'").fetchall()
    for (name,) in names:
        if name == "messages":
            continue
        cursor = database.execute(f"SELECT * FROM {name}")  # noqa: S608
        columns = [each[0] for each in cursor.description]
        for values in cursor:
            row = dict(zip(columns, values, strict=True))
            whose = " ".join(str(row[each]) for each in _WHOSE if each in row) or name
            for column, value in row.items():
                if value and _SECRET.fullmatch(column):
                    yield whose, value if isinstance(value, bytes) else str(value).encode()


def difference(old: Whole, new: Whole) -> dict[str, Tables]:
    """What is in the new one and not in the old, and the other way round, without secrets."""
    put, gone = _missing(old, new), _missing(new, old)
    for name in put.keys() & gone.keys():  # where only a secret is another, there is none
        both = {(*row.values(),) for row in put[name]} & {(*row.values(),) for row in gone[name]}
        for change in (put, gone):
            change[name] = [row for row in change[name] if (*row.values(),) not in both]
    return {"put": _filled(put), "gone": _filled(gone)}


def _missing(there: Whole, wanted: Whole) -> Tables:
    return {
        name: [_row(dict(zip(columns, row, strict=True))) for row in rows if row not in have]
        for name, (columns, rows) in wanted.items()
        for have in (there[name][1] if name in there else {},)
    }


def _filled(found: Tables) -> Tables:
    return {name: rows for name, rows in found.items() if rows}


Anew = Callable[[str, Row, str], str]
"""Gives a new secret: takes the table, the row and the column that it is for."""


def apply(
    database: sqlite3.Connection,
    change: Mapping[str, Any],
    anew: Anew,
    own: Callable[[str, Row], Row] = lambda _, row: row,
) -> list[str]:
    """Have a registry as a record says; what has a secret there already keeps it.

    own: takes a table and a row of it and gives the row as it is to be here.
    returns: names of tables and columns that this one has not.
    """
    unknown = []
    for name in {**change["gone"], **change["put"]}:
        columns = {
            row[1]: row[5]
            for row in database.execute("SELECT * FROM pragma_table_info(?)", (name,))
        }
        rows = change["put"].get(name, [])
        strange = {column for row in rows for column in row} - columns.keys()
        if not columns or strange:
            unknown.append(name)
            continue
        key = [column for column, part in columns.items() if part]
        for row in change["gone"].get(name, []):
            if not any(all(row[column] == other[column] for column in key) for other in rows):
                _Row(database, name, key, row).delete()
        for row in rows:
            _Row(database, name, key, own(name, row)).put(anew)
    return unknown


class _Row:
    """A row of a table. name, key: of a table that is there, so that they can be in a query."""

    def __init__(self, database: sqlite3.Connection, name: str, key: list[str], row: Row) -> None:
        self._database = database
        self._name = name
        self._row = row
        self._where = " AND ".join(f"{column}=?" for column in key)
        self._key = [row[column] for column in key]

    def delete(self) -> None:
        self._database.execute(f"DELETE FROM {self._name} WHERE {self._where}", self._key)  # noqa: S608

    def put(self, anew: Anew) -> None:
        full = dict(self._row)
        for column, value in self._row.items():
            if value == HIDDEN and _SECRET.fullmatch(column):
                full[column] = self._kept(column) or anew(self._name, self._row, column)
        columns, marks = ", ".join(full), ", ".join("?" * len(full))
        query = f"INSERT OR REPLACE INTO {self._name}({columns}) VALUES({marks})"
        self._database.execute(query, [*full.values()])

    def _kept(self, column: str) -> str:
        query = f"SELECT {column} FROM {self._name} WHERE {self._where}"  # noqa: S608
        found = self._database.execute(query, self._key).fetchone()
        return found[0] if found else ""
