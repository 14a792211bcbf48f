"""How does a CoAP request travel over a datagram channel until its answer is here?

`wire.exchange` decides what is sent and when (RFC 7252 sections 4 and 5); this class carries it
over a channel (net/datagram.py or net/dtls.py), keeps the time, and waits.

    client = CoapClient()
    client.use(UdpChannel("192.0.2.1", 5683, clock.Deadline(5000)))
    answer = client.ask(coap.GET, ((coap.URI_PATH, b"time"),), b"", clock.Deadline(100_000))

or without blocking: `request`, then `poll` until it returns ("response", Message) or ("failed",
error); the other events are listed in wire/exchange.py. Large bodies: client/coap_blocks.py.
Observation: client/coap_observe.py. A request that wants no answer (RFC 7967): option 258 in
request(..., confirmable=False), then `exchange.cancel()`.
"""

import os

from micropython import const

from signet import clock
from signet.errors import Lost, TimedOut, Untrusted
from signet.wire.exchange import Exchange

_ACK_OR_RST = const(0x20)  # the upper bit of the type, in the first byte of a message


class CoapClient:
    """Asks one server, one request at a time, over one channel after another.

    Args:
        message_id: int, 0 to 65535, the first to use: `next_message_id` of before; None: random.
        ack_timeout_ms, max_retransmit: int, RFC 7252 section 4.8; higher and fewer on NB-IoT.
        known: numbers of further options that the caller understands in a response.
    Attributes:
        channel: what `use` was given, or None.
        exchange: wire.exchange.Exchange, with `busy`, `next_message_id`, `cancel()`, `observed`.
    """

    def __init__(self, message_id=None, ack_timeout_ms=2000, max_retransmit=4, known=()):
        if message_id is None:
            message_id = int.from_bytes(os.urandom(2), "big")
        self.exchange = Exchange(message_id, os.urandom, ack_timeout_ms, max_retransmit, known)
        self.channel = None
        self._last = False
        self._now_ms = 0
        self._ticks = clock.ticks_ms()

    @property
    def ignored(self):
        """int, datagrams that were malformed, for nobody, or from somebody else."""
        return self.exchange.ignored + (self.channel.ignored if self.channel else 0)

    def now_ms(self):
        """Returns ms since this client was made, as an int that never goes back.

        It stands still while the channel opens: a request is on its way from then on.
        """
        ticks = clock.ticks_ms()
        if self.channel is None or self.channel.opened():
            self._now_ms += max(0, clock.ticks_diff(ticks, self._ticks))
        self._ticks = ticks
        return self._now_ms

    def use(self, channel):
        """Sends and receives through `channel` from now on, an outstanding request included."""
        self.exchange.ignored = self.ignored  # that of the channel before
        self.channel = channel
        self.exchange.forget()

    def request(self, code, options, payload=b"", last=0, confirmable=True, token=None):
        """Starts a request and returns at once.

        Args:
            code: int, a method code such as coap.POST.
            options: sequence of (number, value bytes).
            payload: bytes.
            last: int, 0 when more requests follow; else how many datagrams will come until a
                radio may be released for long: 1, or 2 for an empty ACK and a separate response.
            confirmable, token: as in wire.exchange.
        Returns:
            bytes, the token.
        Raises:
            Lost, Untrusted: the channel is down for good; the request is not outstanding.
            RuntimeError, Throttled, ValueError: see wire.exchange.
        """
        token = self.exchange.request(code, options, payload, self.now_ms(), confirmable, token)
        self._send(last)
        return token

    def ping(self):
        """Asks whether the server is there: ("pong",) or ("failed", error)."""
        self.exchange.request(0, (), b"", self.now_ms(), True, b"")
        self._send(0)

    def _send(self, last):
        self._last = last
        exchange = self.exchange
        try:
            while True:
                datagram = exchange.outgoing()
                if datagram is None:
                    return
                replies = None
                if last:
                    if datagram[0] & _ACK_OR_RST:
                        replies = None if exchange.busy else 0
                    elif last == 1:
                        replies = 1
                self.channel.send(datagram, replies)
        except Exception:  # memory may have run out: an exchange that did not go must not stay
            exchange.cancel()
            raise

    def poll(self, timeout_ms):
        """Waits for one event.

        Args:
            timeout_ms: int, 0 or more.
        Returns:
            an event of wire.exchange, or None. When the channel is down for good that is
            ("failed", Lost or Untrusted), and no request is outstanding any more.
        """
        exchange, channel = self.exchange, self.channel
        deadline = clock.Deadline(timeout_ms)
        event = None
        try:
            while True:
                clock.waited()  # each time: a flood must not starve a watchdog
                datagram = channel.receive()
                now_ms = self.now_ms()
                if datagram:
                    event = exchange.received(datagram, now_ms, len(datagram) > channel.largest)
                event = event or exchange.tick(now_ms)
                self._send(self._last)
                left_ms = min(deadline.remaining_ms(), clock.WAIT_SLICE_MS)
                if event or not left_ms:
                    return event
                due_ms = exchange.wait_ms(now_ms)
                if due_ms is None or due_ms > left_ms:
                    due_ms = left_ms
                channel.wait(due_ms)
        except (Lost, Untrusted) as error:
            exchange.cancel()
            if event and event[0] == "response":
                return event  # it counts even if its ACK did not go
            return ("failed", error)

    def ask(self, code, options, payload, deadline, last=0, token=None):
        """Sends a CON request and waits for its response; other events meanwhile are dropped.

        Args:
            deadline: clock.Deadline.
            code, options, payload, last, token: as in `request`.
        Returns:
            wire.coap.Message, whatever its code.
        Raises:
            TimedOut: no answer in time. Lost: rejected. Lost, Untrusted: the channel is down for
                good.
            ProtocolError: the answer cannot be understood.
            RuntimeError, Throttled, ValueError: see `request`.
        """
        try:
            self.request(code, options, payload, last, True, token)
            while True:
                event = self.poll(deadline.remaining_ms()) or (None,)
                if event[0] == "failed":
                    raise event[1]
                if event[0] == "response":
                    return event[1]
                if deadline.expired():
                    raise TimedOut("no answer in time")
        finally:
            self.exchange.cancel()  # also when memory ran out

    def close(self):
        """Closes the channel and forgets the outstanding request; harmless when closed already."""
        self.exchange.cancel()
        if self.channel:
            self.channel.close()
            self.use(None)
