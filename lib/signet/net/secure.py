"""How does a TCP channel become a verified TLS channel?

`tls`, not `ssl`: micropython-lib's `ssl` silently switches verification off.  The certificate
is always verified against the CA from flash, its name against `host`, which also goes out as
SNI.  TLS reads and writes through `_Feed`, a stream of ours, for two reasons: `wrap_socket`
has no timeout of its own, and a socket timeout inside Mbed TLS poisons the session for good
(`last_error` in MicroPython's extmod/modtls_mbedtls.c), while None from `readinto` does not.
"""

import io

import tls
from micropython import const

from signet.errors import ConfigError, Lost, Untrusted

_POLL = const(3)  # MP_STREAM_POLL
_POLLIN = const(1)

# What is wrong with a certificate, and how Mbed TLS and OpenSSL say so; the last always fits.
_CURES = (
    ("the certificate is for another name; check `host`", "Common Name", "mismatch"),
    ("the certificate has expired, or the board's clock is wrong", "expired"),
    ("the certificate is not valid yet, or the board's clock is wrong", "future", "not yet"),
    (
        "the certificate is not signed by the CA in `ca`",
        "not correctly signed",
        "self-signed",
        "local issuer",
    ),
    ("the certificate could not be verified; check `ca`, `host` and the clock", "VERIFY"),
)


# A place in the heap for `wrap_socket`, kept while there is no connection: an old heap has no
# other piece of that size (`gc.mem_info`: 12 KiB free, none larger than 400 bytes).
_PLACE_BYTES = const(1024)
place = []


def keep_place():
    """Holds the place again, if it is still there."""
    try:
        place[:] = [bytearray(_PLACE_BYTES)]
    except MemoryError:
        pass


class _Feed(io.IOBase):
    """The stream below TLS: waits during the handshake only, and never beyond its deadline."""

    def __init__(self, channel, deadline):
        self._channel = channel
        self.deadline = deadline
        self.error = None

    def readinto(self, buffer):
        try:
            count = self._channel.readinto(buffer)
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
            return self._channel.write(buffer)
        except Lost as error:
            self.error = error
            return -32  # EPIPE

    def ioctl(self, request, argument):
        return argument if request == _POLL else 0


def context(ca, datagrams=False):
    """Makes what every connection shares: whom to trust.  Once, while the heap is in one piece.

    Args:
        ca: bytes, one or more CA certificates, PEM or DER.
        datagrams: bool, True for DTLS.
    Returns:
        tls.SSLContext that verifies.
    Raises:
        ConfigError: `ca` holds no certificate, or this firmware has no DTLS.
    """
    if datagrams:
        from signet.net import dtls

        trust = dtls.context()
    else:
        trust = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    trust.verify_mode = tls.CERT_REQUIRED
    try:
        trust.load_verify_locations(ca)
    except (ValueError, OSError):
        raise ConfigError("ca", "holds no certificate that can be read", "ca.pem")
    keep_place()
    return trust


class TlsChannel:
    """TLS over a channel, verified; the handshake is done when this returns.

    Args:
        channel: net.stream.TcpChannel; it belongs to this object from now on.
        host: str, the name that the certificate must carry; sent as SNI.
        trust: what `context` returned.
        deadline: clock.Deadline of the handshake.
    Raises:
        Untrusted: the server's certificate is not the right one; says why.
        Lost: the handshake failed or took too long.
    """

    def __init__(self, channel, host, trust, deadline):
        self._channel = channel
        self.wait = channel.wait
        self._feed = feed = _Feed(channel, deadline)
        place.clear()
        try:
            self._tls = trust.wrap_socket(feed, server_hostname=host)
        except (ValueError, OSError) as error:
            channel.close()
            keep_place()
            raise explain(error, host, feed)
        feed.deadline = None

    def readinto(self, buffer):
        """Reads what is there now: bytes read, None if nothing, 0 at the end."""
        try:
            return self._tls.readinto(buffer)
        except OSError as error:
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


def explain(error, host, feed):
    """Makes Untrusted or Lost of what a handshake has raised; feed: its stream, with `error`."""
    if feed.error:
        return Lost("TLS handshake with {}: {}".format(host, feed.error))
    text = str(error)
    for cure in _CURES:
        for sign in cure[1:]:
            if sign in text:
                return Untrusted("TLS: {}: {}".format(host, cure[0]))
    return Lost("TLS handshake with {} failed: {}".format(host, text))
