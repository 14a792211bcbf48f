"""What does a cloud keep of a product and of a device: a shadow, tags, a configuration?

One table in the registry's SQLite file, for whatever a cloud remembers as one JSON value, and one
for the secrets of products: see `tools.twin.registry.store`.
"""

import json
import secrets
from typing import Any

from tools.twin.registry.store import Store


class Kept:
    """Values by product, device name ("" for what is the product's) and part."""

    def __init__(self, store: Store, cloud: str) -> None:
        self._store = store
        self._cloud = cloud

    def get(self, product: str, name: str, part: str, default: Any = None) -> Any:
        """What was put there, or `default`."""
        row = self._store.database.execute(
            "SELECT value FROM kept WHERE cloud=? AND product=? AND name=? AND part=?",
            (self._cloud, product, name, part),
        ).fetchone()
        return default if row is None else json.loads(row["value"])

    def put(self, product: str, name: str, part: str, value: Any) -> None:
        """Keep a value that can be written as JSON; None: keep none."""
        key = (self._cloud, product, name, part)
        if value is None:
            query = "DELETE FROM kept WHERE cloud=? AND product=? AND name=? AND part=?"
            self._store.change(query, key)
        else:
            query = "INSERT OR REPLACE INTO kept VALUES(?,?,?,?,?)"
            self._store.change(query, (*key, json.dumps(value)))

    def forget(self, product: str, name: str) -> None:
        """Keep nothing of a device."""
        query = "DELETE FROM kept WHERE cloud=? AND product=? AND name=?"
        self._store.change(query, (self._cloud, product, name))

    # Apart, for a trace covers what stands in a column of that name.

    def secret(self, product: str) -> str:
        """The secret of a product; "" where it has none yet."""
        query = "SELECT secret FROM product_secrets WHERE cloud=? AND product=?"
        row = self._store.database.execute(query, (self._cloud, product)).fetchone()
        return row["secret"] if row else ""

    def made_secret(self, product: str) -> str:
        """The same, made where it has none."""
        if not self.secret(product):
            query = "INSERT OR IGNORE INTO product_secrets VALUES(?,?,?)"
            self._store.change(query, (self._cloud, product, secrets.token_hex(16)))
        return self.secret(product)
