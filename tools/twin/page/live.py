"""How does a running twin get its page?"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Self

from tools.twin.faults import Fault
from tools.twin.hub.hub import Hub
from tools.twin.options import Losses
from tools.twin.page.actions import Actions
from tools.twin.page.messages import MESSAGES
from tools.twin.page.model import Model
from tools.twin.page.server import Server
from tools.twin.registry.store import PAGE

_LOOK_S = 1.0


class Page:
    """The page of one twin; for what it is given see `actions.Actions`, and `Server.start`."""

    def __init__(
        self,
        hub: Hub,
        faults: Mapping[str, Fault],
        clouds: Mapping[str, Any],
        losses: Callable[[], Losses],
    ) -> None:
        self._hub = hub
        self._model = Model()
        self._actions = Actions(self._model, hub, faults, clouds, losses)
        self._server = Server(self._model, self._actions)
        self._actions.changed = self._server.changed
        self._looking: asyncio.Task[None] | None = None
        self._unlisten: Callable[[], None] = lambda: None
        self.address = ""

    async def start(self, port: int) -> Self:
        """Serve it, with what is on file already. raises: UserError when the port is taken."""
        store = self._hub.store
        after = store.before_last(MESSAGES)
        while page := store.messages(after=after):
            for message in page:
                after = message["id"]
                record = {"what": "message", "ms": message["received_ms"], **message}
                self._model.feed(record)
            if len(page) < PAGE:
                break
        self._actions.refresh()
        self._unlisten = self._hub.journal.listen(self._hear, publishes=False)
        await self._server.start(port)
        self.address = self._server.address
        self._looking = asyncio.create_task(self._look())
        return self

    async def _look(self) -> None:
        """Know, and have pages told, what the command line does to the registry."""
        while True:
            await asyncio.sleep(_LOOK_S)
            self._actions.refresh()

    def _hear(self, record: dict[str, Any]) -> None:
        """Whatever a client has sent: that the page cannot show it is no affair of its board."""
        if record["what"] == "changed":
            self._actions.outdated()
        try:
            self._server.hear(record)
        except Exception as error:  # what it could be is not known
            self._hub.report("twin", "page", "fault", f"cannot show a record: {error!r}")

    async def stop(self) -> None:
        """End it."""
        self._unlisten()
        if self._looking is not None:
            self._looking.cancel()
        await self._server.stop()
