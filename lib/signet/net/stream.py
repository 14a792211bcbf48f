"""How do bytes go over TCP so that no wait is endless and no end is silent?

A *channel* (`TcpChannel` here, `TlsChannel` in secure.py) never waits by itself: `readinto` and
`write` do what can be done now, `wait` waits until a deadline.

Names and return values follow MicroPython's stream protocol: None means "nothing now",
0 means "closed by the peer" (docs/library/io.rst).
"""

import errno
import select
import socket

from micropython import const

from signet import clock
from signet.errors import Lost
from signet.modules import call

_POLLOUT = const(4)
_POLLERR_POLLHUP = const(24)
_TCP = const(6)  # IPPROTO_TCP; ports do not name it
_NODELAY = const(1)  # POSIX, where the port does not name it
_UNDER_WAY = (errno.EAGAIN, errno.EINPROGRESS, errno.EALREADY)  # made while there is memory


def _lost(text, error):
    return Lost(text + call("signet.net.reason", "explain", error))


class TcpChannel:
    """One TCP connection that never waits unless told to.  `opened` works on the connection.

    Args:
        host: str, a name or an address to connect to.
        port: int, 1 to 65535.
        deadline: clock.Deadline of the whole connect, name lookup excepted (it cannot be bounded).
    Raises:
        Lost: the name is unknown, or no connection can begin.
    """

    busy = False  # more can be done at once, which the socket does not show

    def __init__(self, host, port, deadline):
        self._sock = None
        self._where = "{}:{}".format(host, port)
        self._deadline = deadline  # None once it is open
        try:
            self._addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # CPython: a label that DNS does not allow
            raise _lost("cannot find {}; check the name and the network: ".format(host), error)
        self._next()

    def _next(self, error=None):
        """Begins with the next address; raises Lost, of the error before, when none is left."""
        while True:
            self.close()
            if not self._addresses:
                raise _lost("cannot reach {}: ".format(self._where), error)
            info = self._addresses.pop(0)
            # What it may take while there are others (RFC 8305 section 5); the last has the rest.
            share_ms = self._deadline.remaining_ms() // (len(self._addresses) + 2)
            self._next_try = clock.Deadline(share_ms)
            try:
                self._sock = sock = socket.socket(info[0], info[1])
                # One of its own: where `register` ran out of memory, 1.25 crashes in `unregister`.
                self._poll = select.poll()
                # lwIP tells of a refused connection only when asked
                self._poll.register(sock, _POLLOUT | _POLLERR_POLLHUP)
                sock.setblocking(False)
                try:
                    option = socket.TCP_NODELAY  # over lwIP a number of its own
                except AttributeError:
                    option = _NODELAY
                try:
                    sock.setsockopt(_TCP, option, 1)
                except (OSError, AttributeError):
                    pass  # a port without it is slower, not wrong
                sock.connect(info[-1])
                return
            except OSError as failure:
                # without arguments where memory ran out
                if failure.args and failure.args[0] in _UNDER_WAY:
                    return
                error = failure
            except MemoryError:
                self.close()  # nobody else can
                raise

    def opened(self):
        """Returns True once it is open; else does what can be done now, and raises Lost."""
        if self._deadline is None:
            return True
        ready = self._poll.poll(0)
        if not ready:
            if self._deadline.expired():
                raise Lost("cannot reach {}: no answer in time".format(self._where))
            if self._addresses and self._next_try.expired():
                self._next()
            return False
        if ready[0][1] & _POLLERR_POLLHUP:
            failure = None
            try:
                self._sock.readinto(bytearray(1))  # tells of the pending error, on every port
            except OSError as error:
                failure = error
            self._next(failure)
            return False
        self._deadline = self._addresses = None
        return True

    def readable(self, pending):
        """Returns the socket when only bytes to read are awaited; pending: bool, room is too."""
        return None if pending or self._deadline is not None else self._sock

    def wait(self, events, deadline):
        """Waits until the socket is ready or the deadline has passed.

        Args:
            events: int, 1 to read, 4 to write (select.POLLIN, POLLOUT).
            deadline: clock.Deadline.
        Returns:
            int, the events that came, 0 if none did in time, or another address is to be tried.
        """
        if self._deadline is not None:
            events = _POLLOUT
        self._poll.modify(self._sock, events | _POLLERR_POLLHUP)
        while True:
            clock.waited()
            left = deadline.remaining_ms()
            ready = self._poll.poll(min(left, clock.WAIT_SLICE_MS))
            if ready:
                return ready[0][1]
            if left <= clock.WAIT_SLICE_MS or self._addresses:  # `opened` may go on to the next
                return 0

    def readinto(self, buffer):
        """Reads what is there now into `buffer`: bytes read, None if nothing, 0 at the end."""
        if self._deadline is not None and not self.opened():
            return None
        try:
            return self._sock.readinto(buffer)
        except OSError as error:
            if errno.EAGAIN in error.args:
                return None
            raise _lost("", error)

    def write(self, buffer):
        """Writes what fits now of `buffer`: bytes written, or None if nothing fits."""
        if self._deadline is not None and not self.opened():
            return None
        try:
            return self._sock.write(buffer)
        except OSError as error:
            if errno.EAGAIN in error.args:
                return None
            raise _lost("", error)

    def close(self):
        """Closes the connection; harmless when it is closed already."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
