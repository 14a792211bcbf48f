"""How does a datagram channel become a verified DTLS 1.2 channel (RFC 6347)?

DTLS reads and writes through `_Feed`, a stream of ours over any datagram channel, a modem's too.
The handshake is driven from here, with a deadline of ours: inside MicroPython it cannot be bounded
and, on a blocking socket, never retransmits.  Only `recv` gives one record for each call; `read`
and `readinto` join them (extmod/modtls_mbedtls.c of MicroPython 1.25).

There is no resumption and no Connection ID: when a NAT gives the board another port, the server
hears nothing more and says nothing.  Who gets no answers opens a new channel.
"""

import io

from micropython import const

from signet import clock
from signet.errors import Lost
from signet.modules import call
from signet.net import reserve

_LARGEST = const(1472)  # UDP payload of an Ethernet packet: a server's flight may fill it
_RECORD = const(64)  # at most, around a datagram: 13 of header, and IV, MAC and padding of CBC


class _Feed(io.IOBase):
    """The stream below DTLS, a datagram for each call; errors are kept, not raised through C."""

    writes = 0  # no way in has DTLS with a client certificate

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
        size = len(datagram)
        buffer[:size] = datagram
        return size

    def write(self, buffer):
        try:
            self.sent = self._channel.send(buffer, self.replies)
        except Lost as error:
            self.error = error
        return len(buffer)  # what did not go is lost on the way, which DTLS and CoAP expect

    def ioctl(self, request, argument):
        return 0


class DtlsChannel:
    """DTLS over a datagram channel, verified; the handshake is done when this returns.

    Args:
        channel: net.datagram.UdpChannel or a modem's; it belongs to this object from now on. Its
            `largest` counts for what comes in a record; the handshake takes up to 1472 bytes.
        host: str, the name that the certificate must carry; sent as SNI.
        trust: what `trust.context(ca, datagrams=True)` returned.
        deadline: clock.Deadline of the handshake.
    Raises:
        Untrusted: the server's certificate is not the right one; says why.
        Lost: the handshake failed, or nobody answered in time.
    Attributes:
        address, ignored: those of the channel below.
    """

    def __init__(self, channel, host, trust, deadline):
        self._channel = channel
        self.address = channel.address
        self.replies = None
        self._largest = channel.largest
        channel.largest = _LARGEST
        self._feed = feed = _Feed(channel)
        self._early = None  # came with the end of the handshake
        self._more = False
        reserve.release()
        try:
            self._tls = trust.wrap_socket(
                feed, do_handshake_on_connect=False, server_hostname=host
            )
            reserve.release(reserve.DATAGRAM)  # not before: the session would take the room
            self._shake_hands(deadline)
        except Exception as error:
            self._tls = None
            channel.close()
            reserve.keep()
            reserve.keep(reserve.DATAGRAM)
            if isinstance(error, MemoryError):
                raise
            raise call("signet.net.refusal", "explain", error, host, feed)
        channel.largest = self._largest + _RECORD

    def _shake_hands(self, deadline):
        feed = self._feed
        while True:  # one datagram for each step, or a flood would never end it
            if feed.ahead is None:
                feed.ahead = self._channel.receive()
            idle = feed.ahead is None
            self._early = self._do(self._tls.recv, self._largest + _RECORD)
            # None until the handshake is over, then the server's certificate
            if self._early or self._tls.getpeercert(True):
                return
            if deadline.expired():
                raise Lost("no answer in time")
            if idle:
                self._channel.wait(min(deadline.remaining_ms(), clock.WAIT_SLICE_MS))
            clock.waited()

    def _do(self, operation, argument):
        feed = self._feed
        try:
            result = operation(argument)
        except OSError as error:
            raise feed.error or Lost("DTLS: {}".format(error))
        if feed.error:
            raise feed.error
        if result == b"":
            raise Lost("closed by the peer")
        return result

    def send(self, datagram, replies=None):
        """Hands one datagram to the network, in one record.

        Args:
            datagram: bytes-like, not empty.
            replies: as in UdpChannel.
        Returns:
            True; or False when it could not go now, which is as good as lost on the way.
        Raises:
            Lost: the peer has ended the session, or there is no network.
        """
        self.replies = self._feed.replies = replies
        return self._do(self._tls.write, datagram) is not None and self._feed.sent

    def receive(self):
        """Returns the bytes of one datagram, or None if there is none now.

        Raises:
            Lost: the peer has ended the session, or there is no network.
        """
        datagram, self._early = self._early, None
        if datagram is None:
            if not self._more:
                self._feed.ahead = ahead = self._channel.receive()
                if ahead is None:
                    return None
                self._size = len(ahead)  # what is in it is shorter: less heap than for the largest
            datagram = self._do(self._tls.recv, self._size)
        self._more = datagram is not None  # one datagram may have brought several records
        if self._more and len(datagram) > self._largest:
            self._channel.ignored += 1
            return None
        return datagram

    def wait(self, timeout_ms):
        """Returns True when there may be something to read, False after `timeout_ms`, an int."""
        return self._more or self._channel.wait(timeout_ms)

    def close(self):
        """Ends the session without a word, which would wake the radio; harmless when closed."""
        if self._tls is not None:
            self._tls.close()
            self._tls = None
            self._channel.close()
            reserve.keep()
            reserve.keep(reserve.DATAGRAM)

    @property
    def ignored(self):
        """int, see UdpChannel."""
        return self._channel.ignored
