"""Which servers does a test file get?  Those it declares in SERVERS, each on a loopback port."""

import asyncio
import functools
import json
import shutil
import socket
import ssl
import tempfile
import threading
from pathlib import Path

from host_tests.portable.host import behaviours, datagrams
from host_tests.portable.host.broker import PASSWORD, USER, Amqtt, Broker
from host_tests.portable.host.certificates import CLIENTS, NAME, Certificates
from host_tests.portable.host.libcoap import CoapServer
from host_tests.portable.host.nginx import Nginx
from host_tests.portable.host.s_server import OpenSSLServer
from tools.ui import UserError

_HOST = "127.0.0.1"
_CONTROL_WAIT_S = 5


class House:
    """What the servers of all test files share: an event loop, certificates, a folder."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="signet-servers-"))
        self.changed = asyncio.Condition()  # somebody has received something
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(lambda loop, context: None)  # peers misbehave on purpose
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    @functools.cached_property
    def certificates(self):
        return Certificates()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def close(self):
        self.run(_cancel_all())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        shutil.rmtree(self.folder, ignore_errors=True)


async def _cancel_all():
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _scripts(name, rest, kind):
    """The behaviours of a declaration; kind: the module that has NAMED and script."""
    try:
        return [kind.NAMED[item] if isinstance(item, str) else kind.script(item) for item in rest]
    except KeyError as error:
        raise UserError(f"SERVERS: {name}: no such behaviour or step: {error}") from None


class Servers:
    """The servers of one test file.

    house: what is shared.
    declared: name -> (kind, ...) as check.py describes.
    """

    def __init__(self, house: House, declared: dict):
        self._house = house
        self._running = []  # objects with close()
        self._recorders = {name: [] for name in declared}  # one for each connection or datagram
        try:
            self.context = {
                "servers": {name: self._start(name, *spec) for name, spec in declared.items()}
            }
            if declared:
                self.context["control"] = self._listen(self._control)
        except BaseException:
            self.close()
            raise

    def _start(self, name, kind, *rest):
        if kind == "mosquitto":
            return self._mosquitto(*rest)
        if kind == "amqtt":
            broker = Amqtt(self._house.folder)
            self._running.append(broker)
            return {"host": _HOST, "port": broker.port, "user": USER, "password": PASSWORD}
        if (kind, *rest) == ("coap", "plugtest"):
            return self._plugtest()
        if rest == ("refused",):
            # Bound, so that nobody else takes the port. TCP refuses as long as it does not listen,
            # UDP for whom it is not connected to.
            udp = kind == "udp"
            closed = socket.socket(type=socket.SOCK_DGRAM if udp else socket.SOCK_STREAM)
            closed.bind((_HOST, 0))
            if udp:
                closed.connect((_HOST, 9))
            self._running.append(closed)
            return {"host": _HOST, "port": closed.getsockname()[1]}
        if kind == "udp":
            host, port = self._house.run(self._datagrams(name, rest))
            return {"host": host, "port": port}
        if kind == "dtls":
            host, port = self._house.run(self._dtls(name, rest[0], rest[1:]))
            return {"host": host, "port": port, **self._trust()}
        if kind == "s_server":
            return self._s_server(*rest)
        if kind == "libcoap":
            return self._libcoap(*rest)
        if kind == "nginx":
            return self._nginx(*rest)
        endpoint, context = {}, None
        if kind in ("tls", "wss"):
            endpoint, context = self._tls(rest[0])
            rest = rest[1:]
            if any(("half_close",) in steps for steps in rest if not isinstance(steps, str)):
                raise UserError(f"SERVERS: {name}: asyncio cannot half_close a TLS connection")
        elif kind not in ("tcp", "websockets"):
            raise UserError(f"SERVERS: {name}: no such kind: {kind}")
        handler = self._websockets if kind in ("websockets", "wss") else self._handler
        host, port = self._listen(handler(name, rest), context)
        return {"host": host, "port": port, **endpoint}

    def _mosquitto(self, option=None, certificate=None):
        certificates, trust, client_ca = self._house.certificates, {}, None
        if option == "require_certificate":
            client_ca = certificates.client_ca
            clients = self._clients()
            cert, key = clients["good"]
            trust = {"client_cert": cert, "client_key": key, "clients": clients}
            trust["ends"] = [certificates.end(Path(path)) for path in (cert, certificates.ca)]
        elif option not in (None, "websockets"):
            raise UserError(f"SERVERS: mosquitto: no such option: {option}")
        if certificate:
            trust.update(self._trust())
            certificate = certificates.chain(certificate)
        broker = Broker(self._house.folder, option == "websockets", certificate, client_ca)
        self._running.append(broker)
        end = {"host": _HOST, "port": broker.port, "user": USER, "password": PASSWORD}
        return {**end, **trust}

    def _clients(self):
        client = self._house.certificates.client
        return {kind: [str(path) for path in client(kind)] for kind in CLIENTS}

    def _s_server(self, certificate, *arguments):
        certificates, trust = self._house.certificates, self._trust()
        chain = certificates.chain(certificate)
        if "{client_ca}" in arguments:
            trust["clients"] = self._clients()
        files = {"{client_ca}": certificates.client_ca, "{chain}": chain}
        arguments = [str(files.get(argument, argument)) for argument in arguments]
        server = OpenSSLServer(chain, arguments)
        self._running.append(server)
        return {"host": _HOST, "port": server.port, **trust}

    def _plugtest(self):
        from host_tests.portable.host.plugtest import Plugtest  # aiocoap takes a while to import

        server = Plugtest()
        self._running.append(server)
        return self._house.run(server.start())

    def _libcoap(self, transport, certificate=None, *arguments):
        chain = self._house.certificates.chain(certificate) if transport == "dtls" else None
        server = CoapServer(chain, arguments)
        self._running.append(server)
        trust = self._trust() if chain else {}
        return {"host": _HOST, "port": server.port, "missing": server.missing, **trust}

    def _nginx(self, certificate=None):
        chain = self._house.certificates.chain(certificate) if certificate else None
        server = Nginx(self._house.folder, chain)
        self._running.append(server)
        trust = self._trust() if chain else {}
        return {"host": _HOST, "port": server.port, "missing": server.missing, **trust}

    def _tls(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # As boards have it; 1.3 with OpenSSL 3.5 sends more than a peer that drips has time for.
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # shows what no client should take, too
        context.load_cert_chain(self._house.certificates.chain(certificate))
        context.sni_callback = lambda connection, sni, _: setattr(connection, "sni", sni)
        return self._trust(), context

    def _trust(self):
        certificates = self._house.certificates
        return {"name": NAME, "ca": str(certificates.ca), "ca_der": str(certificates.ca_der)}

    async def _datagrams(self, name, rest):
        server = datagrams.Server(
            _scripts(name, rest, datagrams), self._recorders[name], self._house.changed
        )
        address = await server.start()
        self._running.append(server)
        return address

    async def _dtls(self, name, kind, rest):
        """A server that ends sessions aloud, or the twin's DTLS before a UDP server."""
        from host_tests.portable.host import dtls_ends  # pyOpenSSL takes a while to import
        from tools.twin.coap import dtls

        certificate = self._house.certificates.chain(kind)
        if rest[0] in dtls_ends.ENDINGS:
            server = dtls_ends.Server(certificate, rest[0])
            self._running.append(server)
            return await server.start()
        behind = await self._datagrams(name, rest)
        listener = datagrams.open_socket()
        self._running.append(await dtls.serve(listener, certificate, behind))
        return listener.getsockname()

    def _handler(self, name, rest):
        scripts = _scripts(name, rest, behaviours)
        recorders = self._recorders[name]

        async def handle(reader, writer):
            recorder = behaviours.Recorder(reader, self._house.changed)
            recorders.append(recorder)
            behaviour = scripts[min(len(recorders), len(scripts)) - 1]
            await behaviours.serve(behaviour, recorder, writer)

        return handle

    def _websockets(self, name, rest):
        from host_tests.portable.host import websocket

        scripts = _scripts(name, rest, websocket)
        recorders = self._recorders[name]

        async def handle(reader, writer):
            recorder = websocket.Recorder(reader, writer, self._house.changed)
            recorders.append(recorder)
            await websocket.serve(scripts[min(len(recorders), len(scripts)) - 1], recorder)

        return handle

    async def _control(self, reader, writer):
        """One line in, `NAME BYTES`; one line of JSON out: what NAME received, by connection."""
        name, size = (await reader.readline()).decode().split()
        recorders = self._recorders[name]

        def enough():
            return sum(len(recorder.received) for recorder in recorders) >= int(size)

        async with self._house.changed:
            try:
                await asyncio.wait_for(self._house.changed.wait_for(enough), _CONTROL_WAIT_S)
            except TimeoutError:
                pass  # the test sees for itself what is missing
        writer.write(json.dumps([recorder.received.hex() for recorder in recorders]).encode())
        await writer.drain()
        writer.close()

    def _listen(self, handler, context=None):
        async def start():
            return await asyncio.start_server(handler, _HOST, 0, ssl=context)

        server = self._house.run(start())
        self._running.append(server)
        return server.sockets[0].getsockname()

    def close(self):
        """Ends them; harmless when they are closed already."""
        self._house.run(self._close())

    async def _close(self):
        for server in self._running:
            server.close()
        self._running = []
