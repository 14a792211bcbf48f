"""What did client and CoAP server say?  A UDP relay that notes, and loses, datagrams.

aiocoap reads them, so that a test compares our client with somebody else's decoder.
"""

import asyncio

import aiocoap

_WAIT_S = 5


class Relay(asyncio.DatagramProtocol):
    """Takes datagrams from any client; each client gets a socket of its own to the server."""

    def __init__(self):
        self._upstream = None  # (host, port) of the server that the next new client reaches
        self._lose = {}  # "client" or "server" -> which of their datagrams, counted from 0
        self.notes = []
        self._changed = asyncio.Condition()
        self._servers = {}  # client address -> future of the transport to the server

    async def listen(self):
        """Opens the port that clients are given; returns (host, port)."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0)
        )
        return self._transport.get_extra_info("sockname")

    def connection_made(self, transport):
        self._transport = transport

    def datagram_received(self, data, client):
        loop = asyncio.get_running_loop()
        if client not in self._servers:
            self._servers[client] = loop.create_task(self._connect(client))
        if self._note("client", data):
            self._servers[client].add_done_callback(lambda task: task.result().sendto(data))

    async def _connect(self, client):
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: _Back(self, client), remote_addr=self._upstream
        )
        return transport

    def answered(self, data, client):
        """The server has sent a datagram to this client."""
        if client in self._servers and self._note("server", data):
            self._transport.sendto(data, client)

    def _note(self, sender, data):
        """Returns whether the datagram is to arrive."""
        count = sum(note["sender"] == sender for note in self.notes)
        lost = count in self._lose.get(sender, ())
        self.notes.append({"sender": sender, "lost": lost, **_read(data)})
        asyncio.get_running_loop().create_task(self._tell())
        return not lost

    async def _tell(self):
        async with self._changed:
            self._changed.notify_all()

    def begin(self, upstream, lose):
        """Begins anew: no clients, no notes, another server perhaps, other losses."""
        self._hang_up()
        self._upstream, self._lose, self.notes = upstream, lose, []

    def _hang_up(self):
        for task in self._servers.values():
            task.add_done_callback(lambda task: task.cancelled() or task.result().close())
        self._servers = {}

    async def seen(self, count):
        """Returns the notes once there are `count` of them, or after 5 s those that there are."""
        async with self._changed:
            try:
                enough = self._changed.wait_for(lambda: len(self.notes) >= count)
                await asyncio.wait_for(enough, _WAIT_S)
            except TimeoutError:
                pass
        return self.notes

    def close(self):
        """Closes every port."""
        self._transport.close()
        self._hang_up()


class _Back(asyncio.DatagramProtocol):
    """The way back from the server to one client."""

    def __init__(self, relay, client):
        self._relay, self._client = relay, client

    def datagram_received(self, data, address):
        self._relay.answered(data, self._client)


def _read(data):
    """Reads with aiocoap; `same`: would aiocoap have sent the same bytes?"""
    message = aiocoap.Message.decode(data)
    message.direction = aiocoap.message.Direction.OUTGOING
    return {
        "size": len(data),
        "same": message.encode() == data,
        "type": int(message.mtype),
        "code": int(message.code),
        "message_id": message.mid,
        "token": message.token.hex(),
        "options": [
            (int(option.number), option.encode().hex()) for option in message.opt.option_list()
        ],
        "payload": message.payload.hex(),
    }
