"""Which certificates does device.json name, do they fit together, and when do they end?

Loaded with TLS, and forgotten: see modules.call.
"""

import os

from signet import modules
from signet.device import files
from signet.errors import ConfigError


def load(config, log):
    """Makes TLS's context now: the error shows at boot, and the heap is still in one piece.

    Args:
        config: dict, checked; gets `trust`, `expires` and `renewal`, see config.load.
        log: function of one str, for warnings.
    Raises:
        ConfigError: names the key, the rule it breaks and an example.
    """
    from signet.wire import x509

    ca, path = read("ca", config["ca"], "ca.pem"), config.get("cert")
    cert = key = None
    files = [(config["ca"], ca, max)]
    if path is not None:
        cert = read("cert", path, "board-1.pem")
        files.insert(0, (path, cert, min))
        # A new key comes with its certificate, in one file: see renewal.py.
        if config["key"] is not None and b"PRIVATE KEY" not in cert:
            key = read("key", config["key"], "board-1.key")
        if not x509.belongs(cert if key is None else key, cert):
            raise ConfigError("key", "is not the one of the certificate in `cert`", "board-1.key")
        wrong = x509.misnamed(cert, config.get("cert_names"))
        if wrong:
            log("warning: `cert` " + wrong)
        try:
            os.stat(path + ".new")
            config["renewal"] = True  # pending.py looks what it is
        except OSError:
            pass
    if config["expiry_warning_days"]:
        config["expires"] = expires = []
        for name, data, which in files:
            ends = x509.not_after(data)
            if ends:
                expires.append([which(ends), name])
        expires.sort()
    files = data = ends = x509 = None
    modules.forget("signet.wire.x509")  # before the next: they need not fit together
    datagrams = config["way"] == "coap"
    try:
        config["trust"] = modules.call(
            "signet.net.trust", "context", ca, datagrams, cert, key, log
        )
    except ValueError as error:
        raise ConfigError(*error.args)


def read(key, path, example):
    """Returns what is in a file on the board, bytes; ConfigError when it is missing."""
    try:
        files.recover(path)
        with open(path, "rb") as file:
            data = file.read()
        bytearray(len(data) // 2)  # is there room for what is made of it?
        return data
    except OSError:
        text = "there is no file {} on the board; `signet board deploy` puts it there"
    except MemoryError:
        text = "{} is too large for this board; keep only what it needs in it"
    is_name = path[-4:] in (".pem", ".crt", ".cer", ".der", ".key")  # else a secret, perhaps
    raise ConfigError(key, text.format(path if is_name else "of that name"), example)
