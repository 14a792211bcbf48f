"""When is a CoAP message sent, sent again, acknowledged, rejected or taken for an answer?

The message layer and the matching of responses, RFC 7252 sections 4 and 5.2 to 5.4, for a client
that talks to one server. No socket and no clock: the caller carries datagrams and tells the time.

    exchange = Exchange(first_message_id, os.urandom)
    exchange.request(coap.GET, ((coap.URI_PATH, b"time"),), b"", now_ms)
    loop:  send each exchange.outgoing() until it is None
           event = exchange.received(datagram, now_ms) or exchange.tick(now_ms)
           wait at most exchange.wait_ms(now_ms)

Events are tuples:

    ("response", Message)       the answer; not busy any more
    ("acknowledged",)           an empty ACK came: the answer follows by itself (5.2.2)
    ("failed", error)           TimedOut, Lost (rejected with RST) or ProtocolError (an option that
                                must be understood and is not, 5.4.1); not busy any more
    ("pong",)                   the answer to an Empty CON; not busy any more
    ("notification", Message)   for a token in `observed` (RFC 7641)

What is rejected, and how (4.2, 4.3): a CON that is malformed, a request or ping, an answer that
nobody waits for or cannot be understood: with RST. An ACK, a RST or a NON like that: silently, as
a RST would cost a radio more than it tells; except a NON notification that is not wanted any more,
which RST ends (RFC 7641 section 3.6). No datagram whatever raises an exception.
"""

from micropython import const

from signet.errors import Lost, ProtocolError, Throttled, TimedOut
from signet.wire.coap import Message, decode, encode_into

_EXCHANGE_LIFETIME_MS = const(247_000)  # 4.8.2, with the parameters of 4.8
_NON_LIFETIME_MS = const(145_000)  # 4.8.2

_CON = const(0)
_NON = const(1)
_ACK = const(2)
_RST = const(3)

# What `busy` says is outstanding
_NOTHING = const(0)
_PING = const(1)
_UNACKNOWLEDGED = const(2)  # a CON request: sent again until something answers it
_WAITING = const(3)  # for the response to a NON request, or to one that was acknowledged

_SEEN = const(8)  # messages of the peer to remember; it has one CON at a time open (4.7)
_REPLIES = const(4)
_IDS = const(32_768)  # half of all: so one used in a window cannot come again in the next

_LAST_REQUEST = const(31)  # 0.31; a code above it is a response, as decode refuses others (12.1)
_OBSERVE = const(6)
_BLOCK2 = const(23)
_BLOCK1 = const(27)


