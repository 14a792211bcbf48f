"""How do a CoAP server's rules get a UDP port, with aiocoap as the message layer (RFC 7252)?

aiocoap matches, acknowledges, deduplicates and retransmits; its own transports choose their ports
and pass on what RFC 7252 calls a format error, so this is one more.
"""

import io
import logging
import socket
from collections import namedtuple
from collections.abc import Awaitable, Callable
from typing import Any

from aiocoap import (  # type: ignore[import-untyped]
    Code,
    Context,
    Message,
    OptionNumber,
    error,
    interfaces,
    messagemanager,
    optiontypes,
    tokenmanager,
)

from tools.twin.clouds.coap_request import Reply, Request
from tools.twin.coap import udp
from tools.twin.coap.tap import CoapTap, Datagram
from tools.twin.coap.udp import Address
from tools.twin.registry.journal import Journal

_LOGGER = "signet.twin.coap"

logging.getLogger(_LOGGER).setLevel(logging.ERROR)  # of the rest, the rules report what matters


class Server:
    """A CoAP server on a bound UDP socket.

    answer: gives the reply to each request that is no duplicate, soon.
    lost: asked for each reply, whether it shall be lost on its way. tap: what notes all.
    """

    def __init__(
        self,
        listener: socket.socket,
        answer: Callable[[Request], Awaitable[Reply]],
        lost: Callable[[], bool] = lambda: False,
        tap: CoapTap | None = None,
    ) -> None:
        self._tap = tap or CoapTap(Journal(), "", "")
        self.address: Address = listener.getsockname()
        self._answer = answer
        self._context = Context(serversite=self, loggername=_LOGGER)
        tokens = tokenmanager.TokenManager(self._context)
        self._messages = messagemanager.MessageManager(tokens)
        self._messages.message_interface = _Transport(listener, self._messages, lost, self._tap)
        tokens.token_interface = self._messages
        self._context.request_interfaces.append(tokens)

    async def close(self) -> None:
        """End it and its socket."""
        await self._context.shutdown()

    async def render_to_pipe(self, pipe: Any) -> None:
        """What aiocoap calls with each new request."""
        request = pipe.request
        seen = _request(request)
        reply = await self._answer(seen)
        self._tap.datagram(request.noted, seen.found)
        if reply.separate:
            self._acknowledge(request)
        pipe.add_response(_message(reply), is_last=True)

    def _acknowledge(self, request: Message) -> None:
        """Send the empty ACK now (RFC 7252, section 5.2.2), which aiocoap would after 0.1 s."""
        waiting = self._messages._piggyback_opportunities
        if found := waiting.pop((request.remote, request.token), None):
            message_id, timer = found
            timer.cancel()
            self._messages._send_empty_ack(request.remote, message_id, reason="ackMode 1")


def _request(message: Message) -> Request:
    peer = "{}:{}".format(*message.remote.address)
    return Request(int(message.code), message.raw_options, message.payload, peer)


def _raw_options(datagram: bytes) -> list[tuple[int, bytes]]:
    """The options of a message that aiocoap took (RFC 7252, section 3.1), as they came.

    aiocoap's own options are numbers and texts: it forgets how long they were on the wire.
    raises: UnparsableMessage.
    """
    rest = io.BytesIO(datagram[4 + (datagram[0] & 15) :])

    def extended(short: int) -> int:
        if short < 13:
            return short
        return int.from_bytes(rest.read(short - 12), "big") + (13 if short == 13 else 269)

    options: list[tuple[int, bytes]] = []
    number = 0
    while (first := rest.read(1)) and first != b"\xff":
        number += extended(first[0] >> 4)
        options.append((number, rest.read(extended(first[0] & 15))))
    if first and not rest.read(1):  # a marker without a payload, which aiocoap takes
        raise error.UnparsableMessage
    return options


def _message(reply: Reply) -> Message:
    kind, detail = reply.code.split(".")
    message = Message(code=Code(int(kind) * 32 + int(detail)), payload=reply.payload)
    for number, value in reply.options:
        message.opt.add_option(optiontypes.OpaqueOption(OptionNumber(number), value))
    return message


def _check_head(datagram: bytes) -> None:
    """Sections 3 and 4.1, where aiocoap is lenient. raises: UnparsableMessage."""
    code = datagram[1]
    if datagram[0] & 15 > 8 or code >> 5 in (1, 6, 7) or (code == 0 and len(datagram) > 4):
        raise error.UnparsableMessage


class _Remote(namedtuple("_Remote", ["transport", "address"]), interfaces.EndpointAddress):
    """One client, as aiocoap wants it; equal for equal addresses."""

    __slots__ = ()
    scheme = "coap"
    is_multicast = False
    is_multicast_locally = False

    @property
    def hostinfo(self) -> str:
        return "{}:{}".format(*self.address)

    @property
    def hostinfo_local(self) -> str:
        return "localhost"

    @property
    def uri_base(self) -> str:
        return f"coap://{self.hostinfo}"

    @property
    def uri_base_local(self) -> str:
        return f"coap://{self.hostinfo_local}"

    @property
    def blockwise_key(self) -> Address:
        return self.address  # type: ignore[no-any-return]


class _Transport(interfaces.MessageInterface):
    """Datagrams in and out; what is malformed is no request (RFC 7252, section 3)."""

    def __init__(
        self,
        listener: socket.socket,
        messages: messagemanager.MessageManager,
        lost: Callable[[], bool],
        tap: CoapTap,
    ) -> None:
        self._tap = tap
        self._listener = listener
        self._messages = messages
        self._lost = lost
        udp.receive(listener, self._received)

    def _received(self, datagram: bytes, address: Address) -> None:
        if len(datagram) < 4 or datagram[0] >> 6 != 1:
            return
        try:
            _check_head(datagram)
            message = Message.decode(datagram, remote=_Remote(self, address))
            message.raw_options = _raw_options(datagram)
        except Exception:  # UnparsableMessage, and for example text options that are no UTF-8
            if datagram[0] & 0x30 == 0:  # a Confirmable one is rejected (section 4.2)
                udp.send(self._listener, b"\x70\0" + datagram[2:4], address)
            return
        again = self._tap.again("up", address, datagram)
        options, payload = message.raw_options, message.payload
        message.noted = Datagram("up", address, datagram, options, payload, again)
        new = (message.remote, message.mid) not in self._messages._recent_messages
        if not (new and message.code.is_request()):  # else once the rules have seen it
            self._tap.datagram(message.noted)
        self._messages.dispatch_message(message)

    def send(self, message: Message) -> None:
        if message.code.is_response() and self._lost():
            return
        datagram, address = message.encode(), message.remote.address
        if self._tap.heard:
            options, payload = _raw_options(datagram), bytes(message.payload or b"")
            again = self._tap.again("down", address, datagram)
            self._tap.datagram(Datagram("down", address, datagram, options, payload, again))
        udp.send(self._listener, datagram, address)

    async def recognize_remote(self, remote: Any) -> bool:
        return isinstance(remote, _Remote)

    async def determine_remote(self, message: Message) -> None:
        return None

    async def shutdown(self) -> None:
        udp.close(self._listener)
