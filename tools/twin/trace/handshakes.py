"""How does a board of a trace connect to the fresh twin, or fail to, and with what certificate?"""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tools.twin.clouds import CLOUDS
from tools.twin.clouds.proof import Again
from tools.twin.trace import ends
from tools.twin.trace.awaited import Awaited
from tools.twin.trace.clock import Clock
from tools.twin.trace.ends import End
from tools.twin.trace.file import Record
from tools.twin.trace.issuers import CertificateError, Issuers
from tools.ui import UserError


class NotPlayedError(Exception):
    """The text says why, behind "connections" or "handshakes"."""


class Handshakes:
    """Those of one replay, by TLS or without.

    ready: the twin's ready file. issuers, again: they make what boards show, and are told of it.
    failing: by peer, whose handshake is to fail.
    """

    def __init__(
        self,
        ready: Mapping[str, Any],
        issuers: Issuers,
        again: Mapping[str, Again],
        awaited: Awaited,
        clock: Clock,
    ) -> None:
        self._ready = ready
        self._issuers = issuers
        self._again = again
        self._awaited = awaited
        self._clock = clock
        self.failing: dict[str, ends.Tcp | None] = {}

    def ports(self, clouds: Mapping[str, Mapping[str, int]]) -> dict[int, int]:
        """Of each port in the trace the one that is in its place. clouds: of a "ready" record."""
        return {
            port: self._ways(cloud)[way]["port"]
            for cloud, ways in clouds.items()
            for way, port in ways.items()
            if way in self._ways(cloud)
        }

    def _ways(self, cloud: str) -> Mapping[str, Any]:
        entry = self._ready["clouds"].get(cloud, {"ways": {}})
        ways: Mapping[str, Any] = entry["ways"]
        return ways

    def way(self, record: Record) -> Mapping[str, Any]:
        """The door that a record is of. raises: NotPlayedError."""
        try:
            found: Mapping[str, Any] = self._ways(record["cloud"])[record["way"]]
        except KeyError:
            raise NotPlayedError(f"by {record['way']}, which this twin has not") from None
        return found

    async def opened(self, record: Record) -> End:
        """A connection like that of an "opened" record.

        raises: NotPlayedError; UserError when it cannot be opened.
        """
        way, certificate = self.way(record), self._certificate(record)
        if record["way"] == "coaps":
            return ends.Dtls(way, self._ready["ca_file"])
        path = CLOUDS[record["cloud"]].websocket_path
        return await ends.opened(way, record, certificate, path)

    def _certificate(self, record: Record) -> Path | None:
        shown = record["certificate"]
        if shown is None:
            return None
        later_ms = self._clock.later_ms
        try:
            if "chain" not in shown:
                return self._issuers.named(shown, later_ms)
            chain = [bytes.fromhex(each) for each in shown["chain"]]
            file, then, now = self._issuers.shown(chain, later_ms)
        except CertificateError:
            raise NotPlayedError("with a certificate that cannot be made again") from None
        self._again[record["cloud"]].remade(then, now)
        return file

    async def failed(self, _number: int, record: Record) -> None:
        """A "handshake" record, until the twin has to say why it failed; `over` comes then."""
        peer, chain = record["peer"], record["chain"]
        self._awaited.caused(record["ms"])
        self.failing[peer] = None
        try:
            if chain is None:
                await self._unsecured(record)
            else:
                shown = {**record, "certificate": {"chain": chain} if chain else None}
                with contextlib.suppress(UserError):  # the twin ends it
                    await (await self.opened(shown)).close()
            self._awaited.out.played += 1
        except NotPlayedError as error:
            self._awaited.leave_out(peer, f"handshakes {error}")

    async def _unsecured(self, record: Record) -> None:
        end = await ends.unsecured(self.way(record), bytes.fromhex(record["hello_hex"]))
        if record["answered"]:
            await self._awaited.until(lambda: bool(end.got))
        if record["alert"] is not None and end.got:
            await end.send(ends.alert(record["alert"], end.got[0]))
        if record["left"]:
            await end.close(reset=record["left"] == "reset")
        else:
            self.failing[record["peer"]] = end

    async def over(self, peer: str) -> None:
        """The twin has said why."""
        if (end := self.failing.pop(peer, None)) is not None:
            await end.close()
