"""Which reports has the cloud not acknowledged yet?

In memory while the board is awake: a power cut loses them; outbox_file.py takes them through a
deep sleep.  Keys rise and never repeat, reports leave in any order, the box is bounded and counts
what it had to drop.
"""


class Outbox:
    """Holds reports until they are acknowledged.

    Args:
        limit: int, how many reports it holds.
        drop_oldest: bool; when full, True drops the oldest report, False refuses the new one.
    Attributes:
        dropped: int, reports that were dropped because the box was full.
        dead: list of the last (key, error) that were set aside because they were rejected.
    """

    _DEAD_KEPT = 8

    def __init__(self, limit, drop_oldest=True):
        self._limit = limit
        self._drop_oldest = drop_oldest
        self._entries = []  # (key, report), oldest first
        self._last_key = 0
        self.dropped = 0
        self.dead = []

    def __iter__(self):
        return iter([report for _, report in self._entries])

    def __len__(self):
        return len(self._entries)

    def put(self, report):
        """Takes a report.

        Args:
            report: messages.Report.
        Returns:
            int, its key; None when the box is full and the new report is the one to go.
        """
        if len(self._entries) >= self._limit:
            self.dropped += 1
            if not self._drop_oldest:
                return None
            self._entries.pop(0)
        self._last_key += 1
        self._entries.append((self._last_key, report))
        return self._last_key

    def after(self, key):
        """Returns (key, report) of the oldest report whose key (int) is greater, or None."""
        for entry in self._entries:
            if entry[0] > key:
                return entry
        return None

    def remove(self, key):
        """Forgets the report `key` (int); returns False when it was dropped before."""
        for index, entry in enumerate(self._entries):
            if entry[0] == key:
                self._entries.pop(index)
                return True
        return False

    def put_back(self, key):
        """Moves the report `key` (int) behind the others, under a new key."""
        for entry in self._entries:
            if entry[0] == key:
                self._last_key += 1
                self._entries.append((self._last_key, entry[1]))
                self.remove(key)
                return

    def set_aside(self, key, error):
        """Moves the report `key` (int) out of the way of the next; error: why it can never go."""
        self.dead.append((key, error))
        self.remove(key)
        if len(self.dead) > self._DEAD_KEPT:
            self.dead.pop(0)
