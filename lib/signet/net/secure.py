"""How does a TCP channel become a verified TLS channel?

`tls`, not `ssl`: micropython-lib's `ssl` silently switches verification off.  The certificate
is always verified against the CA from flash, its name against `host`, which also goes out as
SNI.  TLS reads and writes through `_Feed`, a stream of ours, for two reasons: `wrap_socket`
has no timeout of its own, and a socket timeout inside Mbed TLS poisons the session for good
(`last_error` in MicroPython's extmod/modtls_mbedtls.c), while None from `readinto` does not.
"""

import io

from micropython import const

from signet import clock, modules
from signet.errors import Lost

_POLL = const(3)  # MP_STREAM_POLL
_POLLIN = const(1)
_POLLOUT = const(4)
_READS = const(8)  # of one step, in how many pieces a record may come
_ALERT = const(-30592)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE
_HEADER_BYTES = const(5)  # of a TLS record (RFC 8446 section 5.1)


class _Feed(io.IOBase):
    """The stream below TLS: for each call from above one record in, one flight of a handshake out.

    So a step of a handshake is one message with its mathematics, and a flood of records that carry
    nothing is left after each of them.  After the handshake: MicroPython's `readinto` goes on
    until its buffer is full, and an end of TLS (close_notify) behind data would be lost.
    """

    def __init__(self, channel):
        self._channel = channel
        self.error = None
        self.opening = True
        self.writes = 0  # of the handshake: one, and the server has seen our hello only
        self.step()

    def step(self):
        self.record = self.wrote = self.held = self.full = False
        self.reads = _READS

    def readinto(self, buffer):
        header = len(buffer) == _HEADER_BYTES
        if (header and self.record) or not self.reads:
            self.held = True
            return None
        self.reads -= 1
        try:
            count = self._channel.readinto(buffer)
            self.record = not header
            return count
        except (Lost, MemoryError) as error:  # must not unwind through Mbed TLS
            self.error = error
            return 0

    def write(self, buffer):
        if self.opening:
            if self.wrote:
                self.held = True
                return None
            self.wrote = True
            self.writes += 1
        try:
            count = self._channel.write(buffer)
            self.full = count is None
            return count
        except (Lost, MemoryError) as error:
            if self.opening and isinstance(error, Lost):
                return len(buffer)  # the server has closed; why, it may have said in an alert
            self.error = error
            return -32  # EPIPE

    def ioctl(self, request, argument):
        return argument if request == _POLL else 0


class TlsChannel:
    """TLS over a channel, verified.  `write` works on the handshake, and returns None until then.

    Args:
        channel: net.stream.TcpChannel; it belongs to this object from now on.
        host: str, the name that the certificate must carry; sent as SNI.
        trust: what `context` returned.
        deadline: clock.Deadline of the handshake.
        cert: str, the file of the board's own certificate; None without one.
    """

    def __init__(self, channel, host, trust, deadline, cert=None):
        self._channel = channel
        self._feed = _Feed(channel)
        self._tls = None
        self._filled = False  # the last read took all that it could hold
        self._trust = trust
        self._deadline = deadline  # None once it is open
        self._names = (host, cert)  # until something has come: TLS 1.3 refuses after the handshake

    @property
    def busy(self):
        return self._feed.held

    def wait(self, events, deadline):
        """See net.stream.TcpChannel; returns at once when a step was cut short."""
        if self._deadline is not None:
            if self._feed.held:
                clock.waited()
                return events
            events = _POLLOUT if self._feed.full else _POLLIN
        return self._channel.wait(events, deadline)

    def readable(self, pending):
        """See net.stream.TcpChannel; what is to be sent waits for the handshake."""
        if self._deadline is not None:
            pending = self._feed.full
        return self._channel.readable(pending)

    def _begun(self):
        if self._tls is None:
            if not self._channel.opened():
                return False
            modules.release()
            self._tls = self._trust.wrap_socket(
                self._feed, do_handshake_on_connect=False, server_hostname=self._names[0]
            )
            self._trust = None
        return True

    def write(self, buffer):
        """Writes what fits now: bytes written, or None if nothing fits, or it is not open yet.

        Raises:
            Untrusted: the server's certificate is not the right one; says why.
            Refused: the server refuses the board's certificate, or the board to go on without one.
            Lost: the handshake failed or took too long.
        """
        if self._deadline is None:
            try:
                return self._tls.write(buffer)
            except OSError as error:
                raise self._feed.error or Lost("TLS: {}".format(error))
        try:
            if not self._begun():
                return None
            self._feed.step()
            count = self._tls.write(buffer)
        except (OSError, ValueError) as error:
            raise self._refused(error)
        if count is not None:
            self._deadline = None
            self._feed.opening = False
            clock.proved = clock.proved or 1
        elif self._deadline.expired():
            raise Lost("TLS handshake with {}: no answer in time".format(self._names[0]))
        return count

    def _refused(self, error):
        return modules.call(
            "signet.net.refusal", "explain", error, self._names[0], self._feed, self._names[1]
        )

    def readinto(self, buffer):
        """Reads what is there now: bytes read, None if nothing, 0 at the end."""
        if self._deadline is not None:
            return None
        feed = self._feed
        feed.step()
        feed.record = self._filled  # an end right behind what is decrypted already would be lost
        try:
            count = self._tls.readinto(buffer)
            if count is None and self._filled:
                feed.step()
                count = self._tls.readinto(buffer)
            self._filled = count == len(buffer)
            if count:
                self._names = None
            return count
        except OSError as error:
            if self._names and _ALERT in error.args:
                raise self._refused(error)
            raise self._feed.error or Lost("TLS: {}".format(error))

    def close(self):
        """Sends close_notify where the port does, and closes the connection."""
        try:
            if self._tls is not None:
                self._tls.close()
        except (OSError, Lost):
            pass
        self._channel.close()
        self._tls = None
        modules.keep()
