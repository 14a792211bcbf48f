"""How does a TCP channel become a verified TLS channel?

`tls`, not `ssl`: micropython-lib's `ssl` silently switches verification off.  The certificate
is always verified against the CA from flash, its name against `host`, which also goes out as
SNI.  TLS reads and writes through `_Feed`, a stream of ours, for two reasons: `wrap_socket`
has no timeout of its own, and a socket timeout inside Mbed TLS poisons the session for good
(`last_error` in MicroPython's extmod/modtls_mbedtls.c), while None from `readinto` does not.
"""

import io

from micropython import const

from signet.errors import Lost
from signet.modules import call, keep_place, place

_POLL = const(3)  # MP_STREAM_POLL
_POLLIN = const(1)
_REFUSAL = "signet.net.refusal"
_ALERT = const(-30592)  # MBEDTLS_ERR_SSL_FATAL_ALERT_MESSAGE
_HEADER_BYTES = const(5)  # of a TLS record (RFC 8446 section 5.1)


class _Feed(io.IOBase):
    """The stream below TLS: waits during the handshake only, and never beyond its deadline.

    After it, one record for each call from above: MicroPython's `readinto` goes on until its
    buffer is full, and an end of TLS (close_notify) behind data in the same call would be lost.
    """

    def __init__(self, channel, deadline):
        self._channel = channel
        self.deadline = deadline
        self.error = None
        self.record = False  # this call has read of one
        self.writes = 0  # of the handshake: one, and the server has seen our hello only

    def readinto(self, buffer):
        header = len(buffer) == _HEADER_BYTES
        if header and self.record and self.deadline is None:
            return None
        try:
            count = self._channel.readinto(buffer)
            self.record = not header
            if count is None and self.deadline is not None:
                if self._channel.wait(_POLLIN, self.deadline):
                    return self._channel.readinto(buffer)
                self.error = Lost("no answer in time")
                return 0
            return count
        except Lost as error:  # must not unwind through Mbed TLS
            self.error = error
            return 0

    def write(self, buffer):
        try:
            if self.writes < 2:
                self.writes += 1
            return self._channel.write(buffer)
        except Lost as error:
            if self.deadline is not None:
                return len(buffer)  # the server has closed; why, it may have said in an alert
            self.error = error
            return -32  # EPIPE

    def ioctl(self, request, argument):
        return argument if request == _POLL else 0


class TlsChannel:
    """TLS over a channel, verified; the handshake is done when this returns.

    Args:
        channel: net.stream.TcpChannel; it belongs to this object from now on.
        host: str, the name that the certificate must carry; sent as SNI.
        trust: what `context` returned.
        deadline: clock.Deadline of the handshake.
        cert: str, the file of the board's own certificate; None without one.
    Raises:
        Untrusted: the server's certificate is not the right one; says why.
        Refused: the server refuses the board's certificate, or the board to go on without one.
        Lost: the handshake failed or took too long.
    """

    def __init__(self, channel, host, trust, deadline, cert=None):
        self._channel = channel
        self.wait = channel.wait
        self._feed = feed = _Feed(channel, deadline)
        place.clear()
        try:
            self._tls = trust.wrap_socket(feed, server_hostname=host)
        except BaseException as error:  # memory may have run out
            channel.close()
            keep_place()
            if isinstance(error, (ValueError, OSError)):
                raise call(_REFUSAL, "explain", error, host, feed, cert)
            raise
        feed.deadline = None
        self._names = (host, cert)  # until something has come: TLS 1.3 refuses after the handshake

    def readinto(self, buffer):
        """Reads what is there now: bytes read, None if nothing, 0 at the end."""
        self._feed.record = False
        try:
            count = self._tls.readinto(buffer)
            if count:
                self._names = None
            return count
        except OSError as error:
            if self._names and error.args[0] == _ALERT:
                raise call(_REFUSAL, "explain", error, self._names[0], self._feed, self._names[1])
            raise self._feed.error or Lost("TLS: {}".format(error))

    def write(self, buffer):
        """Writes what fits now: bytes written, or None if nothing fits."""
        try:
            return self._tls.write(buffer)
        except OSError as error:
            raise self._feed.error or Lost("TLS: {}".format(error))

    def close(self):
        """Sends close_notify where the port does, and closes the connection."""
        try:
            self._tls.close()
        except (OSError, Lost):
            pass
        self._channel.close()
        self._tls = None
        keep_place()
