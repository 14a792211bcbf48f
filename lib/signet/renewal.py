"""How does a board take a new certificate without a restart, and without risk?

It is written beside the old one, tried in a login, and takes the old one's place in one rename:
a power cut at any point leaves a certificate that logs in.
"""

import os
from binascii import b2a_base64

from micropython import const

from signet import clock, modules
from signet.errors import ConfigError, SignetError

_LINE = const(48)  # bytes of DER in a line of PEM (RFC 7468 section 2)
_KEY = b"PRIVATE KEY-----"


class Renewal:
    """A certificate that is to take the place of the board's own; it lies in the file `cert`.new.

    Args:
        config: dict from config.load; `trust` and `expires` change when the renewal succeeds.
        cert: bytes, PEM with its chain, or DER; a PEM may hold its private key too.
        key: bytes, the private key, PEM; None when it stands in `cert`, or stays as it is.
    Raises:
        ConfigError: the board has no certificate, or the new one, or its key, cannot be used.
        SignetError: the flash is full.
    """

    def __init__(self, config, cert, key):
        self._path = path = config.get("cert")
        if path is None:
            raise ConfigError("cert", "this board has no certificate to renew", "board-1.pem")
        from signet.wire import x509

        ends = x509.not_after(cert)
        if not ends:
            raise ConfigError("cert", "the new one holds no certificate that can be read")
        self._end = min(ends)
        if clock.is_set() and self._end * 1000 <= clock.unix_ms():
            raise ConfigError("cert", "the new one has expired")
        own_file = None
        if key is None and _KEY not in cert:
            key = _block(_read(path))
            if not key:  # it stays in its own file, and the certificate goes without it
                own_file = _read(config["key"])
        if key:
            if _KEY not in key:
                raise ConfigError("key", "the new one must be PEM")
            cert = _pem(cert) + key
        key = cert if own_file is None else own_file
        if not x509.belongs(key, cert):
            raise ConfigError("key", "is not the one of the new certificate")
        x509 = None
        modules.forget("signet.wire.x509")  # before the next: they need not fit together
        from signet.net import trust

        self._trust = trust.context(_read(config["ca"]), False, cert, key)
        try:
            with open(path + ".new", "wb") as file:
                file.write(cert)
        except OSError as error:
            _remove(path + ".new")
            raise SignetError("{}.new not written: {}; is the flash full?".format(path, error))

    def run(self, link):
        """Logs in with the new certificate and keeps it; with the old one if that fails.

        Args:
            link: link.Link, whose `connected` says what came of it; its reports stay.
        """
        config, log = link._config, link._log
        link._renewal = None
        old = config["trust"]
        if link.connected:
            link._session.close()
        link.connected = False
        config["trust"] = self._trust
        try:
            link._open()
            self._keep()
        except (SignetError, OSError, MemoryError) as error:
            log("certificate not renewed, the old one stays: {}".format(error))
            if link.connected:
                link._session.close()
            link.connected = False
            _remove(self._path + ".new")
            config["trust"] = old
            link._next_try = clock.Deadline(0)
            return
        name = self._path
        log("certificate renewed, valid until {}".format(clock.iso8601(self._end * 1000)[:10]))
        if config["expires"]:
            expires = [entry for entry in config["expires"] if entry[1] != name]
            expires.append((self._end, name))
            expires.sort()
            config["expires"] = expires

    def _keep(self):
        spare, path = self._path + ".new", self._path
        try:
            os.rename(spare, path)
        except OSError:  # FAT: not over a file that exists
            os.remove(path)
            try:
                os.rename(spare, path)
            except OSError:
                pass  # config.py looks for it there when the board starts


def _read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        raise ConfigError("cert", "there is no file {} on the board".format(path))


def _remove(path):
    try:
        os.remove(path)
    except OSError:
        pass


def _block(data):
    """Returns the private key in a PEM file, b"" without one."""
    at = data.find(_KEY)
    begin = data.rfind(b"-----BEGIN", 0, at)
    end = data.find(_KEY, at + 1)
    return data[begin : end + len(_KEY)] + b"\n" if 0 <= begin < at < end else b""


def _pem(data):
    """Returns a certificate as PEM that ends with its line."""
    if data[:1] != b"\x30":
        return data if data[-1:] == b"\n" else data + b"\n"
    lines = [b2a_base64(data[i : i + _LINE]) for i in range(0, len(data), _LINE)]
    lines.insert(0, b"-----BEGIN CERTIFICATE-----\n")
    lines.append(b"-----END CERTIFICATE-----\n")
    return b"".join(lines)
