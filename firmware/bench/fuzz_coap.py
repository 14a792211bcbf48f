"""Does anything that a peer can send upset the CoAP codec or the exchange?  Runs everywhere.

`fuzz_coap COUNT SEED` sends COUNT mutated datagrams into `decode` and into an Exchange that is
idle, waits for an ACK, waits for a separate response, or observes, while time moves on; now and
then a clean request must still get its answer. Only ProtocolError may come, from `decode` alone.

fuzzing.py says how it runs and what it prints.
"""

import sys

import fuzzing
import peer_coap
from mutate import Random, mutated
from signet.errors import ProtocolError, Throttled
from signet.wire import coap
from signet.wire.exchange import Exchange

LIFETIME_MS = 250_000  # more than EXCHANGE_LIFETIME: nothing is remembered any longer
KNOWN = (2088, 2089, 2090)

CON, NON, ACK, RST = range(4)
_TEXT = b"0123456789abcdef" * 72
_ID = (2090, b"1403211234567890123")

# What a client meets: type, code, options, bytes of payload.
_MESSAGES = (
    (ACK, 0x44, (_ID,), 0),
    (ACK, 0x45, (_ID,), 0),
    (ACK, 0x45, ((12, b"\x32"),), 95),  # the answer to /auth
    (ACK, 0x45, ((12, b"\x3c"), (14, b"\x3c")), 64),
    (ACK, 0x81, (), 0),
    (ACK, 0x81, ((252, b"echo-me!"),), 0),
    (ACK, 0x82, ((2089, _TEXT[:16]),), 10),  # Bad Option that says which
    (ACK, 0x8F, (), 0),
    (ACK, 0xA0, (), 23),
    (ACK, 0, (), 0),
    (ACK, 0, (), 0),
    (RST, 0, (), 0),
    (CON, 0, (), 0),  # ping
    (CON, 0x45, (_ID,), 16),
    (CON, 0x44, (), 0),
    (NON, 0x45, (_ID, (12, b"")), 16),
    (ACK, 0x45, ((6, b"\x0c"), (12, b"")), 8),  # an observation begins
    (CON, 0x45, ((6, b"\x0d"), (14, b"\x05")), 8),
    (NON, 0x45, ((6, b"\x01\x00\x00"),), 8),
    (ACK, 0x45, ((4, b"etag"), (23, b"\x0a"), (28, b"\x02\x00")), 64),
    (ACK, 0x5F, ((27, b"\x1a"),), 0),  # Continue
    (ACK, 0x8D, ((27, b"\x02"), (60, b"\x04\x80")), 0),
    (ACK, 0x41, ((8, b"location1"), (8, b"location2"), (20, b"a=1"), (20, b"b=2")), 0),
    (ACK, 0x43, ((4, b"12345678"), (14, b"\x3c")), 0),
    (ACK, 0x45, ((12, b""), (2048, _TEXT[:268]), (2050, _TEXT[:269])), 300),
    (CON, 0x45, ((292, b"x" * 13), (65_000, b"y" * 12)), 1),
    (ACK, 0x45, ((9, b""),), 4),  # OSCORE: critical, and not known
    (ACK, 0x45, ((12, b"\x2a"),), 1152),
    (CON, 1, ((11, b"time"), (15, b"first=1")), 0),  # requests: a client is no server
    (NON, 2, ((11, b"topic"),), 5),
)
_OBSERVE = ((6, b""), (11, b"obs"))
_POST = ((11, b"topic"), (11, b"update"), (2088, _TEXT[:32]), (2089, _TEXT[:16]))


