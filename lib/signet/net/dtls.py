"""How does a datagram channel become a verified DTLS 1.2 channel (RFC 6347)?

DTLS reads and writes through `_Feed`, a stream of ours over any datagram channel, a modem's too.
`write` drives the handshake, a datagram at a time: None until it is over, and the first count says
that the peer is verified and the datagram has gone.  Only `recv` gives one record for each call;
`read` and `readinto` join them (extmod/modtls_mbedtls.c of MicroPython 1.25).

There is no resumption and no Connection ID: when a NAT gives the board another port, the server
hears nothing more and says nothing.  Who gets no answers opens a new channel.
"""

import io

from micropython import const

from signet import clock, modules
from signet.errors import Lost

_LARGEST = const(1472)  # UDP payload of an Ethernet packet: a server's flight may fill it
_APPLICATION_DATA = const(23)  # content type of a record (RFC 5246 section 6.2.1)
_RECORD = const(64)  # at most, around a datagram: 13 of header, and IV, MAC and padding of CBC


class _Feed(io.IOBase):
    """The stream below DTLS, a datagram for each call; errors are kept, not raised through C."""

    writes = reads = 0  # no way in has DTLS with a client certificate

    def __init__(self, channel):
        self._channel = channel
        self.error = None
        self.replies = None
        self.sent = True
        self.ahead = None  # the datagram that the next step may take

    def readinto(self, buffer):
        datagram, self.ahead = self.ahead, None
        if datagram is None or len(datagram) > len(buffer):
            return None
        self.reads += 1
        size = len(datagram)
        buffer[:size] = datagram
        return size

    def write(self, buffer):
        # After a handshake's flight a radio must stay.
        replies = self.replies if buffer[0] == _APPLICATION_DATA else None
        try:
            self.sent = self._channel.send(buffer, replies)
        except Exception as error:
            self.error = error
        return len(buffer)  # what did not go is lost on the way, which DTLS and CoAP expect

    def ioctl(self, request, argument):
        return 0


class DtlsChannel:
    """DTLS over a datagram channel, verified.  `receive` shakes hands once there is a datagram.

    Args:
        channel: net.datagram.UdpChannel or a modem's; it belongs to this object from now on. Its
            `largest` counts for what comes in a record; a record may have up to 1472 bytes.
        host: str, the name that the certificate must carry; sent as SNI.
        trust: what `trust.context(ca, datagrams=True)` returned.
        timeout_ms: int, for the handshake.
    Attributes:
        address, ignored: those of the channel below. largest, most: as there.
        busy: bool, `receive` may have more at once, which no socket shows.
    """

    def __init__(self, channel, host, trust, timeout_ms):
        self._channel = channel
        self.replies = None
        self.busy = False  # one datagram may have brought several records
        self._host, self._trust, self._timeout_ms = host, trust, timeout_ms
        self._feed = self._tls = self._kept = None
        self.largest = channel.largest

    def opened(self):
        """Returns True once the peer is verified."""
        return self._tls is not None and self._kept is None

    def _begin(self):
        self._channel.largest = _LARGEST
        self._feed = _Feed(self._channel)
        self._feed.replies = self.replies
        self._deadline = clock.Deadline(self._timeout_ms)
        modules.release()
        try:
            self._tls = self._trust.wrap_socket(
                self._feed, do_handshake_on_connect=False, server_hostname=self._host
            )
        except (OSError, ValueError) as error:
            raise self._failed(error)

    def _step(self):
        """Goes on with the handshake: at most one datagram in, and one flight out."""
        self.busy = False
        if self._tls is None:
            if not self._channel.opened():  # a modem's: DTLS's own clock is not to run yet
                self._channel.receive()
                return
            self._begin()
        feed = self._feed
        modules.release(modules.DATAGRAM)  # for one step: what goes on between would take it
        try:
            if feed.ahead is None:
                feed.ahead = self._channel.receive()
            done = self._do(self._tls.write, self._kept) is not None
            if not done and self._deadline.expired():
                raise Lost("no answer in time")
        except (OSError, ValueError, Lost) as error:
            raise self._failed(error)
        if done:
            clock.proved = clock.proved or 1
            self._kept = None
            self._size = self.largest + _RECORD
            self.busy = True  # more may have come with the end of the handshake
        else:
            modules.keep(modules.DATAGRAM)

    def _failed(self, error):
        feed = self._feed
        self.close()
        return modules.call("signet.net.refusal", "explain", error, self._host, feed)

    def _do(self, operation, argument):
        feed = self._feed
        try:
            result = operation(argument)
        except OSError as error:
            if self._kept is None:
                error = Lost("DTLS: {}".format(error))
            raise feed.error or error
        if feed.error:
            raise feed.error
        if result == b"":
            raise Lost("closed by the peer")
        return result

    def send(self, datagram, replies=None):
        """Hands one datagram to the network, in one record; keeps it during the handshake.

        Args:
            datagram: bytes-like, not empty.
            replies: as in UdpChannel.
        Returns:
            True; or False when it could not go now, or another is kept: as good as lost on the
            way.
        Raises:
            Lost: the peer has ended the session, or there is no network.
        """
        if self._kept is not None:
            return False
        self.replies = replies
        if not self.opened():
            self._kept = bytes(datagram)
            self.busy = True
            return True
        self._feed.replies = replies
        return self._do(self._tls.write, datagram) is not None and self._feed.sent

    def receive(self):
        """Returns the bytes of one datagram, or None if there is none now.

        Raises:
            Untrusted: the server's certificate is not the right one; says why.
            Lost: the handshake failed or took too long, the peer has ended the session, or there
                is no network.
        """
        if self._kept is not None:
            return self._step()
        if self._tls is None:
            if self._channel.receive() is not None:
                self._channel.ignored += 1
            return None
        if not self.busy:
            channel = self._channel
            try:
                ahead = channel.receive()
            except MemoryError:  # most are short
                channel.largest = self.largest + _RECORD
                ahead = channel.receive()
                channel.largest = _LARGEST
            self._feed.ahead = ahead
            if ahead is None:
                return None
            self._size = len(ahead)  # what is in it is shorter: less heap than for the largest
        datagram = self._do(self._tls.recv, self._size)
        self.busy = datagram is not None
        if self.busy and len(datagram) > self.largest:
            return datagram[: self.largest + 1]
        return datagram

    def wait(self, timeout_ms):
        """Returns True when there may be something to read, False after `timeout_ms`, an int."""
        if self.busy:
            return True
        if self._kept is not None:  # it sends again by itself
            timeout_ms = min(timeout_ms, clock.WAIT_SLICE_MS)
        return self._channel.wait(timeout_ms)

    def readable(self):
        """See net.datagram.UdpChannel."""
        return self._channel.readable()

    def close(self):
        """Ends the session without a word, which would wake the radio; harmless when closed."""
        self._channel.close()
        self._kept = None
        if self._tls is not None:
            self._tls.close()
            self._tls = None
        if self._feed is not None:
            self._feed = None
            modules.keep()
            modules.keep(modules.DATAGRAM)

    @property
    def address(self):
        """str, see UdpChannel; a modem's looks its name up on the way."""
        return self._channel.address

    @property
    def most(self):
        """int, see UdpChannel; what is above its datagrams is DTLS's."""
        return self._channel.most - _RECORD

    @property
    def ignored(self):
        """int, see UdpChannel."""
        return self._channel.ignored
