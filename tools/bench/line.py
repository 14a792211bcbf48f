"""What stands between a board and the twin, and can be cut?"""

from types import TracebackType
from typing import Any

from tools.bench.background import Background
from tools.bench.relay import Relay
from tools.bench.relay_tcp import TcpRelay


class Line:
    """A relay. While it is cut TCP is refused, and datagrams get lost.

    values: of a device.json; `line.values` are those that lead through here.
    """

    def __init__(self, values: dict[str, Any]) -> None:
        self._relay = Relay if values["way"] == "coap" else TcpRelay
        self._server = values["address"], values["port"]
        self._now: Background | None = None
        self.mend()
        self.values = values | {"address": "127.0.0.1", "port": self._port}

    _port = 0

    def mend(self) -> None:
        """Bytes pass again."""
        relay = self._relay(self._server, self._port)
        self._port = relay.port
        self._now = relay
        relay.start()

    def cut(self) -> None:
        """No byte passes any more."""
        if self._now is not None:
            self._now.stop()
            self._now = None

    def __enter__(self) -> "Line":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.cut()