class Fuzz:
    """One exchange and the peer that mistreats it; `random`: mutate.Random."""

    def __init__(self, random):
        self.random = random
        self.exchange = Exchange(random.below(16_384), random.bytes, known=KNOWN)
        self.now_ms = 0
        self.peer_id = 0
        self.ids = [0, 0]  # of the last request, and of the one before
        self.tokens = [b"", b""]
        self.acknowledged = False
        self.found = fuzzing.Found(("accepted", "ProtocolError"))

    # The peer

    def datagram(self):
        """Returns the next datagram to send to the exchange, bytes."""
        random = self.random
        data = self._message(random)
        return mutated(random, data, self._message(random), 4 + (data[0] & 15))

    def _message(self, random):
        """Returns a valid message, mostly one that has to do with the requests, a bytearray."""
        kind, code, options, size = random.pick(_MESSAGES)
        if not self.acknowledged and not random.below(8):
            kind, code, options, size = ACK, 0, (), 0
        own = random.below(8)
        if kind in (ACK, RST):
            message_id = self.ids[own == 0]
        else:
            self.peer_id = self.peer_id + (own > 1) & 0x3FFF  # else the one before, again
            message_id = self.peer_id
        token = self.tokens[random.below(8) == 0] if code else b""
        observed = self.exchange.observed
        if code and observed and not random.below(3):
            token = random.pick(observed)
        if own == 7 and not random.below(4):
            message_id = random.below(16_384) << 2
            token = bytes(random.bytes(random.below(9))) if code else b""
        message = peer_coap.Message(kind, code, message_id, token, _TEXT[:size])
        for number, value in options:
            message.add_option(number, value)
        return peer_coap.encode(message)

    # The device

    def begin(self):
        """Starts a request of some kind, as a device program would."""
        random, exchange = self.random, self.exchange
        chance = random.below(16)
        try:
            if chance == 0:
                exchange.request(0, (), b"", self.now_ms, True, b"")
            elif chance < 4:
                token = exchange.request(coap.GET, _OBSERVE, b"", self.now_ms)
                exchange.observed = exchange.observed[-1:]
                exchange.observed.append(token)
            elif chance < 6:
                exchange.request(coap.POST, _POST, _TEXT[:32], self.now_ms, confirmable=False)
            else:
                exchange.request(coap.POST, _POST, _TEXT[: 16 * chance], self.now_ms)
        except Throttled as error:
            self.now_ms += error.retry_after_ms
            return
        self.acknowledged = False
        self._sent()

    def _sent(self):
        """Reads what the exchange sends; returns the datagrams."""
        sent = []
        while len(sent) < 100:
            datagram = self.exchange.outgoing()
            if datagram is None:
                return sent
            message = peer_coap.decode(bytes(datagram))
            sent.append(message)
            if message.type in (CON, NON) and message.message_id != self.ids[0]:
                self.ids = [message.message_id, self.ids[0]]
                self.tokens = [message.token, self.tokens[0]]
        raise AssertionError("it sends without end")

    def step(self):
        """Lets time pass, sometimes starts a request, and sends one datagram."""
        random, exchange = self.random, self.exchange
        self.now_ms += random.below(40)
        if not random.below(64):
            self.now_ms += random.below(6_000)
        if not random.below(512):
            self.now_ms += random.below(16_384) * 16
        if not exchange.busy and not random.below(6):
            self.begin()
        elif not random.below(200):
            exchange.cancel()
        if not random.below(200):
            exchange.observed = []
        state = "observing" if exchange.observed else "idle"
        if exchange.busy:
            state = "waiting for the answer" if self.acknowledged else "waiting for an ACK"
        self.found.state(state)
        datagram = self.datagram()
        try:
            self._feed(datagram)
        except Exception as error:
            self.found.note(error, datagram)

    def _feed(self, datagram):
        try:
            coap.decode(datagram)
            well_formed = True
            self.found.count("accepted")
        except ProtocolError:
            well_formed = False
            self.found.count("ProtocolError")
        busy = self.exchange.busy
        event = self.exchange.received(datagram, self.now_ms)
        if event is not None:
            assert well_formed, "an event from a datagram that is malformed"
        self._heard(event, busy)
        self._sent()
        busy = self.exchange.busy
        self._heard(self.exchange.tick(self.now_ms), busy)
        self._sent()
        wait_ms = self.exchange.wait_ms(self.now_ms)
        assert wait_ms is None or wait_ms >= 0, "a wait that is negative"

    def _heard(self, event, busy):
        if event is None:
            return
        kind = event[0]
        if kind == "response":
            assert event[1].token == self.tokens[0], "an answer to something else"
        if kind == "notification":
            assert event[1].token in self.exchange.observed, "a notification of something else"
        else:
            assert busy, "an answer that nobody waits for"
            self.acknowledged = kind == "acknowledged"
            assert bool(self.exchange.busy) == self.acknowledged, "busy in spite of the answer"
        if kind == "failed":
            kind = type(event[1]).__name__
        self.found.event(kind)

    # Is it still good for anything?

    def clean(self):
        """Makes a request that is answered as it should be; the answer must come."""
        try:
            self._clean()
            self.found.count("clean")
        except Exception as error:
            self.found.note(error, b"")

    def _clean(self):
        exchange = self.exchange
        exchange.cancel()
        self._sent()
        self.now_ms += LIFETIME_MS
        exchange.request(coap.POST, _POST, b"clean", self.now_ms)
        sent = self._sent()
        assert [message.payload for message in sent] == [b"clean"], "the request was not sent"
        request = sent[0]
        kind, message_id = ACK, request.message_id
        separate = self.found.counts["clean"] & 1
        if separate:
            kind, message_id = CON, self.peer_id
            empty = peer_coap.encode(peer_coap.Message(ACK, 0, request.message_id))
            event = exchange.received(bytes(empty), self.now_ms)
            assert event == ("acknowledged",), "the acknowledgement was not taken"
        answer = peer_coap.Message(kind, 0x45, message_id, request.token, b"clean too")
        event = exchange.received(bytes(peer_coap.encode(answer)), self.now_ms)
        assert event is not None, "the answer was not taken"
        assert event[0] == "response", "the answer was taken for something else"
        assert event[1].payload == b"clean too", "the answer is not what was sent"
        types = [message.type for message in self._sent()]
        assert types == ([ACK] if separate else []), "not acknowledged as it should be"


if __name__ == "__main__":
    fuzzing.run(Fuzz(Random(int(sys.argv[2]))), int(sys.argv[1]))
