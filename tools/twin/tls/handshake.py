"""What is known of a TLS handshake with a client, when it fails too?

asyncio keeps an alert to itself when a handshake fails (the outgoing bytes are dropped), and `ssl`
the certificate that it did not trust. A device's engineer needs both: RFC 5246, sections 7.2.2
and 7.4.6.
"""

import contextlib
import functools
import ssl
import sys
from collections.abc import Callable, Sequence
from typing import Any

from cryptography import x509

from tools.twin.registry import mask
from tools.twin.registry.certificates import Ca

_CERTIFICATE = 11
_ALERT, _HANDSHAKE = 21, 22  # types of records
_RECORD_HEADER = 5
_LONGEST_HELLO = 16 * 1024
_LONGEST_CHAIN = 5


class _Secured(ssl.SSLObject):
    """Hands over what OpenSSL says last, before asyncio drops the connection."""

    say: Callable[[], None]
    listen: Callable[[], None]

    def do_handshake(self) -> None:
        """As ever."""
        self.listen()
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError:
            self.say()
            raise

    def getpeercert(self, binary_form: bool = False) -> Any:
        """As ever; None for one that `ssl` cannot take apart, as asyncio does unasked."""
        try:
            return super().getpeercert(binary_form)
        except ValueError:
            return None


class Context(ssl.SSLContext):
    """A server's context for one handshake, so that nothing of another is resumed.

    send: writes to the client below TLS. server_name: the SNI that the client sent.
    shown: DER of the certificates that the client sent, trusted or not, its own first.
    cas: who may have signed it. problem: what keeps the server from going on, in plain words.
    hello: what the client sent until it was answered, and alert: the number of the one that it
    sent, both where `note` was called. asked: whether it answered that it has, or has not, a
    certificate.
    believing: a watched context of this handshake that any client's certificate passes, and then
    counts as none; it has to be of use, and in date. takes_any: such a one counts all the same.
    """

    sslobject_class = _Secured

    send: Callable[[bytes], None]
    server_name: str | None = None
    shown: Sequence[bytes] = ()
    hello: bytes | None = None
    alert: int | None = None
    asked: bool = False
    cas: Sequence[Ca] = ()
    problem: str = ""
    believing: ssl.SSLContext | None = None
    takes_any: bool = False
    _answered: bool = False

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
        secured.listen = functools.partial(self._listen, incoming)
        return secured

    def note(self) -> None:
        """Note from now on what `noted` gives; before the handshake."""
        self.hello = b""
        self.watch(self)

    def noted(self) -> dict[str, Any]:
        """What a "handshake" record has of this one; of what is no TLS only how it begins."""
        hello = self.hello or b""
        if hello[:1] != bytes((_HANDSHAKE,)) and len(hello) > _RECORD_HEADER:
            hello = hello[:_RECORD_HEADER] + mask.cover(hello[_RECORD_HEADER:])
        return {
            "server_name": self.server_name,
            "hello_hex": hello.hex(),
            "answered": self._answered,
            "chain": [der.hex() for der in self.shown] if self.asked else None,
            "alert": self.alert,
            "left": None,
        }

    def _listen(self, incoming: ssl.MemoryBIO) -> None:
        """Note what has come, before OpenSSL takes it."""
        if self.hello is None or self._answered or not (data := incoming.read()):
            return
        incoming.write(data)
        self.hello = (self.hello + data)[:_LONGEST_HELLO]

    def watch(self, context: ssl.SSLContext) -> None:
        """Note the client's certificate in handshakes that `context` takes part in."""
        # Not documented, but in every CPython since 3.8: OpenSSL's message callback.
        setattr(context, "_msg_callback", self._message)  # noqa: B010

    def certificate(self, secured: ssl.SSLObject) -> x509.Certificate | None:
        """The one that the client has proved to be its own. raises: ValueError: unreadable."""
        der = secured.getpeercert(binary_form=True)
        counts = self.believing is None or self.takes_any
        return certificate_of(der) if der and counts else None

    def above(self) -> tuple[x509.Certificate, ...]:
        """What the client showed above it, as many as chains have. raises: as `certificate`."""
        return tuple(map(certificate_of, self.shown[1:_LONGEST_CHAIN]))

    def _message(
        self, _secured: Any, direction: str, _version: int, kind: int, message: int, data: bytes
    ) -> None:
        """Section 7.4.2: type, length, length of the list, then length and DER of each."""
        if direction == "write":
            self._answered = True
        elif kind == _ALERT:
            self.alert = int(message)
        if direction != "read" or kind != _HANDSHAKE or message != _CERTIFICATE or self.shown:
            return
        self.asked = True
        shown, rest = [], data[7:]
        while len(rest) > 3:
            end = 3 + int.from_bytes(rest[:3], "big")
            shown.append(rest[3:end])
            rest = rest[end:]
        self.shown = shown
        if self.believing is not None and shown:
            with contextlib.suppress(ssl.SSLError):  # OpenSSL cannot read it: it will say so
                self.believing.load_verify_locations(cadata=shown[0])


def certificate_of(der: bytes) -> x509.Certificate:
    """A certificate that can be read to its end. raises: ValueError.

    cryptography reads names and extensions only when asked for them, and has more errors.
    """
    try:
        certificate = x509.load_der_x509_certificate(der)
        _ = certificate.extensions, certificate.subject
    except (
        x509.DuplicateExtension,
        x509.UnsupportedGeneralNameType,
        x509.InvalidVersion,
    ) as error:
        raise ValueError(str(error)) from None
    return certificate


def keep_names_quiet() -> None:
    """Print nothing of a server name (SNI) that is not ASCII: `ssl` tells no callback of it.

    The handshake fails, and that is reported.
    """

    def hook(unraisable: "sys.UnraisableHookArgs") -> None:
        decoding = isinstance(unraisable.exc_value, UnicodeDecodeError)
        if not (decoding and isinstance(unraisable.object, bytes)):
            sys.__unraisablehook__(unraisable)

    sys.unraisablehook = hook
