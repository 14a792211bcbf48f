"""Which servers does a test file get?  Those it declares in SERVERS, each on a loopback port."""

import asyncio
import json
import shutil
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from host_tests.portable.host import behaviours
from host_tests.portable.host.broker import PASSWORD, USER, Broker
from host_tests.portable.host.certificates import NAME, Certificates

_HOST = "127.0.0.1"
_CONTROL_WAIT_S = 5


class Servers:
    """Starts and ends the servers of one test file at a time, on an event loop of their own."""

    def __init__(self):
        self._folder = Path(tempfile.mkdtemp(prefix="signet-servers-"))
        self._certificates = None
        self._running = []  # objects with close()
        self._recorders = {}  # name -> list of Recorder, one for each connection
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # peers misbehave on purpose
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self, declared: dict) -> dict:
        """Starts the servers of one file.

        declared: name -> (kind, ...) as check.py describes.
        returns: what the tests read through check.py: "servers" and "control".
        """
        self._recorders = {name: [] for name in declared}
        endpoints = {name: self._start(name, *spec) for name, spec in declared.items()}
        context = {"servers": endpoints}
        if declared:
            context["control"] = self._run(self._listen(self._control))
        return context

    def _start(self, name, kind, *rest):
        if kind == "mosquitto":
            broker = Broker(self._folder)
            self._running.append(broker)
            return {"host": _HOST, "port": broker.port, "user": USER, "password": PASSWORD}
        if rest == ("refused",):
            closed = socket.socket()  # bound, so that nobody else takes it, but not listening
            closed.bind((_HOST, 0))
            self._running.append(closed)
            return {"host": _HOST, "port": closed.getsockname()[1]}
        endpoint, context = {}, None
        if kind == "tls":
            endpoint, context = self._tls(rest[0])
            rest = rest[1:]
        elif kind != "tcp":
            raise ValueError(f"SERVERS: {name}: no such kind: {kind}")
        host, port = self._run(self._listen(self._handler(name, rest), context))
        return {"host": host, "port": port, **endpoint}

    def _tls(self, certificate):
        if self._certificates is None:
            self._certificates = Certificates(self._folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._certificates.chain(certificate))
        endpoint = {
            "name": NAME,
            "ca": str(self._certificates.ca),
            "ca_der": str(self._certificates.ca_der),
        }
        return endpoint, context

    def _handler(self, name, rest):
        scripts = [
            behaviours.NAMED[item] if isinstance(item, str) else behaviours.script(item)
            for item in rest
        ]
        recorders = self._recorders[name]

        async def handle(reader, writer):
            recorder = behaviours.Recorder(reader, self._changed())
            recorders.append(recorder)
            behaviour = scripts[min(len(recorders), len(scripts)) - 1]
            await behaviours.serve(behaviour, recorder, writer)

        return handle

    def _changed(self):
        if not hasattr(self, "_condition"):
            self._condition = asyncio.Condition()
        return self._condition

    async def _control(self, reader, writer):
        """One line in, `NAME BYTES`; one line of JSON out: what NAME received, by connection."""
        name, size = (await reader.readline()).decode().split()
        recorders = self._recorders[name]

        def enough():
            return sum(len(recorder.received) for recorder in recorders) >= int(size)

        async with self._changed():
            try:
                await asyncio.wait_for(self._changed().wait_for(enough), _CONTROL_WAIT_S)
            except TimeoutError:
                pass  # the test sees for itself what is missing
        writer.write(json.dumps([recorder.received.hex() for recorder in recorders]).encode())
        await writer.drain()
        writer.close()

    async def _listen(self, handler, context=None):
        server = await asyncio.start_server(handler, _HOST, 0, ssl=context)
        self._running.append(server)
        return server.sockets[0].getsockname()

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def close_all(self):
        """Ends the servers of the present file."""
        self._run(self._close_all())

    async def _close_all(self):
        for server in self._running:
            server.close()
        self._running = []
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def close(self):
        """Ends everything."""
        self.close_all()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self._folder, ignore_errors=True)
