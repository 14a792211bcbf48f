"""Is device.json right, and how far does this computer get with it: name, port, TLS, login?"""

import contextlib
import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cryptography import x509
from OpenSSL import SSL

from tools.board.check import worked_out
from tools.doctor import coap, login
from tools.doctor.row import NOTE, OK, WRONG, Row
from tools.pki.authority import certificate_pem
from tools.pki.contents import read
from tools.pki.keys import key_pem, read_key
from tools.pki.names import hosts
from tools.pki.roots import CLOUDS
from tools.secret_files import secret_files
from tools.ui import UserError

_PATIENCE_S = 15.0
_CONFIG = "/device.json"
# X509_V_ERR_*
_EARLY, _EXPIRED, _NAME = 9, 10, 62
_UNKNOWN = (2, 18, 19, 20, 21)


def rows(files: Mapping[str, bytes], why_no_login: str) -> Iterator[Row]:
    """What is right on the way to the cloud, and what is not.

    files: device.json and what it names, by path on the board. why_no_login: "" to log in.
    """
    try:
        values = json.loads(files[_CONFIG])
        if not isinstance(values, dict):
            raise ValueError
        warnings, config = worked_out(files)
    except (ValueError, RecursionError):
        yield Row("device.json", WRONG, "it is no JSON object", "deploy it again")
        return
    except UserError as error:
        yield Row("device.json", WRONG, str(error))
        return
    if config is None:
        yield _incomplete(values) if not warnings else Row("device.json", NOTE, warnings[0])
        return
    yield Row("device.json", OK, f"{config['cloud']} by {_how(config)}")
    for warning in warnings:
        yield Row("", NOTE, warning.removeprefix("warning: "))
    try:
        yield from _way(config, files, why_no_login)
    except _EndError as end:
        yield end.row
    except UserError as error:
        yield Row("device.json", WRONG, str(error))


def _how(config: Mapping[str, Any]) -> str:
    tls = config["tls"]
    if config["way"] == "http":
        return "HTTPS" if tls else "HTTP"
    if config["way"] == "coap":
        return "CoAP over DTLS" if tls else "CoAP"
    return f"MQTT{' over WebSocket' * bool(config.get('websocket'))}{' with TLS' * tls}"


def _incomplete(values: Mapping[str, Any]) -> Row:
    ca = values.get("ca") or "ca.pem"
    usual = "aws" if values.get("preset") == "aws" else values.get("cloud")
    mend = "take it from whoever runs the server"
    if usual in CLOUDS and CLOUDS[str(usual)].roots:
        mend = f"`signet pki ca-of {usual} --to {ca}` writes it"
    return Row("device.json", WRONG, f"{ca}, the server's CA, is not beside it", mend)


class _EndError(Exception):
    """What is wrong ends the way to the cloud."""

    def __init__(self, name: str, text: str, mend: str = "") -> None:
        super().__init__(text)
        self.row = Row(name, WRONG, text, mend)


def _way(config: dict[str, Any], files: Mapping[str, bytes], why_no_login: str) -> Iterator[Row]:
    udp = config["way"] == "coap"
    where = config["address"] or config["host"]
    address = _looked_up(where, config["port"], udp)
    yield Row("name", OK, f"{where} is {address[0]}" if where != address[0] else where)
    if udp:
        try:
            yield from _by_datagrams(address, config, files, why_no_login)
        except OSError as error:
            text = f"{address[1]} (UDP) cannot be reached: {_reason(error)}"
            raise _EndError("port", text, "is the network up?") from None
        return
    with contextlib.closing(_connected(address)) as plain:
        yield Row("port", OK, f"{address[1]} answers")
        stream = plain
        if config["tls"]:
            stream, row = _secured(plain, address, config, files)
            yield row
        with contextlib.closing(stream):
            if why := login.not_tried(config) or why_no_login:
                yield Row("login", NOTE, f"not tried: {why}")
            else:
                yield _logged_in(config, stream)


