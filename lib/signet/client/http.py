"""How does an HTTP request travel over a kept connection until its reply is here?

RFC 9110 and 9112; the numbers beside a rule are sections of RFC 9112. One request at a time; each
with its reply is bounded in time, however slowly its bytes come.

    closed --request--> opening --> sending --> receiving --> idle, or closed
    idle --request--> sending

    client = HttpClient(connect, "iot.example", 15_000)
    client.request("/auth", (("Content-Type", "application/json"),), b"{}")
    reply = client.poll(0)          # one step; None until the reply is whole

After any error the connection is closed and no request outstanding; the next one connects anew.
"""

import io

from micropython import const

from signet import clock
from signet.errors import Lost, TimedOut
from signet.wire.http import Reply, head

_POLLIN = const(1)
_POLLIN_POLLOUT = const(5)
_SMALL_BYTES = const(900)  # of a body that goes with the head: one TLS record, one packet
_PIECE_BYTES = const(1024)  # of a larger one
_READ_BYTES = const(256)
_SEEK_END = const(2)


class HttpClient:
    """Asks one server over one connection after another.

    Args:
        connect: function of a clock.Deadline that returns a channel (net/stream.py,
            net/secure.py), which opens by itself, or raises Lost.
        host: str for the Host header.
        timeout_ms: int, for each KiB of a request to be taken, then for the whole reply; all of a
            body has 1 ms for each byte beside (8 kbit/s).
        open_ms: int, for a connection to open.
    Attributes:
        channel: the connection, or None.
        state: str, see above.
        reply: wire.http.Reply of the request outstanding, or None.
        busy: bool, `poll(0)` has more to do at once, which no socket shows.
        began: bool, the last request has begun to be sent.
        open_by: clock.Deadline of the next connection to open, None for `open_ms`.
    """

    def __init__(self, connect, host, timeout_ms=15_000, open_ms=30_000):
        self.channel = self.reply = self.open_by = None
        self.state = "closed"
        self.busy = self.began = False
        self._connect = connect
        self._host = host
        self._timeout_ms, self._open_ms = timeout_ms, open_ms
        self._buffer = bytearray(_READ_BYTES)
        self._used = False  # the connection has carried a reply

    def request(
        self, path, headers, body=b"", wanted=(), sink=None, method="POST", extra_ms=0, limit=2048
    ):
        """Takes a request; `poll` connects where that is needed, and sends it.

        When a reply comes while the body is being sent, the rest of the body is not sent (9.5).

        Args:
            path, headers, method: as in wire.http.head.
            body: bytes-like; or a file open for reading as bytes, sent from its start.
            wanted, sink, limit: as in wire.http.Reply.
            extra_ms: int, added to the time that this request may take.
        Raises:
            ValueError: see wire.http.head; or what else a file raises.
            RuntimeError: one is outstanding; it stays so.
        """
        if self.reply:
            raise RuntimeError("one request at a time")
        small = b""
        if not hasattr(body, "seek"):
            if isinstance(body, bytes) and len(body) <= _SMALL_BYTES:
                body, small = small, body
            body = io.BytesIO(body)
        self._length = length = body.seek(0, _SEEK_END)
        self._start = head(method, path, self._host, headers, length + len(small), small)
        self._body = body
        self._time_ms = self._timeout_ms + extra_ms
        try:
            if not self._quiet():  # the kept connection is closed, or out of step (9.3.1)
                self._drop()
            self.reply = Reply(wanted, limit, sink)
            self._again()
        except Exception:
            self.close()
            raise

    def _quiet(self):
        """Returns True while there is nothing to read and no end, or no connection."""
        try:
            return self.channel is None or self.channel.readinto(self._buffer) is None
        except Lost:
            return False

    def _again(self):
        """Begins with the request, or once more."""
        self.busy = True
        self.began = False
        self._piece = memoryview(self._start)  # what is to be sent now
        self._left = self._length  # bytes of the body behind it
        self._room = None  # for a piece of that
        if self.channel:
            self._sending()
        else:
            self.state = "opening"
            self._deadline = self.open_by or clock.Deadline(self._open_ms)

    def _sending(self):
        self.state = "sending"
        self.began = True
        self._deadline = clock.Deadline(self._time_ms)
        self._sent_by = clock.Deadline(self._time_ms + self._length)

    def _fill(self):
        """Takes the next piece of the body."""
        left = self._left
        if left == self._length:
            self._body.seek(0)
        self._deadline = clock.Deadline(min(self._time_ms, self._sent_by.remaining_ms()))
        if not self._room:
            self._room = memoryview(bytearray(min(left, _PIECE_BYTES)))
        size = self._body.readinto(self._room[:left])
        if not size:
            raise ValueError("it ended before its length")
        self._left = left - size
        self._piece = self._room[:size]

    def poll(self, timeout_ms):
        """Works on the request, and waits until its reply is whole.

        When a connection that has carried a reply before ends before the first byte of this one,
        the same request is sent once more over a new one, with its whole time again (9.3.1).
        Without a request it waits too, and notices when the server closes the connection.

        Args:
            timeout_ms: int, 0 or more; 0 is one step: at most one read and one write.
        Returns:
            wire.http.Reply, once; or None, also when the connection has just opened.
        Raises:
            TimedOut: the peer took, or answered, nothing in time.
            Lost, Untrusted: the connection failed or ended, or there is no new one.
            ProtocolError: what came is no reply, or one beyond the limits.
            ValueError: a file ended before its length, or raised an error.
        """
        until = clock.Deadline(timeout_ms)
        try:
            while True:
                state, reply = self.state, self.reply
                moved = self._step()
                left_ms = min(until.remaining_ms(), clock.WAIT_SLICE_MS)
                if reply:
                    if reply.done:
                        return self._finished()
                    due_ms = self._deadline.remaining_ms()
                    if not due_ms:
                        sending = self.state == "sending"
                        raise TimedOut(
                            "the peer takes no data" if sending else "no whole reply in time"
                        )
                    left_ms = min(left_ms, due_ms)
                channel = self.channel
                self.busy = moved or bool(channel and channel.busy)
                if not left_ms or self.state != state == "opening":
                    return None
                if channel and not self.busy:
                    events = _POLLIN if self._hears() else _POLLIN_POLLOUT
                    channel.wait(events, clock.Deadline(left_ms))
                    continue
                clock.waited()
                if not self.busy:
                    clock.sleep_ms(left_ms)
        except Exception:
            self.close()
            raise

    def _hears(self):
        return self.state in ("idle", "receiving")

    def _step(self):
        """Does what can be done now; returns whether that was something."""
        channel, reply = self.channel, self.reply
        if not reply:
            if not self._quiet():
                self._drop()
            return False
        try:
            if self.state == "receiving":
                count = channel.readinto(self._buffer)
                if count:
                    reply.feed(memoryview(self._buffer)[:count])
                elif count == 0:
                    reply.end()
                return count is not None
        except Lost:
            if reply.began or not self._used:
                raise
            self._drop()
            self._again()
            return True
        if not channel:
            self._used = False
            self.channel = self._connect(self._deadline)
            return True
        try:
            return self._send(channel, reply)
        except Lost:
            if self.state == "opening":
                raise
            self.state = "receiving"  # an early reply may still be there
            return True

    def _send(self, channel, reply):
        if self.state == "sending":
            count = channel.readinto(self._buffer)
            if count:
                reply.feed(memoryview(self._buffer)[:count])
            if count == 0 or reply.status >= 200:
                self.state = "receiving"
            if count is not None:
                return True
        if not self._piece:
            try:
                self._fill()
            except Exception as error:
                if isinstance(error, MemoryError):
                    raise
                raise ValueError("body: {}".format(error))
        count = channel.write(self._piece)
        if not count:
            return False
        if self.state == "opening":
            self._sending()
        self._piece = self._piece[count:]
        if not (self._piece or self._left):
            self.state = "receiving"
            self._deadline = clock.Deadline(self._time_ms)
        return True

    def _finished(self):
        reply, self.reply = self.reply, None
        self._start = self._body = self._room = None
        self.busy = False
        self.state = "idle"
        self._used = True
        if not reply.keep_alive or self._piece or self._left:
            self._drop()
        self._piece = None
        return reply

    def readable(self):
        """Returns the socket when only bytes to read are awaited, else None."""
        return self.channel and self.channel.readable(not self._hears())

    def _drop(self):
        self.state = "closed"
        channel, self.channel = self.channel, None
        if channel:
            channel.close()

    def close(self):
        """Closes the connection and forgets the request; harmless when closed already."""
        self.busy = False
        self.reply = self._start = self._body = self._room = self._piece = None
        self._drop()
