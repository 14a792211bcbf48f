"""When is what was written on file, and what waits for that?

In a twin what one round of its loop writes is one transaction, and what follows from it is done
once that is on file. Elsewhere each statement is on file at once.
"""

import asyncio
import contextlib
import functools
import sqlite3
import time
from collections import deque
from collections.abc import Callable

BUSY_S = 10.0
"""How long another process may write before this one gives up."""

_AGAIN_S = 0.01

Later = Callable[[Callable[[], None]], object]
Lost = Callable[[sqlite3.Error], None]


class Batch:
    """The transactions of one open file."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self._later: Later | None = None
        self._lost: Lost | None = None
        self._due = False
        self._begun = False
        self._afterwards: deque[Callable[[], None]] = deque()
        self._turns = asyncio.Lock()

    def in_rounds(self, later: Later, lost: Lost) -> None:
        """From now on put what `write` gets on file together, once in each round of a loop.

        later: has a function called in the next round, before what arrives then: `call_soon`.
        lost: is told when what was written cannot be put on file. None of it is, and none of
        what waited for it is ever done.
        """
        self._later, self._lost = later, lost

    async def turn(self) -> None:
        """Wait until no other process writes, while the loop goes on: `write` would hold it up.

        Only until the next wait. raises: sqlite3.Error when that takes too long.
        """
        if self._may_write():
            return
        give_up = time.monotonic() + BUSY_S
        async with self._turns:  # one asks, for all
            while not self._may_write():
                if time.monotonic() > give_up:
                    raise sqlite3.OperationalError("another process writes to it")
                await asyncio.sleep(_AGAIN_S)

    def _may_write(self) -> bool:
        """Begin, where need be, unless another process writes."""
        if self._later is None or self._begun:
            return True
        self._database.execute("PRAGMA busy_timeout=0")
        try:
            self._begin(self._later)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # of which there are kinds
                raise
            return False
        finally:
            self._database.execute(f"PRAGMA busy_timeout={BUSY_S * 1000:.0f}")
        return True

    def write(self, statement: str, values: tuple[object, ...]) -> sqlite3.Cursor:
        """Carry out a statement of the batch, which begins with it if need be."""
        if self._later is None:
            return self._database.execute(statement, values)
        if self._begun and not self._database.in_transaction:  # a full disk, in a table of others
            self._lose(sqlite3.OperationalError("the batch was rolled back"))
        if not self._begun:
            self._begin(self._later)
        try:
            return self._database.execute(statement, values)
        except sqlite3.Error as error:
            if not self._database.in_transaction:  # a full disk
                self._lose(error)
            raise

    def _begin(self, later: Later) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        self._begun = True
        if not self._due:
            self._due = True
            later(self.commit_due)

    def when_safe(self, act: Callable[[], None]) -> None:
        """Do that once all that was written before is on file: at once, or soon and in order."""
        if self._begun or self._afterwards:
            self._afterwards.append(act)
        else:
            act()

    def commit(self) -> None:
        """Put on file now what was written; then do what waits for that, in order.

        What fails of that is for the loop to tell, not for who calls this. raises: sqlite3.Error
        where it could not be put on file.
        """
        self._due = False
        while self._begun or self._afterwards:
            if self._begun:
                self._put()
                continue
            try:
                self._afterwards.popleft()()
            except Exception as error:
                assert self._later is not None
                self._later(functools.partial(_fail, error))

    def commit_due(self) -> None:
        """The same; where it fails, who is told of what is lost knows."""
        with contextlib.suppress(sqlite3.Error):
            self.commit()

    def _put(self) -> None:
        self._begun = False
        try:
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            self._lose(error)
            raise

    def _lose(self, error: sqlite3.Error) -> None:
        """All of the batch is gone: nobody may believe in it."""
        if self._database.in_transaction:
            self._database.execute("ROLLBACK")
        self._begun = False
        self._afterwards.clear()
        if self._lost is not None:
            self._lost(error)


def _fail(error: Exception) -> None:
    raise error