def _looked_up(where: str, port: int, udp: bool) -> tuple[Any, ...]:
    kind = socket.SOCK_DGRAM if udp else socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(where, port, type=kind)
    except socket.gaierror as error:
        if error.errno == socket.EAI_AGAIN:
            text, mend = f"no name server knows {where} now", "is this computer on the network?"
        else:
            text, mend = f"there is no {where}", "check `host` in device.json for a slip"
        raise _EndError("name", text, mend) from None
    except UnicodeError:
        raise _EndError("name", f"{where} is no name", "check `host` in device.json") from None
    return min(found, key=lambda each: each[0] != socket.AF_INET)[4]  # as most boards do


def _connected(address: tuple[Any, ...]) -> socket.socket:
    try:
        return socket.create_connection(address[:2], _PATIENCE_S)
    except TimeoutError:
        text = f"{address[1]} does not answer in {_PATIENCE_S:.0f} s"
        mend = "a firewall on the way? check `port`, or try another way in, such as WebSocket"
    except ConnectionRefusedError:
        text, mend = (
            f"{address[1]} is closed there",
            "check `host` and `port`; does the server run?",
        )
    except OSError as error:
        text, mend = f"{address[1]} cannot be reached: {_reason(error)}", "is the network up?"
    raise _EndError("port", text, mend)


def _by_datagrams(
    address: tuple[Any, ...],
    config: Mapping[str, Any],
    files: Mapping[str, bytes],
    why_no_login: str,
) -> Iterator[Row]:
    channel = coap.Datagrams(address)
    if config["tls"]:
        channel.close()
        cas = read(files[f"/{config['ca']}"]).certificates
        channel = secured = coap.Secured(address, cas, config["host"])
    with contextlib.closing(channel):
        yield _handshake(secured, config) if config["tls"] else coap.ping(channel, address[1])
        if why := login.not_tried(config) or why_no_login:
            yield Row("login", NOTE, f"not tried: {why}")
            return
        try:
            yield coap.login(config, channel)
        except (OSError, SSL.Error) as error:
            mend = "check `host` and `port`; does the server run?"
            yield Row("login", WRONG, f"/auth is not answered: {_reason(error)}", mend)


def _handshake(channel: coap.Secured, config: Mapping[str, Any]) -> Row:
    """DTLS as a board does it. raises: _EndError."""
    mend = "a firewall on the way? check `host` and `port`"
    try:
        shown = channel.handshake()
    except TimeoutError:
        text = f"{config['port']} (UDP) does not answer in {_PATIENCE_S:.0f} s"
    except OSError as error:
        text = f"{config['port']} (UDP): {_reason(error)}"
    except SSL.Error as error:
        if channel.untrusted:
            text, mend = _untrusted(channel.untrusted, config)
        else:
            text, mend = f"the handshake fails: {error}", ""
    else:
        if coap.named(shown, config["host"]):
            return _trusted("DTLS 1.2", shown, config)
        text, mend = _untrusted(coap.Untrusted(_NAME, shown), config)
    raise _EndError("DTLS", text, mend)


def _trusted(name: str, shown: x509.Certificate, config: Mapping[str, Any]) -> Row:
    until = f"{shown.not_valid_after_utc:%Y-%m-%d}"
    return Row(name, OK, f"{config['ca']} trusts the server's certificate, valid until {until}")


def _secured(
    stream: socket.socket,
    address: tuple[Any, ...],
    config: Mapping[str, Any],
    files: Mapping[str, bytes],
) -> tuple[ssl.SSLSocket, Row]:
    """The connection, encrypted as a board does it: TLS 1.2, no CA but its own."""
    ca = files[f"/{config['ca']}"]
    context = _context()
    pem = b"".join(map(certificate_pem, read(ca).certificates))
    context.load_verify_locations(cadata=pem.decode())
    if config.get("cert"):
        _show_own(context, [files[f"/{config[key]}"] for key in ("cert", "key") if config[key]])
    try:
        secure = context.wrap_socket(stream, server_hostname=config["host"])
    except ssl.SSLCertVerificationError as error:
        found = _shown(address, config["host"])
        text, mend = f"the certificate is not taken: {error.verify_message}", ""
        if found is not None:
            text, mend = _untrusted(coap.Untrusted(error.verify_code, found), config)
    except ssl.SSLError as error:
        text, mend = _failed(error.reason or str(error), config)
    except TimeoutError:
        text, mend = "the server does not answer", "does `port` speak TLS? check `port` and `tls`"
    except OSError as error:
        text, mend = _failed(_reason(error), config)
    else:
        shown = x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
        return secure, _trusted("TLS 1.2", shown, config)
    raise _EndError("TLS", text, mend)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # as Mbed TLS: any CA may end it
    return context


