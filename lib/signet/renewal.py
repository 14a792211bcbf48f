"""How does a new certificate come onto a board, and through a power cut, before it is tried?

It lies beside the old one, in the file `cert`.new, until trial.py has logged in with it.  What
signet.state says of it proves it whole, and that the old one is still the one it is to replace.
"""

import os
from binascii import b2a_base64, crc32

from micropython import const

from signet import clock
from signet.errors import ConfigError, SignetError
from signet.state import State

_STATE = "signet.state"
_LINE = const(48)  # bytes of DER in a line of PEM (RFC 7468 section 2)
_KEY = b"PRIVATE KEY-----"
_LONGEST_S = const(3600)
_UNKNOWN_S = const(300)


def begin(config, cert, key):
    """Checks a new certificate and writes it to the file `cert`.new; no error leaves it there.

    Args:
        config: dict from config.load.
        cert: bytes or str, PEM with its chain, or DER (bytes); a PEM may hold its private key too.
        key: bytes or str, the private key, PEM; None when it stands in `cert`, or stays as it is.
    Returns:
        what Link._renewal holds: list of int, CRC-32 of the new file and of the old, the Unix
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
        try:
            os.stat(path)
        except OSError:  # trial.py could not rename it (FAT): it is the only one
            os.rename(spare, path)
    except OSError as error:
        raise SignetError("{} not renamed: {}".format(spare, error))
    remove(spare)
    if isinstance(cert, str):
        cert = cert.encode()
    if isinstance(key, str):
        key = key.encode()
    ends = _check(config, cert)
    own_file = None
    if key is None and _KEY not in cert:
        key = _block(_read("cert", path))
        if not key:  # it stays in its own file, and the certificate goes without it
            own_file = _read("key", config["key"])
    if key:
        if _KEY not in key:
            raise ConfigError("key", "the new one must be PEM")
        cert = _pem(cert)
    from signet.wire import x509

    # as config.py: a key in the file of the certificate comes first
    if not x509.belongs(cert if _KEY in cert else own_file or key, cert):
        raise ConfigError("key", "is not the one of the new certificate")
    x509 = own_file = None
    try:
        with open(spare, "wb") as file:
            file.write(cert)
            if key:
                file.write(key)
        renewal = [crc32(key or b"", crc32(cert)), crc(path), ends, 0, 0]
        keep(renewal, 0)
    except OSError as error:
        remove(spare)
        raise SignetError("{} not written: {}; is the flash full?".format(spare, error))
    except BaseException:
        remove(spare)
        raise
    return renewal


def _check(config, cert):
    """Returns the Unix seconds when a certificate of use to this board expires."""
    from signet.wire import x509

    ends = x509.not_after(cert)
    if not ends:
        raise ConfigError("cert", "the new one holds no certificate that can be read")
    ends = min(ends)
    if clock.is_set() and ends * 1000 <= clock.unix_ms():
        raise ConfigError("cert", "the new one has expired")
    from signet.net import certificate

    wrong = certificate.misnamed(config, cert)
    if wrong:
        raise ConfigError("cert", "the new one " + wrong)
    return ends


def resume(link):
    """Takes up a renewal that a deep sleep or a power cut has interrupted; removes what is none.

    Args:
        link: link.Link, whose `_renewal` and `_next_trial` it sets.
    """
    path = link._config["cert"]
    try:
        renewal = [int(word) for word in State(_STATE).values["renewal"].split()]
        at = renewal.pop()
        whole = renewal[:2] == [crc(path + ".new"), crc(path)]
    except (KeyError, ValueError, IndexError, AttributeError, OSError):
        whole = False
    if not whole:
        remove(path + ".new")
        link._log("removed {}.new: it is not whole, or not of this certificate".format(path))
        return
    link._renewal = renewal
    if renewal[3]:
        wait_s = _UNKNOWN_S
        if clock.is_set():
            wait_s = min(max(at - clock.unix_ms() // 1000, 0), _LONGEST_S)
        link._next_trial = clock.Deadline(wait_s * 1000)


def keep(renewal, at):
    """Notes in signet.state how far a renewal is; at: int, Unix seconds of the next trial."""
    State(_STATE).save({"renewal": " ".join([str(number) for number in renewal + [at]])})


def crc(path):
    """Returns the CRC-32 of a file; raises OSError."""
    buffer = bytearray(128)
    value = 0
    with open(path, "rb") as file:
        while True:
            size = file.readinto(buffer)
            if not size:
                return value
            value = crc32(memoryview(buffer)[:size], value)


def remove(path):
    """Removes a file, if there is one."""
    try:
        os.remove(path)
    except OSError:
        pass


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
    if data[:1] != b"\x30":
        return data if data[-1:] == b"\n" else data + b"\n"
    lines = [b2a_base64(data[i : i + _LINE]) for i in range(0, len(data), _LINE)]
    lines.insert(0, b"-----BEGIN CERTIFICATE-----\n")
    lines.append(b"-----END CERTIFICATE-----\n")
    return b"".join(lines)
