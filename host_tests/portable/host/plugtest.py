"""How does the server of the ETSI CoAP plugtests run beside a test?  aiocoap behind a relay.

A test steers it over TCP, one line of JSON each way; check_coap.py does that.
"""

import asyncio
import json
import socket

import aiocoap
from aiocoap import Message, resource
from aiocoap.numbers import codes

from host_tests.portable.host import plugtest_site
from host_tests.portable.host.plugtest_site import Piggybacking, Separating
from host_tests.portable.host.relay import Relay

_HOST = "127.0.0.1"


class _Proxy(resource.Resource):
    """A reverse proxy with a cache for what has a Max-Age (RFC 7252 section 5.7.3, 5.6)."""

    def __init__(self, context, target):
        super().__init__()
        self._context, self._target = context, target
        self._cache = {}

    async def render(self, request):
        now = asyncio.get_running_loop().time()
        key = request.opt.uri_path if request.code is codes.GET else None
        if key in self._cache:
            taken, kept = self._cache[key]
            return kept.copy(max_age=kept.opt.max_age - int(now - taken))
        onward = request.copy(mid=None, token=None, remote=None)
        onward.direction = aiocoap.message.Direction.OUTGOING
        onward.unresolved_remote = self._target
        answer = await self._context.request(onward).response
        back = Message(code=answer.code, payload=answer.payload)
        back.opt = answer.opt
        if key and back.opt.max_age and not request.opt.etags:
            self._cache[key] = now, back.copy()
        return back


class Plugtest:
    """The server, a reverse proxy for it, and the relay that clients talk to."""

    def __init__(self):
        self._relay = Relay()
        self._contexts = []

    async def start(self):
        """Opens all ports; returns what check.server gives to a test."""
        host, port = await self._relay.listen()
        self._server, self._server_address = await self._serve()
        self._proxy, self._proxy_address = await self._serve()
        self._control = await asyncio.start_server(self._obey, _HOST, 0)
        steer = self._control.sockets[0].getsockname()
        return {"host": host, "port": port, "steer": steer}

    async def _serve(self):
        for attempts_left in (4, 3, 2, 1, 0):
            address = _HOST, _free_port()
            try:
                context = await aiocoap.Context.create_server_context(
                    None, bind=address, transports=["udp6"]
                )
                break
            except OSError:  # somebody else may have taken the port
                if not attempts_left:
                    raise
        self._contexts.append(context)
        _decide_on_acknowledgements(context.request_interfaces[0].token_interface)
        return context, address

    async def _obey(self, reader, writer):
        """One line of JSON in, [command, arguments]; one line of JSON out."""
        command, arguments = json.loads(await reader.readline())
        answer = await getattr(self, "do_" + command)(**arguments)
        writer.write(json.dumps(answer).encode())
        await writer.drain()
        writer.close()

    async def do_begin(self, lose=None, szx=2, max_age=60, proxy=False):
        """Everything is as at the start, and the relay loses other datagrams."""
        self._site = plugtest_site.build(szx, max_age)
        self._server.serversite = self._site
        self._proxy.serversite = _Proxy(self._proxy, "%s:%d" % self._server_address)
        self._relay.begin(self._proxy_address if proxy else self._server_address, lose or {})

    async def do_seen(self, count, first, most):
        """How many datagrams have passed once there are `count`, and those from `first` on.

        Waits at most 5 s; the test sees for itself what is missing.
        """
        notes = await self._relay.seen(count)
        return len(notes), notes[first : first + most]

    async def do_to(self, path, do, **arguments):
        """Calls a method of a resource: what happens at the server's side of a test."""
        each = self._site._resources[tuple(path.split("/"))]
        return getattr(each, do)(**arguments)

    def close(self):
        """Closes every port."""
        self._control.close()
        self._relay.close()
        self._ending = [asyncio.ensure_future(context.shutdown()) for context in self._contexts]


def _decide_on_acknowledgements(manager):
    """Lets the path, not the load of the machine, decide which responses are piggybacked."""
    dispatch = manager.dispatch_message

    def dispatch_tuned(message):
        separate = message.opt.uri_path == ("separate",)
        message.transport_tuning = Separating() if separate else Piggybacking()
        dispatch(message)

    manager.dispatch_message = dispatch_tuned


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]
