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
    ("pong",)                   the answer to `ping`; not busy any more
    ("notification", Message)   for a token in `observed` (RFC 7641)

What is rejected, and how (4.2, 4.3): a CON that is malformed, a request or ping, an answer that
nobody waits for or cannot be understood: with RST. An ACK, a RST or a NON like that: silently, as
a RST would cost a radio more than it tells; except a NON notification that is not wanted any more,
which RST ends (RFC 7641 section 3.6). No datagram whatever raises an exception.
"""

from micropython import const

from signet.errors import Lost, ProtocolError, Throttled, TimedOut
from signet.wire import coap

_EXCHANGE_LIFETIME_MS = const(247_000)  # 4.8.2, with the parameters of 4.8
_NON_LIFETIME_MS = const(145_000)  # 4.8.2

_IDLE = const(0)
_PING = const(1)
_UNACKNOWLEDGED = const(2)  # a CON request is sent again until something answers it
_ANSWERABLE = const(2)  # from here on a response may come
_WAITING = const(3)  # for the response to a NON request, or to one that was acknowledged

_SEEN = const(
    8
)  # messages of the peer that are remembered; it may have one CON at a time open (4.7)
_REPLIES = const(4)
_IDS = const(32_768)  # half of all: so one used in a window cannot come again in the next

_OBSERVE = const(6)
# Critical options that a response may have: Block2, Block1 (5.4: others count as unknown).
_UNDERSTOOD = (23, 27)


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
        next_message_id: int, to be kept over a reboot.
        ignored: int, datagrams that were malformed or for nobody.
        observed: list of tokens whose notifications are wanted.
    """

    def __init__(self, message_id, urandom, ack_timeout_ms=2000, max_retransmit=4, known=()):
        self.next_message_id = message_id
        self.ignored = 0
        self.observed = []
        self._urandom = urandom
        self._ack_timeout_ms = ack_timeout_ms
        self._max_retransmit = max_retransmit
        self._known = known
        self._state = _IDLE
        self._message_id = self._token = self._datagram = None
        self._buffer = b""
        self._due = False  # is the request to be sent now
        self._replies = []
        self._seen = []  # (message id, until ms) of messages that were taken, oldest first
        self._ids = 0  # message ids used in this window
        self._window_ms = None  # when it began

    @property
    def busy(self):
        """bool, True while a request or a ping is outstanding."""
        return self._state != _IDLE

    # Sending

    def request(self, code, options, payload, now_ms, confirmable=True, token=None):
        """Starts a request; `outgoing` has it.

        After the last retransmission, or without any for a NON, it fails as TimedOut; NON_LIFETIME
        (145 s) after a NON, EXCHANGE_LIFETIME (247 s) after an empty ACK.

        Args:
            code: int, a method code such as coap.POST.
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
        random = self._start(now_ms)
        if token is None:
            token = random[:2] + self._id_bytes
        self._encode(coap.CON if confirmable else coap.NON, code, token, options, payload)
        self._token = token
        self._send(_UNACKNOWLEDGED if confirmable else _WAITING, random, now_ms)
        if not confirmable:
            self._at = now_ms + _NON_LIFETIME_MS
        return token

    def ping(self, now_ms):
        """Starts an Empty CON, which any CoAP endpoint answers with RST (4.3)."""
        random = self._start(now_ms)
        self._encode(coap.CON, coap.EMPTY, b"", (), b"")
        self._send(_PING, random, now_ms)

    def cancel(self):
        """Forgets the outstanding request; an answer to it will be rejected."""
        self._state = _IDLE
        self._due = False

    def _start(self, now_ms):
        if self._state:
            raise RuntimeError("a request is outstanding (NSTART 1)")
        if self._window_ms is None or now_ms - self._window_ms >= _EXCHANGE_LIFETIME_MS:
            self._window_ms = now_ms
            self._ids = 0
        elif self._ids >= _IDS:
            left = self._window_ms + _EXCHANGE_LIFETIME_MS - now_ms
            raise Throttled("message ids are used up for {} ms".format(left), left)
        message_id = self.next_message_id
        self._id_bytes = bytes((message_id >> 8, message_id & 255))
        return self._urandom(4)

    def _encode(self, kind, code, token, options, payload):
        message = coap.Message(kind, code, self.next_message_id, token, options, payload)
        size = 5 + len(token) + len(payload)
        for _, value in options:
            size += 5 + len(value)
        if size > len(self._buffer):
            self._datagram = None
            self._buffer = bytearray(size)
        self._datagram = memoryview(self._buffer)[: coap.encode_into(self._buffer, message)]

    def _send(self, state, random, now_ms):
        self._message_id = self.next_message_id
        self.next_message_id = self._message_id + 1 & 0xFFFF
        self._ids += 1
        self._state = state
        self._due = True
        self._left = self._max_retransmit
        timeout_ms = self._ack_timeout_ms
        self._wait_ms = timeout_ms + (random[2] << 8 | random[3]) % (timeout_ms // 2 + 1)
        self._at = now_ms + self._wait_ms

    def outgoing(self):
        """Returns the next datagram to send, bytes-like and valid until the next call; or None."""
        if self._replies:
            return self._replies.pop(0)
        if self._due:
            self._due = False
            return self._datagram
        return None

    # Time

    def tick(self, now_ms):
        """Does what is due: a retransmission, or the end of a wait. Returns an event or None."""
        if not self._state or now_ms < self._at:
            return None
        if self._state == _WAITING or not self._left:
            return self._failed(TimedOut("no answer from the server"))
        self._left -= 1
        self._wait_ms *= 2
        self._at = now_ms + self._wait_ms
        self._due = True
        return None

    def wait_ms(self, now_ms):
        """Returns how many ms may pass until `outgoing` or `tick` has work; None for ever."""
        if self._due or self._replies:
            return 0
        if not self._state:
            return None
        return max(0, self._at - now_ms)

    def _failed(self, error):
        self.cancel()
        return ("failed", error)

    # Receiving

    def received(self, datagram, now_ms):
        """Takes a datagram of the server, bytes. Returns an event or None; never raises."""
        try:
            message = coap.decode(datagram)
        except ProtocolError:
            if len(datagram) > 3 and datagram[0] >> 4 == 4:  # version 1, CON
                self._reply(coap.RST, datagram[2] << 8 | datagram[3])
            return self._ignore()
        kind, code = message.type, message.code
        if kind >= coap.ACK:
            if message.message_id != self._message_id:
                return self._ignore()
            return self._answered(message, now_ms)
        if code >> 5 in (2, 4, 5):
            return self._arrived(message, now_ms)
        if kind == coap.CON:  # ping (4.3), or a request: this is no server
            self._reply(coap.RST, message.message_id)
            if code == coap.EMPTY:
                return None
        return self._ignore()

    def _answered(self, message, now_ms):
        """An ACK or RST with the message id of the last request (4.2)."""
        state, code = self._state, message.code
        if message.type == coap.RST:
            if state and code == coap.EMPTY:
                if state == _PING:
                    self.cancel()
                    return ("pong",)
                return self._failed(Lost("the server rejects the request (RST)"))
        elif state == _UNACKNOWLEDGED:
            if code == coap.EMPTY:
                self._state = _WAITING
                self._due = False
                self._at = now_ms + _EXCHANGE_LIFETIME_MS
                return ("acknowledged",)
            if code >> 5 in (2, 4, 5) and message.token == self._token:
                return self._response(message)
        return self._ignore()

    def _arrived(self, message, now_ms):
        """A response in a CON or NON of its own (5.2.2, 5.2.3), new or again (4.5)."""
        confirmable = message.type == coap.CON
        for message_id, until in self._seen:
            if message_id == message.message_id and now_ms < until:
                if confirmable:
                    self._reply(coap.ACK, message_id)
                return None
        event = None
        if self._state >= _ANSWERABLE and message.token == self._token:
            event = self._response(message)
        elif message.token in self.observed and self._unknown(message) is None:
            event = ("notification", message)
        if event is None or event[0] == "failed":
            if confirmable or _has_observe(message):
                self._reply(coap.RST, message.message_id)
            return event or self._ignore()
        self._seen = self._seen[1 - _SEEN :]
        lifetime_ms = _EXCHANGE_LIFETIME_MS if confirmable else _NON_LIFETIME_MS
        self._seen.append((message.message_id, now_ms + lifetime_ms))
        if confirmable:
            self._reply(coap.ACK, message.message_id)
        return event

    def _response(self, message):
        number = self._unknown(message)
        if number is not None:
            text = "the response has option {}, which is critical and not known here"
            return self._failed(ProtocolError(text.format(number)))
        self.cancel()
        return ("response", message)

    def _unknown(self, message):
        """The number of an option that must be understood and is not (5.4.1), or None."""
        for number, _ in message.options:
            if number & 1 and number not in _UNDERSTOOD and number not in self._known:
                return number
        return None

    def _reply(self, kind, message_id):
        if len(self._replies) < _REPLIES:
            self._replies.append(bytes((64 | kind << 4, 0, message_id >> 8, message_id & 255)))

    def _ignore(self):
        self.ignored += 1


def _has_observe(message):
    return any(number == _OBSERVE for number, _ in message.options)
