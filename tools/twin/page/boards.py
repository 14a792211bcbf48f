"""What is known of one board: who it is, how it came in, what it was last refused for?"""

import re
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

LINES = 200
"""How many lines of each side are kept of a board."""

STRANGERS = 200
"""How many are kept of those that the registry does not have."""

_DAY_MS = 86_400_000
_HEARD_MS = 600_000

# What the event "connected" begins with, and the way in that it was.
_WAYS = {
    "WebSocket over TLS": "wss",
    "WebSocket over TCP": "ws",
    "TLS": "mqtts",
    "TCP": "mqtt",
    "CoAP over DTLS": "coaps",
    "CoAP with AES": "coap",
    "HTTPS": "https",
    "HTTP": "http",
}
_CERTIFICATE = re.compile(r"(?:TLS:|; it showed) certificate (\S+)")
_BY_REQUEST = ("coap", "coaps", "http", "https")
"""On these ways each report comes by itself, and no connection tells that a board is there."""

# What a refusal says, and what may be done about it beside what it says itself.
_MEND = (
    ("is disabled", "Allow it on this page, or with `signet twin device enable`."),
    (
        "no device ",
        "Add it on this page, or with `signet twin device add`; or mend the names in device.json.",
    ),
    (
        "signature differs",
        "The secret in device.json is another one, or the fields are: `signet sign` shows both.",
    ),
    (
        "token (the password)",
        "The token in device.json is another one: this page and `signet twin config` show it.",
    ),
    ("policy", "Change the policy on this page, or with `signet twin policy`."),
    ("signet pki register", "Register the CA on this page, or with that command."),
    ("may not publish", "The board's topic is none of its own: compare names in device.json."),
)


class Line(NamedTuple):
    """What one side did. side: "board" or "cloud"."""

    ms: int
    side: str
    kind: str
    text: str


@dataclass(slots=True)
class Board:
    """One board, gateway or application; or, of kind "unknown", whoever was refused as no device
    of the registry, by the name that it gave or by its address.

    online: whether it has a connection, whose number in the journal is `connection`. heard: when
    a request came last, by the way in. ids: of its messages that are kept, oldest first.
    """

    cloud: str
    label: str
    kind: str = "device"
    online: bool = False
    enabled: bool = True
    way: str | None = None
    peer: str = ""
    client_id: str = ""
    tls: dict[str, str] | None = None
    server_name: str | None = None
    certificate: dict[str, Any] | None = None
    policy: str | None = None
    keepalive_s: int | None = None
    clean: bool | None = None
    since_ms: int | None = None
    last_seen_ms: int | None = None
    logins: int = 0
    reports: int = 0
    commands: int = 0
    outbox: int | None = None
    refusal: dict[str, Any] | None = None
    behind: str = ""
    connection: Any = None
    heard: dict[str, int] = field(default_factory=dict)
    ids: deque[int] = field(default_factory=deque)
    events: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES))
    log: deque[Line] = field(default_factory=lambda: deque(maxlen=LINES))

    @property
    def id(self) -> str:
        """What the page calls it."""
        return identity(self.cloud, self.label)

    def is_online(self, now_ms: int) -> bool:
        """Whether it is connected; where requests come one by one, whether one came lately."""
        return self.online or bool(self._lately(now_ms))

    def _lately(self, now_ms: int) -> list[str]:
        """The ways on which requests came lately, the newest first."""
        newest = sorted(self.heard.items(), key=lambda each: each[1], reverse=True)
        return [way for way, ms in newest if now_ms - ms < _HEARD_MS]

    def ways(self, now_ms: int) -> list[str]:
        """How it comes in: by its connection first; the last way of one that is away."""
        lately = self._lately(now_ms)
        if self.way is None or self.way in lately or (lately and not self.online):
            return lately
        return [self.way, *lately]

    def seen(self, ms: int) -> None:
        """It did something."""
        self.last_seen_ms = max(ms, self.last_seen_ms or 0)

    def came(self, ms: int, way: str | None) -> None:
        """It has logged in."""
        self.online, self.since_ms = way not in _BY_REQUEST, ms
        self.logins += 1
        self.way = way
        self.asked(ms, way)

    def asked(self, ms: int, way: str | None) -> None:
        """It did something, perhaps by a request."""
        if way in _BY_REQUEST:
            self.heard[way] = ms
        self.seen(ms)

    def left(self, ms: int) -> None:
        """Its connection is gone."""
        if self.online:
            self.online, self.since_ms = False, ms
        self.connection = None

    def refused(self, ms: int, text: str) -> None:
        """Something of it was not taken; the text says what, and what to mend."""
        mend = next((hint for word, hint in _MEND if word in text), "")
        self.refusal = {"ms": ms, "text": text, "mend": mend}

    def told(self, now_ms: int) -> dict[str, Any]:
        """What the page is told of it."""
        certificate = self.certificate
        if certificate is not None and certificate.get("not_after_ms") is not None:
            left = (certificate["not_after_ms"] - now_ms) // _DAY_MS
            certificate = {**certificate, "days_left": left}
        way, *also = self.ways(now_ms) or [""]
        return {
            "id": self.id,
            "cloud": self.cloud,
            "label": self.label,
            "kind": self.kind,
            "online": self.is_online(now_ms),
            "enabled": self.enabled,
            "way": way or None,
            "also": also,
            "peer": self.peer,
            "client_id": self.client_id,
            "tls": self.tls,
            "server_name": self.server_name,
            "certificate": certificate,
            "policy": self.policy,
            "keepalive_s": self.keepalive_s,
            "clean": self.clean,
            "since_ms": self.since_ms,
            "last_seen_ms": self.last_seen_ms,
            "reconnects": max(0, self.logins - 1),
            "reports": self.reports,
            "commands": self.commands,
            "outbox": self.outbox,
            "refusal": self.refusal,
            "behind": self.behind,
        }


