"""How do datagrams go over UDP so that only the peer's own come in, and none too large?

This is a *datagram channel*; `DtlsChannel` in dtls.py has the same surface, and so has a modem's.
One datagram in, one datagram out; nothing here waits except `wait`. The socket is not connected:
a datagram from elsewhere is seen, counted and dropped (RFC 7252 section 5.3.2), and an ICMP
message that anybody may forge ends nothing.
"""

import errno
import select
import socket

from micropython import const

from signet.errors import Lost

_POLLIN = const(1)
_NOT_NOW = (errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM)  # the last two: lwIP's full buffers


def _lost(error):
    return Lost("no datagrams: {}; is the network up?".format(error))


def _plain(address):
    """(host, port) of any port's address: raw bytes on unix, a tuple on ESP32 and CPython."""
    if isinstance(address, tuple):
        return address[:2]
    return socket.sockaddr(address)[1:3]


class UdpChannel:
    """Datagrams to and from one address.

    Args:
        host: str, a name or an address; an address needs no DNS. IPv4 is preferred.
        port: int, 1 to 65535.
        deadline: clock.Deadline. UDP opens at once, except for the name lookup, which cannot be
            bounded; a modem's channel needs it.
        largest: int, bytes of the largest datagram to take whole (RFC 7252 section 4.6: 1152);
            of a longer one come so many and one more, which shows that it was cut.
        turn: int, which of several addresses to take; count on when one has not answered.
    Raises:
        Lost: the name is unknown, or there is no network.
    Attributes:
        address: str, the peer's address, worth keeping: it saves the DNS query next time.
        ignored: int, datagrams that came from elsewhere, or were empty.
        replies: the hint of the last `send`.
        busy: bool, `receive` may have more at once, which no socket shows.
        most: int, bytes of the largest datagram that goes out.
    """

    busy = False
    most = 65_507

    def __init__(self, host, port, deadline, largest=1152, turn=0):
        self.largest = largest
        self.ignored = 0
        self.replies = None
        try:
            found = socket.getaddrinfo(host, port, 0, socket.SOCK_DGRAM)
            first = [each for each in found if each[0] == socket.AF_INET]
            found = first + [each for each in found if each[0] != socket.AF_INET]
            info = found[turn % (len(found) or 1)]
            self._to = info[-1]
            self._peer = _plain(self._to)
            self.address = self._peer[0]
            if isinstance(self.address, bytes):
                self.address = socket.inet_ntop(info[0], self.address)
            self._poll = select.poll()
            self._sock = socket.socket(info[0], socket.SOCK_DGRAM)
        except (OSError, UnicodeError, IndexError) as error:  # CPython: a label DNS does not allow
            raise Lost("cannot find {}: {}; check the name and the network".format(host, error))
        try:
            self._sock.setblocking(False)
            self._poll.register(self._sock, _POLLIN)
        except MemoryError:
            self.close()  # nobody else can
            raise

    def opened(self):
        """Returns True: UDP has nothing to open."""
        return True

    def send(self, datagram, replies=None):
        """Hands one datagram to the network.

        Args:
            datagram: bytes-like.
            replies: how many datagrams are expected before the radio may be released: 0, 1, or
                None when that is not known. UDP has no use for it.
        Returns:
            True; or False when it could not go now, which is as good as lost on the way.
        Raises:
            Lost: there is no network.
        """
        self.replies = replies
        try:
            self._sock.sendto(datagram, self._to)
        except OSError as error:
            if error.args and error.args[0] in _NOT_NOW:
                return False
            raise _lost(error)
        return True

    def receive(self):
        """Returns the bytes of one datagram, or None if none of the peer's is next now.

        Raises:
            Lost: there is no network.
        """
        if not self._poll.poll(0):
            return None
        try:
            datagram, sender = self._sock.recvfrom(self.largest + 1)
        except OSError as error:
            if error.args and error.args[0] in _NOT_NOW:  # a wrong checksum
                return None
            raise _lost(error)
        if datagram and _plain(sender) == self._peer:
            return datagram
        self.ignored += 1
        return None

    def wait(self, timeout_ms):
        """Returns True once there is something to read, False after `timeout_ms`, an int."""
        return bool(self._poll.poll(timeout_ms))

    def readable(self):
        """Returns the socket that shows when a datagram comes."""
        return self._sock

    def close(self):
        """Closes the socket; harmless when it is closed already."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
