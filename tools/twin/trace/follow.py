"""What has the twin of a replay decided so far, as its own trace has it?"""

import json
from collections import Counter, defaultdict
from pathlib import Path

from tools.twin.trace.compare import is_decision
from tools.twin.trace.file import Record

Key = int | str


class Follower:
    """Reads a trace while it is written.

    lines: decisions by connection. others: those without one. peers: the newest connection of
    each. gone: those that are over. heard: how many packets and requests by HTTP came on each.
    requests: by CoAP, the newest last. taken: how many records; also in each decision: how many
    up to that.
    Of connections that are over `forget` takes what is left.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._rest = b""
        self.lines: defaultdict[Key, list[Record]] = defaultdict(list)
        self.others: list[Record] = []
        self.peers: dict[str, Key] = {}
        self.requests: list[Record] = []
        self.gone: set[Key] = set()
        self.heard: Counter[Key] = Counter()
        self.taken = 0

    def close(self) -> None:
        """Read no more."""
        self._file.close()

    def forget(self, key: Key | None) -> list[Record]:
        """Keep no more of a connection; returns what it had."""
        if key is None:
            return []
        self.gone.discard(key)
        del self.heard[key]
        return self.lines.pop(key, [])

    def poll(self) -> None:
        """Take what is new."""
        *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in lines:
            self._take(json.loads(line))

    def _take(self, record: Record) -> None:
        self.taken += 1
        what = record["what"]
        if what == "opened":
            self.peers[record["peer"]] = record["connection"]
        if what == "closed":
            self.gone.add(record["connection"])
        if what in ("http", "packet") and record["direction"] == "up":
            self.heard[record["connection"]] += 1
        if what == "coap" and record["direction"] == "up":
            self.requests.append(record)
        if not is_decision(record):
            return
        record["taken"] = self.taken
        if "connection" in record:
            self.lines[record["connection"]].append(record)
        else:
            self.others.append(record)
