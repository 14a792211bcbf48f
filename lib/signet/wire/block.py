"""How does a body travel that is larger than one CoAP message?

RFC 7959 for a client: Block1 carries the body of a request, Block2 that of a response, and one
request may need both (section 2.7). Sans I/O; client/coap_blocks.py runs it:

    transfer = Transfer(options, payload)
    while True:
        response = <the Message that answers code, *transfer.request()>
        if transfer.received(response): return transfer.result

Also here, as it is one more reason to repeat a request: Echo (RFC 9175 section 2.3).
"""

from micropython import const

from signet.errors import Lost, ProtocolError
from signet.wire.coap import malformed

_ECHO = const(252)
_ETAG = const(4)
_BLOCK2 = const(23)
_BLOCK1 = const(27)
_SIZE2 = const(28)

_CONTINUE = const(95)  # 2.31
_UNAUTHORIZED = const(129)  # 4.01
_INCOMPLETE = const(136)  # 4.08
_TOO_LARGE = const(141)  # 4.13

_SIZES = const((16, 32, 64, 128, 256, 512, 1024))  # by SZX (2.2)


def block(number, more, size):
    """Returns the value of a Block1 or Block2 option (2.2).

    Args:
        number: int, 0 to 2^20-1, of the block.
        more: bool, whether more blocks follow.
        size: int, bytes of a block; ValueError unless 16, 32, 64, 128, 256, 512 or 1024.
    """
    if number >> 20:
        raise ValueError("block {} is not 0 to 2^20-1".format(number))
    bits = number << 4 | (8 if more else 0) | _SIZES.index(size)
    return bits.to_bytes(4, "big").lstrip(b"\0")  # the shortest form (RFC 7252 section 3.2)


def block_of(message, number):
    """Returns (number, more, size) of option `number` (23 or 27) in a message, or None.

    Raises:
        ProtocolError: no such option value is allowed (2.2).
    """
    value = _first(message).get(number)
    if value is None:
        return None
    bits = int.from_bytes(value, "big")
    if len(value) > 3 or bits & 7 == 7:
        raise malformed("block option")
    return bits >> 4, bits & 8 != 0, 16 << (bits & 7)


def _first(message):
    """Returns the options of a message as a dict: of several the first (RFC 7252 5.4.5)."""
    return dict(reversed(list(message.options)))


class Transfer:
    """One request and its response, each as many blocks as it takes.

    Args:
        options: sequence of (number, value) of the request, without block options.
        payload: bytes, the body of the request.
        size: int, 16 to 1024 in powers of two: bytes of a block that we send, if the server
            does not want less. A body of one block goes out without Block1.
        wanted: int, the same for blocks that we receive; None leaves it to the server.
        early: bool, True asks for `wanted` with the first request, False only once the
            server has answered with blocks (2.4).
        largest: int, bytes of the largest body of a response to take.
    Attributes:
        result: Message, once `received` said True: the last answer of the server, with
            the whole body as its payload if that came in blocks.
    """

    def __init__(self, options, payload=b"", size=1024, wanted=None, early=False, largest=4096):
        self.result = None
        self._options = tuple(options)
        self._payload = payload
        self._size = size
        self._wanted = wanted
        self._first = (0, wanted) if early else None
        self._largest = largest
        self._echo = None
        self._patience = 1  # how often the server may still make us begin anew
        self._begin(len(payload) > size)

    def _begin(self, in_blocks):
        self._in_blocks = in_blocks
        self._sent = 0  # bytes that the server has
        self._asked = self._first  # the block of the response to ask for: number, size; or None
        self._body = None  # of the response

    def request(self):
        """Returns (options, payload) of the next request."""
        options = self._options
        payload = self._payload
        if self._echo is not None:
            options += ((_ECHO, self._echo),)
        last = True
        if self._body is not None:
            payload = b""
        elif self._in_blocks:
            sent, size = self._sent, self._size
            last = sent + size >= len(payload)
            options += ((_BLOCK1, block(sent // size, not last, size)),)
            payload = payload[sent : sent + size]
        if self._asked and last:
            number, size = self._asked
            options += ((_BLOCK2, block(number, False, size)),)
        return options, payload

    def received(self, response):
        """Takes the Message that answers `request`; returns True when `result` is there.

        Raises:
            ProtocolError: the server broke RFC 7959, its body is larger than `largest`, or a block
                of it larger than the channel takes.
            Lost: the body changed twice while it was fetched.
        """
        code = response.code
        if code == _UNAUTHORIZED and self._echo is None:
            self._echo = _first(response).get(_ECHO)
            if self._echo is not None:
                return False
        uploading = self._body is None and (self._in_blocks or code == _TOO_LARGE)
        if uploading and self._acknowledged(response):
            return False
        if code >> 5 == 2:
            if response.cut:
                raise ProtocolError("more than a datagram may hold; `wanted` asks for less")
            mark = block_of(response, _BLOCK2)
            if mark:
                return self._collected(response, *mark)
        self.result = response
        return True

    def _acknowledged(self, response):
        """Takes the answer to a block of the request; returns True when another is to be sent."""
        code = response.code
        mine = self._size
        number, _, size = block_of(response, _BLOCK1) or (None, None, mine)
        if code == _TOO_LARGE and size < mine:
            self._size = size
            self._begin(True)
            return True
        if code == _INCOMPLETE and self._patience:
            self._patience = 0
            self._begin(True)
            return True
        if code >> 5 != 2:
            return False
        sent = self._sent + mine
        more = sent < len(self._payload)
        # libcoap 4.3 leaves Block1 out of the last answer
        if number != self._sent // mine and (more or number is not None):
            raise malformed("answer to another block")
        if more:
            self._sent = sent
            self._size = min(size, mine)
            return True
        if code == _CONTINUE:
            raise malformed("2.31 for the last block")
        return False

    def _collected(self, response, number, more, size):
        """Takes one block of the response (2.4); returns True when it was the last."""
        options = _first(response)
        etag = options.get(_ETAG)
        if self._body is None:
            self._start = response
            self._etag = etag
            self._body = bytearray()
        elif etag != self._etag:
            if not self._patience:
                raise Lost("the body changes faster than it can be fetched")
            self._patience = 0
            self._body = None
            self._asked = (0, self._asked[1])
            return False
        body, payload = self._body, response.payload
        length = len(payload)
        if number * size != len(body) or length > size or (more and length != size):
            raise malformed("block out of order or not of its size")
        total = int.from_bytes(options.get(_SIZE2, b""), "big")
        if max(total, len(body) + length) > self._largest:
            raise malformed("body larger than {} bytes".format(self._largest))
        body.extend(payload)
        if more:
            size = min(size, self._wanted or size)
            self._asked = (len(body) // size, size)
            return False
        self._start.payload = bytes(body)
        self.result = self._start
        return True
