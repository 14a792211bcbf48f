"""How does an HTTP request travel over a kept connection until its reply is here?

RFC 9110 and 9112; the numbers beside a rule are sections of RFC 9112. One request at a time; each
with its reply is bounded in time as a whole, however slowly its bytes come.

    client = HttpClient(connect, "iot.example", 15_000)
    reply = client.ask("/auth", (("Content-Type", "application/json"),), b"{}")

or without blocking: `request`, then `poll` until it returns the reply. After any error but
RuntimeError the connection is closed and no request outstanding; the next request connects anew.
"""

from micropython import const

from signet import clock
from signet.errors import Lost, TimedOut
from signet.wire.http import Reply, head

_POLLIN = const(1)
_POLLIN_POLLOUT = const(5)
_CONNECT_MS = const(30_000)
_BUFFER_BYTES = const(1024)
_SEEK_END = const(2)
_FOR_EVER_MS = const(1 << 28)  # longer than any request may take


class HttpClient:
    """Asks one server over one connection after another.

    Args:
        connect: function of a clock.Deadline that returns a channel (net/stream.py,
            net/secure.py) or raises Lost or Untrusted.
        host: str for the Host header.
        timeout_ms: int, for each request with its reply; connecting has 30 s beside it. A body
            that does not fit 1 KiB has so long for each piece and 1 ms for each byte in all
            (8 kbit/s), its reply so long again.
    Attributes:
        channel: the connection, or None.
        busy: bool, a request waits for its reply.
    """

    def __init__(self, connect, host, timeout_ms=15_000):
        self.channel = None
        self.busy = False
        self._connect = connect
        self._host = host
        self._timeout_ms = timeout_ms
        self._buffer = bytearray(_BUFFER_BYTES)
        self._byte = bytearray(1)  # read while `_buffer` holds what is not sent yet
        self._used = False  # the connection has carried a reply
        self._request = self._reply = None

    def open(self, deadline):
        """Connects, unless the kept connection is open and in step (9.3.1).

        Args:
            deadline: clock.Deadline.
        Raises:
            Lost, Untrusted: what `connect` raises.
        """
        if not self._idle():
            self._drop()
            self._used = False
            self.channel = self._connect(deadline)

    def request(
        self, path, headers, body=b"", wanted=(), sink=None, method="POST", extra_ms=0, limit=2048
    ):
        """Sends a request and returns.

        It connects first where there is no connection, or the server has closed the kept one.
        When a reply comes while the body is being sent, the rest of the body is not sent (9.5).

        Args:
            path, headers, method: as in wire.http.head.
            body: bytes-like; or a file open for reading as bytes, sent from its start.
            wanted, sink, limit: as in wire.http.Reply.
            extra_ms: int, added to the time that this request may take.
        Raises:
            Lost, TimedOut, Untrusted, ProtocolError: as `poll`.
            ValueError: see wire.http.head; or the file ended before its length.
            RuntimeError: one is outstanding; it stays so.
        """
        if self.busy:
            raise RuntimeError("one request at a time")
        self.busy = True
        try:
            length = body.seek(0, _SEEK_END) if hasattr(body, "seek") else len(body)
            self._reply = Reply(wanted, limit, sink)
            start = head(method, path, self._host, headers, length)
            self._request = (start, body, length, self._timeout_ms + extra_ms)
            self._send()
        except Exception:
            self.close()
            raise

    def _idle(self):
        """Returns True while there is a connection, with nothing to read and no end."""
        try:
            return self.channel is not None and self.channel.readinto(self._byte) is None
        except Lost:
            return False

    def _send(self):
        """Sends until all is sent, or answered, or the peer is gone: `poll` sees which."""
        self.open(clock.Deadline(_CONNECT_MS))
        start, body, left, timeout_ms = self._request
        is_large = len(start) + left > _BUFFER_BYTES
        self._deadline = clock.Deadline(timeout_ms + (left if is_large else 0))
        view = memoryview(self._buffer)
        is_file = hasattr(body, "seek")
        if is_file:
            body.seek(0)
        else:
            body = memoryview(body)
        self._whole = False
        used = len(start)
        if is_large:
            if not self._write(memoryview(start)):
                return
            used = 0
        else:  # in one piece: one TLS record, one packet
            view[:used] = start
        while left or used:
            size = min(left, _BUFFER_BYTES - used)
            if is_file:
                size = body.readinto(view[used : used + size]) if size else 0
                if left and not size:
                    raise ValueError("body: the file ended before its length")
            else:
                view[used : used + size] = body[:size]
                body = body[size:]
            if not self._write(view[: used + size]):
                return
            left -= size
            used = 0
        if is_large:
            self._deadline = clock.Deadline(timeout_ms)
        self._whole = True

    def _write(self, data):
        """Returns True when all of `data` is sent, False when there is no use in sending on."""
        channel, reply = self.channel, self._reply
        stall = clock.Deadline(self._request[3])
        while data:
            try:
                while True:
                    count = channel.readinto(self._byte)
                    if not count:
                        break
                    reply.feed(self._byte)
                    if reply.status >= 200:
                        return False
                if count == 0:
                    return False
                count = channel.write(data)
            except Lost:  # an early reply may still be there to read
                return False
            self._in_time()
            if count:
                data = data[count:]
            else:
                if not channel.wait(_POLLIN_POLLOUT, stall):
                    raise TimedOut("the peer takes no data")
                clock.waited()
        return True

    def _in_time(self):
        if self._deadline.expired():
            raise TimedOut("no whole reply in time")

    def poll(self, timeout_ms):
        """Waits until the reply is whole.

        When a connection that has carried a reply before ends before the first byte of this one,
        the same request is sent once more over a new one, with its whole time again (9.3.1).
        Without a request it waits too, and notices when the server closes the connection.

        Args:
            timeout_ms: int, 0 or more.
        Returns:
            wire.http.Reply, once; or None.
        Raises:
            TimedOut: the reply was not whole in the time of its request.
            Lost, Untrusted: the connection failed or ended, or there is no new one.
            ProtocolError: what came is no reply, or one beyond the limits.
        """
        until = clock.Deadline(timeout_ms)
        try:
            while self.busy:
                count = self._receive()
                if self._reply.done:
                    return self._finished()
                self._in_time()
                left_ms = until.remaining_ms()
                if not left_ms:
                    return None
                if count is None:
                    if left_ms > self._deadline.remaining_ms():
                        self.channel.wait(_POLLIN, self._deadline)
                    else:
                        self.channel.wait(_POLLIN, until)
                clock.waited()
            while True:
                if not self._idle():
                    self._drop()
                left_ms = min(until.remaining_ms(), clock.WAIT_SLICE_MS)
                if not left_ms:
                    return None
                clock.sleep_ms(left_ms)
                clock.waited()
        except Exception:
            self.close()
            raise

    def _receive(self):
        """Takes what has come; returns None when that is nothing."""
        reply = self._reply
        try:
            count = self.channel.readinto(self._buffer)
            if count:
                reply.feed(memoryview(self._buffer)[:count])
            elif count == 0:
                reply.end()
            return count
        except Lost:
            if reply.began or not self._used:
                raise
        self._drop()
        self._send()
        return None

    def _finished(self):
        reply = self._reply
        self.busy = False
        self._request = self._reply = None
        self._used = True
        if not (reply.keep_alive and self._whole):
            self._drop()
        return reply

    def ask(self, path, headers, body=b"", wanted=(), sink=None, method="POST", extra_ms=0):
        """Sends a request and returns its reply, whatever its status: see `request`, `poll`."""
        self.request(path, headers, body, wanted, sink, method, extra_ms)
        return self.poll(_FOR_EVER_MS)

    def _drop(self):
        channel, self.channel = self.channel, None
        if channel:
            channel.close()

    def close(self):
        """Closes the connection and forgets the request; harmless when closed already."""
        self.busy = False
        self._request = self._reply = None
        self._drop()