def _show_own(context: ssl.SSLContext, own: Sequence[bytes]) -> None:
    """The device's certificate, its key behind it or in another file. raises: UserError."""
    key = key_pem(read_key(own[-1], "the device"))
    chain = b"".join(map(certificate_pem, read(own[0]).certificates))
    with secret_files([chain + key]) as (file,):
        try:
            context.load_cert_chain(file)
        except ssl.SSLError:
            raise UserError("device.json: cert: the key is not that of the certificate") from None


def _shown(address: tuple[Any, ...], host: str) -> x509.Certificate | None:
    """Which certificate the server shows, whoever trusts it: only to say what is wrong with it."""
    context = _context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection(address[:2], _PATIENCE_S) as stream,
            context.wrap_socket(stream, server_hostname=host) as secure,
        ):
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError):
        return None


def _untrusted(why: coap.Untrusted, config: Mapping[str, Any]) -> tuple[str, str]:
    code, shown, ca = why.code, why.shown, config["ca"]
    if code == _EXPIRED:
        text = "the server's certificate, or a CA above it, is expired: it ends on"
        text += f" {shown.not_valid_after_utc:%Y-%m-%d}"
        return text, "who runs the server must renew it; is this computer's clock right?"
    if code == _EARLY:
        text = (
            f"the certificate is not valid before {shown.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        )
        return text, "is this computer's clock right?"
    if code == _NAME:
        text = (
            f"the certificate is of {', '.join(hosts(shown)) or 'nobody'}, not of {config['host']}"
        )
        return text, "check `host` in device.json"
    if code in _UNKNOWN:
        text = f"{ca} does not trust it: it was signed by {shown.issuer.rfc4514_string()}"
        return text, f"put the certificate of the CA above that into {ca}; see `signet pki ca-of`"
    return f"the certificate is not taken, OpenSSL's error {code}", ""


def _failed(reason: str, config: Mapping[str, Any]) -> tuple[str, str]:
    if "WRONG_VERSION" in reason or "RECORD" in reason or "HTTP" in reason:
        return "the port speaks no TLS", "check `port` and `tls` in device.json"
    if "VERSION" in reason or "PROTOCOL" in reason:
        return "the server has no TLS 1.2", "signet speaks TLS 1.2: it must be allowed there"
    if "EOF" in reason or "reset" in reason:
        mend = "check `port` and `tls`; it may also ask for a certificate, or not take `cert`"
        return "the server ends the handshake without a word", mend
    mend = "it may ask for a certificate of the device: name its file in `cert`"
    if config.get("cert"):
        mend = "it may not take `cert`: `signet pki explain` says whose it is"
    return f"the handshake fails: {reason.lower().replace('_', ' ')}", mend


def _logged_in(config: Mapping[str, Any], stream: socket.socket) -> Row:
    try:
        return login.attempt(config, stream)
    except TimeoutError:
        return Row("login", WRONG, f"no answer in {_PATIENCE_S:.0f} s", "check `port` and `tls`")
    except OSError as error:
        mend = "check `port`, `tls` and `websocket`; is the device enabled?"
        return Row("login", WRONG, f"the connection ends: {_reason(error)}", mend)
    except UserError as error:
        return Row("login", WRONG, str(error))


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):  # its errno is OpenSSL's
        return (error.reason or str(error)).lower().replace("_", " ")
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number else str(error)
