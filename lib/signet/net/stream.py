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

_POLLOUT = const(4)
_POLLERR_POLLHUP = const(24)
_TCP = const(6)  # IPPROTO_TCP; ports do not name it
_NODELAY = const(1)


def _codes(*names):
    """The numbers differ by port: Linux, lwIP on ESP32, macOS."""
    return [getattr(errno, name) for name in names if hasattr(errno, name)]


_NOT_NOW = _codes("EAGAIN", "EWOULDBLOCK")
_IN_PROGRESS = _NOT_NOW + _codes("EINPROGRESS", "EALREADY")
_CAUSES = (
    (_codes("ECONNREFUSED"), "connection refused; is the port right and the server up?"),
    (_codes("EHOSTUNREACH", "ENETUNREACH"), "no route to the host; is the network up?"),
    (_codes("ECONNRESET", "ECONNABORTED"), "reset by the peer"),
    (_codes("ENOTCONN") + [32], "closed by the peer"),  # EPIPE, which MicroPython does not name
    (_codes("ETIMEDOUT"), "no answer in time"),
)


def reason(error):
    """Says in words what an OSError of any port means."""
    code = error.args[0] if error.args else None
    for codes, cause in _CAUSES:
        if code in codes:
            return cause
    return str(error)


def connect(config, deadline):
    """Opens the channel that a configuration asks for: TCP, or verified TLS; WebSocket over it.

    Args:
        config: dict from config.load.
        deadline: clock.Deadline of connect and handshakes.
    Raises:
        Untrusted, Lost: as TcpChannel and net.secure.TlsChannel.
        Refused, Throttled, ProtocolError: as net.websocket.WebSocketChannel.
    """
    port = config["port"]
    channel = TcpChannel(config["address"] or config["host"], port, deadline)
    if config["trust"] is not None:
        from signet.net.secure import TlsChannel  # loaded before by config

        channel = TlsChannel(
            channel, config["host"], config["trust"], deadline, config.get("cert")
        )
    if config.get("websocket"):
        from signet.net.websocket import WebSocketChannel  # loaded before by watson

        host = config["host"]
        if port != (80 if config["trust"] is None else 443):
            host = "{}:{}".format(host, port)
        channel = WebSocketChannel(channel, host, deadline)
    return channel


class TcpChannel:
    """One TCP connection that never waits unless told to.

    Args:
        host: str, a name or an address to connect to.
        port: int, 1 to 65535.
        deadline: clock.Deadline of the whole connect, name lookup excepted (it cannot be bounded).
    Raises:
        Lost: the name is unknown, or nobody answered in time.
    """

    def __init__(self, host, port, deadline):
        self._sock = None
        try:
            addresses = socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:  # CPython: a label that DNS does not allow
            raise Lost(
                "cannot find {}: {}; check the name and the network".format(host, reason(error))
            )
        failure = "no address"
        for info in addresses:
            try:
                self._open(info, deadline)
                return
            except BaseException as error:  # memory may have run out
                self.close()
                if not isinstance(error, OSError):
                    raise
                failure = reason(error)
        raise Lost("cannot reach {}:{}: {}".format(host, port, failure))

    def _open(self, info, deadline):
        self._sock = sock = socket.socket(info[0], info[1])
        sock.setblocking(False)
        self._poll = select.poll()
        try:
            sock.setsockopt(_TCP, _NODELAY, 1)
        except (OSError, AttributeError):
            pass  # a port without it is slower, not wrong
        try:
            sock.connect(info[-1])
        except OSError as error:
            if error.args[0] not in _IN_PROGRESS:
                raise
        self._poll.register(sock, _POLLOUT)
        if not hasattr(sock, "readinto"):  # CPython names them otherwise
            self._receive, self._send = sock.recv_into, sock.send
        else:
            self._receive, self._send = sock.readinto, sock.write
        events = self.wait(_POLLOUT, deadline)
        if not events:
            raise OSError("no answer in time")
        if events & _POLLERR_POLLHUP:
            sock.connect(info[-1])  # asks for the pending error
            raise OSError("refused")

    def wait(self, events, deadline):
        """Waits until the socket is ready or the deadline has passed.

        Args:
            events: int, 1 to read, 4 to write (select.POLLIN, POLLOUT).
            deadline: clock.Deadline.
        Returns:
            int, the events that came, 0 if the deadline passed first.
        """
        # lwIP tells of a refused connection only when asked
        self._poll.modify(self._sock, events | _POLLERR_POLLHUP)
        while True:
            clock.waited()
            left = deadline.remaining_ms()
            ready = self._poll.poll(min(left, clock.WAIT_SLICE_MS))
            if ready:
                return ready[0][1]
            if left <= clock.WAIT_SLICE_MS:
                return 0

    def readinto(self, buffer):
        """Reads what is there now into `buffer`: bytes read, None if nothing, 0 at the end."""
        try:
            return self._receive(buffer)
        except OSError as error:
            if error.args[0] in _NOT_NOW:
                return None
            raise Lost(reason(error))

    def write(self, buffer):
        """Writes what fits now of `buffer`: bytes written, or None if nothing fits."""
        try:
            return self._send(buffer)
        except OSError as error:
            if error.args[0] in _NOT_NOW:
                return None
            raise Lost(reason(error))

    def close(self):
        """Closes the connection; harmless when it is closed already."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None
