"""What is known of a TLS handshake with a client, when it fails too?

asyncio keeps an alert to itself when a handshake fails (the outgoing bytes are dropped), and `ssl`
the certificate that it did not trust. A device's engineer needs both: RFC 5246, sections 7.2.2
and 7.4.6.
"""

import ssl
from collections.abc import Callable
from typing import Any

_CERTIFICATE = 11


class _Secured(ssl.SSLObject):
    """Hands over what OpenSSL says last, before asyncio drops the connection."""

    say: Callable[[], None]

    def do_handshake(self) -> None:
        """As ever."""
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self.say()
            raise


class Context(ssl.SSLContext):
    """A server's context for one handshake, so that nothing of another is resumed.

    send: writes to the client below TLS. server_name: the SNI that the client sent.
    shown: DER of the certificate that the client sent, trusted or not.
    """

    sslobject_class = _Secured

    send: Callable[[bytes], None]
    server_name: str | None = None
    shown: bytes | None = None

    @classmethod
    def new(cls) -> "Context":
        """One without certificates."""
        return cls(ssl.PROTOCOL_TLS_SERVER)

    def wrap_bio(
        self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO, *options: Any, **named: Any
    ) -> ssl.SSLObject:
        """As ever."""
        secured = super().wrap_bio(incoming, outgoing, *options, **named)
        assert isinstance(secured, _Secured)
        secured.say = lambda: self.send(outgoing.read())
        return secured

    def watch(self, context: ssl.SSLContext) -> None:
        """Note the client's certificate in handshakes that `context` takes part in."""
        # Not documented, but in every CPython since 3.8: OpenSSL's message callback.
        setattr(context, "_msg_callback", self._message)  # noqa: B010

    def _message(
        self, _secured: Any, direction: str, _version: int, _kind: int, message: int, data: bytes
    ) -> None:
        """Section 7.4.2: type, length, length of the list, length of the first certificate."""
        if direction == "read" and message == _CERTIFICATE and len(data) > 10 and not self.shown:
            self.shown = data[10 : 10 + int.from_bytes(data[7:10], "big")]
