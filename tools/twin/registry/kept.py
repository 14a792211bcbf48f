"""What does a cloud keep of a product and of a device: a shadow, tags, a configuration?

One table in the registry's SQLite file, for whatever a cloud remembers as one JSON value.
"""

import functools
import json
from typing import Any

from tools.twin.registry.store import Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kept(
  cloud TEXT NOT NULL, product TEXT NOT NULL, name TEXT NOT NULL, part TEXT NOT NULL,
  value TEXT NOT NULL, PRIMARY KEY(cloud, product, name, part))
"""


class Kept:
    """Values by product, device name ("" for what is the product's) and part."""

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    @functools.cached_property
    def _table(self) -> Store:
        self._store.make(_SCHEMA)
        return self._store

    def get(self, product: str, name: str, part: str, default: Any = None) -> Any:
        """What was put there, or `default`."""
        row = self._table.database.execute(
            "SELECT value FROM kept WHERE cloud=? AND product=? AND name=? AND part=?",
            (self._cloud, product, name, part),
        ).fetchone()
        return default if row is None else json.loads(row["value"])

    def put(self, product: str, name: str, part: str, value: Any) -> None:
        """Keep a value that can be written as JSON; None: keep none."""
        key = (self._cloud, product, name, part)
        if value is None:
            query = "DELETE FROM kept WHERE cloud=? AND product=? AND name=? AND part=?"
            self._table.change(query, key)
        else:
            query = "INSERT OR REPLACE INTO kept VALUES(?,?,?,?,?)"
            self._table.change(query, (*key, json.dumps(value)))
