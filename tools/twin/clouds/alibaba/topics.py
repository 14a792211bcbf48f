"""To which topics may a device of Alibaba publish: its own, and which categories of custom ones?

A category is here what follows `/productKey/deviceName/`, with the permission to publish. It is a
table in the registry's SQLite file; a running twin sees a change at the next message.
Sources: Alibaba Cloud, "Establish connections over HTTP", "Establish communication over the CoAP
protocol": both of their examples are every product's, as are the console's own.
"""

import functools
import sqlite3
from collections.abc import Mapping

from tools.twin.registry.store import Store
from tools.twin.wire import topics

LONGEST_TOPIC = 128  # characters: "Messaging", IoT Platform against standard MQTT

SYSTEM = "/sys/{product_key}/{device_name}/"
_ANY = (SYSTEM + "thing/*", SYSTEM + "rrpc/*", "/broadcast/{product_key}/*", "/ext/{rrpc}/*")
_COMBINE = "/ext/session/{product_key}/{device_name}/combine/"
SESSION = tuple(_COMBINE + what for what in ("login", "logout", "batch_login", "batch_logout"))
"""Where a gateway logs devices in and out; the reply goes to the same topic + `_reply`."""

# doc-detail 30540: a device may publish and subscribe everything below its own
# `/sys/../thing/`, `/sys/../rrpc/`, and its product's; custom topics as their category says. Of
# the others each direction has its own. `{rrpc}` is there for who asked for it: `ext` of a login.
PUBLISHED = (
    *_ANY,
    "/ext/ntp/{product_key}/{device_name}/request",
    *SESSION,
    "/ota/device/inform/{product_key}/{device_name}",
    "/ota/device/progress/{product_key}/{device_name}",
    "/shadow/update/{product_key}/{device_name}",
)
HEARD = (
    *_ANY,
    "/ext/ntp/{product_key}/{device_name}/response",
    *(topic + "_reply" for topic in SESSION),
    "/ota/device/upgrade/{product_key}/{device_name}",
    "/shadow/get/{product_key}/{device_name}",
    "/{product_key}/{device_name}/*",
)
# What the platform subscribes a device to by itself, where its client id says `_ss=1`.
PUSHED = (
    SYSTEM + "thing/#",
    SYSTEM + "rrpc/request/+",
    "/ext/ntp/{product_key}/{device_name}/response",
    _COMBINE + "+",
    "/ota/device/upgrade/{product_key}/{device_name}",
    "/shadow/get/{product_key}/{device_name}",
)
# And where it asked for RRPC with `ext`: a service that is called so. No SDK subscribes to it.
PUSHED_RRPC = "/ext/rrpc/+/sys/{product_key}/{device_name}/thing/service/#"
# Of a client that registers, by what it asked for: the only topic that it hears.
REGISTERED = {"register": "/ext/register", "regnwl": "/ext/regnwl"}

_CUSTOM = "/{product_key}/{device_name}/"
_SUBSCRIBE_ONLY = (_CUSTOM + "get", _CUSTOM + "user/get")
# The console's own, whatever else was made.
_PUBLISH_ONLY = [_CUSTOM + each for each in ("user/update", "update", "update/error", "pub")]

ALWAYS = ("user/*", "update", "update/error", "pub")
"""Of every product; but for user/get, which is only for subscribing."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS topics(
  product TEXT NOT NULL, topic TEXT NOT NULL, PRIMARY KEY(product, topic));
"""


class Categories:
    """The topic categories of every product."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @functools.cached_property
    def _database(self) -> sqlite3.Connection:
        self._store.make(_SCHEMA)
        return self._store.database

    def may_publish(self, topic: str, names: Mapping[str, str]) -> bool:
        """Whether the device of these names may publish to `topic`, whatever the way in."""
        if len(topic) > LONGEST_TOPIC:
            return False
        return topics.allowed(topic, PUBLISHED, names) or self.allow(topic, names)

    def allow(self, topic: str, names: Mapping[str, str]) -> bool:
        """Whether the device of these names may publish to a custom topic."""
        own = topics.allowed(topic, (_CUSTOM + "*",), names)
        if not own or topics.allowed(topic, _SUBSCRIBE_ONLY, names):
            return False
        categories = (*ALWAYS, *self.of(names["product_key"]))
        return topics.allowed(topic, [_CUSTOM + each for each in categories], names)

    def echoes(self, topic: str, names: Mapping[str, str]) -> bool:
        """Whether the device of these names hears what it publishes, once it has subscribed.

        A category that was made is for both, as that of the vendor's example `simple_demo`.
        """
        if not topics.allowed(topic, (_CUSTOM + "*",), names) or topics.allowed(
            topic, _PUBLISH_ONLY, names
        ):
            return False
        return topics.allowed(topic, [_CUSTOM + t for t in self.of(names["product_key"])], names)

    def of(self, product: str) -> list[str]:
        """What was made for a product."""
        query = "SELECT topic FROM topics WHERE product=? ORDER BY topic"
        return [row["topic"] for row in self._database.execute(query, (product,))]

    def add(self, product: str, topic: str) -> None:
        """Make a category."""
        self._database.execute("INSERT OR IGNORE INTO topics VALUES(?,?)", (product, topic))

    def remove(self, product: str, topic: str) -> bool:
        """Take one away; returns whether it was there."""
        query = "DELETE FROM topics WHERE product=? AND topic=?"
        return self._database.execute(query, (product, topic)).rowcount > 0
