"""Which server answers both contenders of `signet bench http`?

aiohttp in a thread of ours, on a plain and on a TLS port of loopback. It answers each POST as
Alibaba's `/topic` does (facts of its document), and keeps the connection where the client does.
"""

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from typing import NamedTuple, Self

from aiohttp import web

from tools.bench.background import Background
from tools.pki.authority import Authority
from tools.ui import UserError

NAME = "bench.test"
_ANSWER = b'{"code":0,"message":"success","info":{"messageId":1152921504606846997}}'
_START_S = 10


class Count(NamedTuple):
    """What came from one client. connections: on which it asked."""

    connections: int = 0
    requests: int = 0


class Server(Background):
    """Serves while the context lasts.

    folder: receives the authority's files and the server's certificate (ECDSA P-256).
    counts: by scheme and path, for example ("https", "/topic/...").
    raises: UserError when it does not listen.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(name="bench server", daemon=True)
        authority = Authority(folder)
        self.ca_file = authority.certificate_file
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # As boards have it: their Mbed TLS is built without TLS 1.3; Debian's MicroPython is not.
        self._tls.maximum_version = ssl.TLSVersion.TLSv1_2
        self._tls.load_cert_chain(authority.server([NAME], folder / "server.pem"))
        self.plain_port = self.tls_port = 0
        self.counts: dict[tuple[str, str], Count] = {}
        self._connections: set[object] = set()
        self._trouble: OSError | str = f"nothing came of it in {_START_S} s"
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._listening = threading.Event()

    def run(self) -> None:
        """Serve until the end."""
        try:
            self._loop.run_until_complete(self._serve())
        except OSError as error:
            self._trouble = error
        finally:
            self._loop.close()
            self._listening.set()

    async def _serve(self) -> None:
        runner = web.ServerRunner(web.Server(self._answer, access_log=None))
        await runner.setup()
        try:
            for context in (None, self._tls):
                await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
            self.plain_port, self.tls_port = (address[1] for address in runner.addresses)
            self._listening.set()
            await self._ended.wait()
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        key = request.scheme, request.path
        before = self.counts.get(key, Count())
        is_new = request.protocol not in self._connections
        self._connections.add(request.protocol)
        self.counts[key] = Count(before.connections + is_new, before.requests + 1)
        return web.Response(body=_ANSWER, content_type="application/json")

    def __enter__(self) -> Self:
        super().__enter__()
        if not self._listening.wait(_START_S) or not self.tls_port:
            self.stop()
            raise UserError(f"the server of the benchmark does not listen: {self._trouble}")
        return self

    def stop(self) -> None:
        """See Background."""
        with contextlib.suppress(RuntimeError):  # it has ended by itself
            self._loop.call_soon_threadsafe(self._ended.set)
        self.join()
