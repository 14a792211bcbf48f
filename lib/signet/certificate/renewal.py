"""How does a new certificate come onto a board, and through a power cut, before it is tried?

It lies beside the old one, in the file `cert`.new, until trial.py has logged in with it.  What
signet.state says of it proves it whole, see pending.py.
"""

from binascii import b2a_base64, crc32

from micropython import const

from signet import clock, modules
from signet.device import files
from signet.errors import ConfigError, SignetError

_LINE = const(48)  # bytes of DER in a line of PEM (RFC 7468 section 2)
_KEY = const(b"PRIVATE KEY-----")


def begin(config, cert, key, state=None):
    """Checks a new certificate and writes it to the file `cert`.new; no error leaves it there.

    Args:
        config: dict from config.load.
        cert: bytes or str, PEM with its chain, or DER (bytes); a PEM may hold its private key too.
        key: bytes or str, the private key, PEM; None when it stands in `cert`, or stays as it is.
        state: device.state.State; None where nobody holds it.
    Returns:
        the renewal: list of int, CRC-32 of the new file and of the old, the Unix
        seconds when the new one expires, trials so far, and those that the cloud did not answer.
    Raises:
        ConfigError: the board has no certificate, or the new one, or its key, cannot be used.
        SignetError: the flash is full.
    """
    path = config.get("cert")
    if path is None:
        raise ConfigError("cert", "this board has no certificate to renew", "board-1.pem")
    spare = path + ".new"
    try:
        files.recover(path)  # trial.py could not rename it (FAT): it is the only one
    except OSError as error:
        raise SignetError("{} not renamed: {}".format(spare, error))
    files.remove(spare)
    if isinstance(cert, str):
        cert = cert.encode()
    if isinstance(key, str):
        key = key.encode()
    from signet.wire import x509

    ends = x509.not_after(cert)
    if not ends:
        raise ConfigError("cert", "the new one holds no certificate that can be read")
    ends = min(ends)
    if clock.is_set() and ends * 1000 <= clock.unix_ms():
        raise ConfigError("cert", "the new one has expired")
    wrong = x509.misnamed(cert, config.get("cert_names"))
    if wrong:
        raise ConfigError("cert", "the new one " + wrong)
    own_file = None
    if key is None and _KEY not in cert:
        key = _block(_read("cert", path))
        if not key:  # it stays in its own file, and the certificate goes without it
            own_file = _read("key", config["key"])
    if key:
        if _KEY not in key:
            raise ConfigError("key", "the new one must be PEM")
        cert = _pem(cert)
    # as config.py: a key in the file of the certificate comes first
    if not x509.belongs(cert if _KEY in cert else own_file or key, cert):
        raise ConfigError("key", "is not the one of the new certificate")
    x509 = own_file = None
    modules.forget("signet.wire.x509")  # before the next: they need not fit together
    from signet.certificate import pending

    try:
        with open(spare, "wb") as file:
            file.write(cert)
            if key:
                file.write(key)
        renewal = [crc32(key or b"", crc32(cert)), pending.crc(path), ends, 0, 0]
        pending.keep(renewal, 0, state)
    except OSError as error:
        files.remove(spare)
        raise SignetError("{} not written: {}; is the flash full?".format(spare, error))
    except BaseException:
        files.remove(spare)
        raise
    return renewal


def _read(key, path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        raise ConfigError(key, "there is no file {} on the board".format(path))


def _block(data):
    """Returns the private key in a PEM file, b"" without one."""
    at = data.find(_KEY)
    begin = data.rfind(b"-----BEGIN", 0, at)
    end = data.find(_KEY, at + 1)
    return data[begin : end + len(_KEY)] + b"\n" if 0 <= begin < at < end else b""


def _pem(data):
    """Returns a certificate as PEM that ends with its line."""
    if b"-----BEGIN " in data:
        return data if data[-1:] == b"\n" else data + b"\n"
    lines = [b2a_base64(data[i : i + _LINE]) for i in range(0, len(data), _LINE)]
    lines.insert(0, b"-----BEGIN CERTIFICATE-----\n")
    lines.append(b"-----END CERTIFICATE-----\n")
    return b"".join(lines)
