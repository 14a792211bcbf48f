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

from signet.errors import Lost
from signet.wire import coap

_ECHO = const(252)
_ETAG = const(4)
_SIZE2 = const(28)

_CONTINUE = const(95)  # 2.31
_UNAUTHORIZED = const(129)  # 4.01
_INCOMPLETE = const(136)  # 4.08
_TOO_LARGE = const(141)  # 4.13


def block(number, more, size):
    """Returns the value of a Block1 or Block2 option (2.2).

    Args:
        number: int, 0 to 2^20-1, of the block.
        more: bool, whether more blocks follow.
        size: int, bytes of a block: 16, 32, ... 1024.
    """
    szx = 0
    while 16 << szx < size:
        szx += 1
    if 16 << szx != size or szx > 6 or not 0 <= number < 1 << 20:
        raise ValueError("block {} of {} bytes".format(number, size))
    return coap.uint(number << 4 | (8 if more else 0) | szx)


def block_of(message, number):
    """Returns (number, more, size) of option `number` (BLOCK1 or BLOCK2) in a message, or None.

    Raises:
        ProtocolError: no such option value is allowed (2.2).
    """
    value = option(message, number)
    if value is None:
        return None
    if len(value) > 3:
        raise coap.malformed("block option of {} bytes".format(len(value)))
    bits = coap.uint_value(value)
    if bits & 7 == 7:
        raise coap.malformed("reserved block size")
    return bits >> 4, bool(bits & 8), 16 << (bits & 7)


def option(message, number):
    """Returns the value of the first option `number` of a message, bytes; None without one."""
    for each, value in message.options:
        if each == number:
            return value
    return None


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
        self._restarts = 1  # how often the server may still make us begin anew
        self._upload(0, len(payload) > size)

    def _upload(self, sent, in_blocks):
        self._sent = sent  # bytes that the server has
        self._in_blocks = in_blocks
        self._asked = self._first  # the block of the response to ask for: number, size; or None
        self._body = None

    def request(self):
        """Returns (options, payload) of the next request."""
        options = self._options
        payload = self._payload
        end = len(payload)
        if self._echo is not None:
            options += ((_ECHO, self._echo),)
        if self._body is not None:
            payload = b""
        elif self._in_blocks:
            end = self._sent + self._size
            value = block(self._sent // self._size, end < len(payload), self._size)
            options += ((coap.BLOCK1, value),)
            payload = payload[self._sent : end]
        if self._asked and end >= len(self._payload):
            options += ((coap.BLOCK2, block(self._asked[0], False, self._asked[1])),)
        return options, payload

    def received(self, response):
        """Takes the Message that answers `request`; returns True when `result` is there.

        Raises:
            ProtocolError: the server broke RFC 7959, or its body is larger than `largest`.
            Lost: the body changed twice while it was fetched.
        """
        code = response.code
        if code == _UNAUTHORIZED and self._echo is None:
            self._echo = option(response, _ECHO)
            if self._echo is not None:
                return False
        uploading = self._body is None and (self._in_blocks or code == _TOO_LARGE)
        if uploading and self._acknowledged(response):
            return False
        if code >> 5 == 2 and block_of(response, coap.BLOCK2):
            return self._collect(response)
        self.result = response
        return True

    def _acknowledged(self, response):
        """Takes the answer to a block of the request; returns True when another is to be sent."""
        code = response.code
        mark = block_of(response, coap.BLOCK1)
        size = min(mark[2], self._size) if mark else self._size
        if code == _TOO_LARGE and size < self._size:
            self._size = size
            self._upload(0, True)
            return True
        if code == _INCOMPLETE and self._restarts:
            self._restarts -= 1
            self._upload(0, True)
            return True
        if code >> 5 != 2:
            return False
        if mark is None or mark[0] != self._sent // self._size:
            raise coap.malformed("answer to another block")
        sent = self._sent + self._size
        if sent >= len(self._payload):
            if code == _CONTINUE:
                raise coap.malformed("2.31 for the last block")
            return False
        self._sent = sent
        self._size = size
        return True

    def _collect(self, response):
        """Takes one block of the response (2.4)."""
        number, more, size = block_of(response, coap.BLOCK2)
        etag = option(response, _ETAG)
        if self._body is None:
            if number:
                raise coap.malformed("not the first block")
            self._start = response
            self._etag = etag
            self._body = bytearray()
        elif etag != self._etag:
            return self._changed()
        body = self._body
        payload = response.payload
        if number * size != len(body) or len(payload) > size or (more and len(payload) != size):
            raise coap.malformed("block out of order or not of its size")
        total = coap.uint_value(option(response, _SIZE2) or b"")
        if max(total, len(body) + len(payload)) > self._largest:
            raise coap.malformed("body larger than {} bytes".format(self._largest))
        body.extend(payload)
        if not more:
            self._start.payload = bytes(body)
            self.result = self._start
            return True
        if self._wanted:
            size = min(size, self._wanted)
        self._asked = (len(body) // size, size)
        return False

    def _changed(self):
        if not self._restarts:
            raise Lost("the body changes faster than it can be fetched")
        self._restarts -= 1
        self._body = None
        self._asked = (0, self._asked[1])
        return False