def way_of(connected: str) -> str | None:
    """The way in, as the event of that says it."""
    return next((way for text, way in _WAYS.items() if connected.startswith(text)), None)


def identity(cloud: str, label: str) -> str:
    """What the page calls a board."""
    return f"{cloud} {label}"


class Boards:
    """All boards that are known, and those that are not, by where they come from."""

    def __init__(self) -> None:
        self.by_id: dict[str, Board] = {}
        self._by_name: dict[tuple[str, str], list[Board]] = {}
        self._strangers: deque[Board] = deque()

    def find(self, cloud: str, label: str) -> Board | None:
        """The board of that label, if it is known."""
        return self.by_id.get(identity(cloud, label))

    def get(self, cloud: str, label: str, kind: str = "device") -> Board:
        """The board of that label, known from now on."""
        board = self.find(cloud, label)
        if board is None:
            board = self.by_id[identity(cloud, label)] = Board(cloud, label, kind)
            name = label.rpartition("/")[2]
            self._by_name.setdefault((cloud, name), []).append(board)
            if kind == "unknown":
                self._strangers.append(board)
                if len(self._strangers) > STRANGERS:
                    self._forget(self._strangers.popleft())
        return board

    def _forget(self, board: Board) -> None:
        if board.kind == "unknown" and not board.ids:  # else it is known by now
            del self.by_id[board.id]
            key = board.cloud, board.label.rpartition("/")[2]
            self._by_name[key].remove(board)
            if not self._by_name[key]:
                del self._by_name[key]

    def stranger(self, cloud: str, peer: str) -> Board:
        """Whoever comes from an address: each of its connections has another port."""
        return self.get(cloud, peer.rpartition(":")[0] or peer, "unknown")

    def meant(self, cloud: str, texts: Iterable[str]) -> Board | None:
        """The board whose name and product all stand in what somebody has said of itself.

        texts: client id, user name, names in a certificate, whatever there is.
        """
        words: set[str] = set()
        for text in texts:
            words.update(re.split(r"[&|=,:/?\s]+", text))
            words.update(re.split(r"[&|=,:/?.\s]+", text))  # the beginning of a host name
        for word in words:
            for board in self._by_name.get((cloud, word), ()):
                if board.kind == "unknown":
                    continue
                product = board.label.rpartition("/")[0]
                if all(part in words for part in product.split("/") if part):
                    return board
        return None

    def named(self, cloud: str, text: str) -> Board | None:
        """The board whose certificate a refused handshake tells of; None where several may be."""
        if (found := _CERTIFICATE.search(text)) is None:
            return None
        words = re.split(r"[:/,=\s]+", found[1])
        for word in reversed(words):
            known = [b for b in self._by_name.get((cloud, word), ()) if b.kind != "unknown"]
            if len(known) > 1:  # Watson's certificates name the type, too
                known = [b for b in known if b.label.split("/")[-2] in words]
            if len(known) == 1:
                return known[0]
        return None