class Exchange:
    """One request at a time (NSTART 1, section 4.7) with one server.

    Every `now_ms` is an int in ms of a clock that never wraps and never goes back.

    Args:
        message_id: int, 0 to 65535, the first to use. Random, or `next_message_id` of before a
            reboot: then neither message ids nor tokens repeat within EXCHANGE_LIFETIME (4.4).
        urandom: function of n that returns n random bytes.
        ack_timeout_ms: int, ACK_TIMEOUT; the first wait is random from 1 to 1.5 times that (4.2).
        max_retransmit: int, MAX_RETRANSMIT.
        known: numbers of further options that the caller understands in a response.
    Attributes:
        busy: int, not 0 while a request or a ping is outstanding.
        next_message_id: int, to be kept over a reboot; may be set to skip some.
        ignored: int, datagrams that were malformed or for nobody.
        observed: list of tokens whose notifications are wanted.
        message_id, token: of the last request.
    """

    def __init__(self, message_id, urandom, ack_timeout_ms=2000, max_retransmit=4, known=()):
        self.next_message_id = message_id
        self.urandom = urandom
        self.ack_timeout_ms = ack_timeout_ms
        self.max_retransmit = max_retransmit
        self.known = known
        self.observed = []
        self._replies = []
        self._seen = []  # (message id and token, until ms) of what was taken, oldest first
        self._buffer = b""
        self._due = None  # the request, when it is to be sent now
        # So many message ids are used in a window that ends then
        self.busy = self.ignored = self._ids = self._window_ms = 0

    # Sending

    def request(self, code, options, payload, now_ms, confirmable=True, token=None):
        """Starts a request; `outgoing` has it.

        After the last retransmission, or without any for a NON, it fails as TimedOut; NON_LIFETIME
        (145 s) after a NON, EXCHANGE_LIFETIME (247 s) after an empty ACK.

        Args:
            code: int, a method code such as coap.POST. 0: a ping (4.3), with an empty token.
            options: sequence of (number, value bytes).
            payload: bytes.
            confirmable: bool, False for a NON.
            token: bytes, the token of an observation to refresh or end (RFC 7641 sections 3.3.1,
                3.6); None for a new one.
        Returns:
            bytes, the token.
        Raises:
            RuntimeError: busy.
            Throttled: 32768 message ids within EXCHANGE_LIFETIME.
            ValueError: what cannot be encoded; see wire/coap.py.
        """
        if self.busy:
            raise RuntimeError("one request at a time")
        left_ms = self._window_ms - now_ms
        if left_ms <= 0:
            self._window_ms = now_ms + _EXCHANGE_LIFETIME_MS
            self._ids = 0
        elif self._ids >= _IDS:
            raise Throttled("too many requests", left_ms)
        message_id = self.next_message_id
        random = self.urandom(4)
        if token is None:
            token = random[:2] + bytes((message_id >> 8, message_id & 255))

        size = 13 + len(payload)
        for option in options:
            size += 5 + len(option[1])
        if size > len(self._buffer):
            self._buffer = bytearray(size)
        kind = _CON if confirmable else _NON
        message = Message(kind, code, message_id, token, options, payload)
        size = encode_into(self._buffer, message)

        self._due = self._datagram = memoryview(self._buffer)[:size]
        self.busy = (_UNACKNOWLEDGED if confirmable else _WAITING) if code else _PING
        self.token = token
        self.message_id = message_id
        self.next_message_id = message_id + 1 & 0xFFFF
        self._ids += 1
        self._left = self.max_retransmit
        wait_ms = self.ack_timeout_ms
        wait_ms += (random[2] << 8 | random[3]) % (wait_ms // 2 + 1)
        self._wait_ms = wait_ms
        self._at = now_ms + (wait_ms if confirmable else _NON_LIFETIME_MS)
        return token

    def forget(self):
        """Talks to another endpoint from now on: message ids are each endpoint's own (4.4)."""
        self._seen = []
        self._replies = []

    def cancel(self):
        """Forgets the outstanding request; an answer to it will be rejected."""
        self.busy = _NOTHING
        self._due = None

    def outgoing(self):
        """Returns the next datagram to send, bytes-like and valid until the next call; or None."""
        if self._replies:
            return self._replies.pop(0)
        due = self._due
        self._due = None
        return due

    # Time

    def tick(self, now_ms):
        """Does what is due: a retransmission, or the end of a wait. Returns an event or None."""
        if not self.busy or now_ms < self._at:
            return None
        if self.busy == _WAITING or not self._left:
            self.cancel()
            return ("failed", TimedOut("no answer"))
        self._left -= 1
        self._wait_ms *= 2
        self._at = now_ms + self._wait_ms
        self._due = self._datagram
        return None

    def wait_ms(self, now_ms):
        """Returns how many ms may pass until `outgoing` or `tick` has work; None for ever."""
        if self._due or self._replies:
            return 0
        return max(0, self._at - now_ms) if self.busy else None

    # Receiving

    def received(self, datagram, now_ms, cut=False):
        """Takes a datagram of the server. Returns an event or None; never raises.

        Args:
            datagram: bytes.
            cut: bool, it was longer: what is left of its header and options counts (4.6).
        """
        try:
            message = decode(datagram)
            message.cut = cut
        except ProtocolError:
            if len(datagram) > 3 and datagram[0] >> 4 == 4:  # version 1, CON
                self._reply(_RST, datagram)
            return self._ignore()
        if message.type >= _ACK:
            if self.busy and message.message_id == self.message_id:
                return self._answered(message, now_ms)
        elif message.code > _LAST_REQUEST:
            return self._arrived(message, now_ms, datagram)
        elif message.type == _CON:  # ping (4.3), or a request: this is no server
            return self._reply(_RST, datagram)
        return self._ignore()

    def _answered(self, message, now_ms):
        """An ACK or RST with the message id of what is outstanding (4.2)."""
        busy, code = self.busy, message.code
        if message.type == _RST:
            if not code:
                self.cancel()
                return ("pong",) if busy == _PING else ("failed", Lost("rejected (RST)"))
        elif busy == _UNACKNOWLEDGED:
            if not code:
                self.busy = _WAITING
                self._due = None
                self._at = now_ms + _EXCHANGE_LIFETIME_MS
                return ("acknowledged",)
            if code > _LAST_REQUEST and message.token == self.token:
                return self._response(message, self._unknown(message))
        return self._ignore()

    def _arrived(self, message, now_ms, datagram):
        """A response in a CON or NON of its own (5.2.2, 5.2.3), new or again (4.5)."""
        confirmable = message.type == _CON
        new = datagram[2 : 4 + len(message.token)]  # a restarted server counts anew
        for seen, until in self._seen:
            if seen == new and now_ms < until:
                return self._reply(_ACK, datagram) if confirmable else None
        unknown = self._unknown(message)
        mine = self.busy > _PING and message.token == self.token
        if not unknown and (mine or message.token in self.observed):
            until = now_ms + (_EXCHANGE_LIFETIME_MS if confirmable else _NON_LIFETIME_MS)
            self._seen = self._seen[1 - _SEEN :] + [(new, until)]
            if confirmable:
                self._reply(_ACK, datagram)
            if not mine:
                return ("notification", message)
        elif confirmable or _OBSERVE in dict(message.options):
            self._reply(_RST, datagram)
        return self._response(message, unknown) if mine else self._ignore()

    def _response(self, message, unknown):
        self.cancel()
        if unknown:
            return ("failed", ProtocolError("unknown critical option {}".format(unknown)))
        return ("response", message)

    def _unknown(self, message):
        """The number of an option that must be understood and is not (5.4.1), or 0.

        None that is critical may come twice in a response: the second is not understood (5.4.5).
        """
        before = 0
        for number, _ in message.options:
            # no other option is critical and may be in a response (5.4, RFC 7959)
            known = number in (_BLOCK2, _BLOCK1) or number in self.known
            if number & 1 and (number == before or not known):
                return number
            before = number
        return 0

    def _reply(self, kind, datagram):
        """An Empty message with the message id of that datagram."""
        if len(self._replies) < _REPLIES:
            self._replies.append(bytes((64 | kind << 4, 0)) + datagram[2:4])

    def _ignore(self):
        self.ignored += 1
