"""Which server answers both contenders of `signet bench http`?

aiohttp in a thread of ours, on a plain and on a TLS port of loopback. It answers each POST as
Alibaba's `/topic` does (facts of its document), and keeps the connection where the client does.
"""

import asyncio
import ssl
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from tools.pki.authority import Authority

NAME = "bench.test"
_ANSWER = b'{"code":0,"message":"success","info":{"messageId":1152921504606846997}}'
_START_S = 10


class Server(threading.Thread):
    """Serves while the context lasts.

    folder: receives the authority's files and the server's certificate (ECDSA P-256).
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
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._listening = threading.Event()

    def run(self) -> None:
        """Serve until the end."""
        self._loop.run_until_complete(self._serve())
        self._loop.close()

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
        return web.Response(body=_ANSWER, content_type="application/json")

    def __enter__(self) -> Self:
        self.start()
        self._listening.wait(_START_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._ended.set)
        self.join()
