"""Did `signet board deploy` check this device.json, and is all as it was then?

Then its last line is `checked`, a CRC-32 in hex of what stands before it and of the files that it
names in `ca`, `cert` and `key`; and `worked_out` has what config.py makes of the rest, and says of
it.  Any other is for config.py to check.  Loaded when a board starts, and forgotten.
"""

import hashlib
import json
from binascii import crc32

from signet import modules
from signet.device import files
from signet.errors import ConfigError

LINKED = ()  # (key, value) of each choice that the code of this board is made for: tools/link/


def load(path, log):
    """Reads a device's configuration, and has it checked where that was not done before.

    Arguments, result and errors as of config.load.
    """
    config = _checked(path, log)
    if config is None:
        config = modules.call("signet.device.config", "load", path, log)
    _agree(config)
    return config


def _agree(config, may_lack=False):
    """Is this the device that the code is for?  may_lack: no default is filled in yet."""
    for key, value in LINKED:
        found = config.get(key, value)
        if isinstance(found, dict):  # of a modem its family counts
            found = found.get("family")
        if found != value and not (may_lack and found is None):
            text = "the code on this board is for another; run `signet board deploy` again"
            raise ConfigError(key, text)


def _checked(path, log):
    """Returns what config.load would, None where the file was not checked as it is."""
    try:
        text = _read(path)
        config = json.loads(text)
        _agree(config, True)  # before it is checked: what checks for others may not be there
        end = text.rfind(b'"checked"')
        crc = crc32(memoryview(text)[:end])
        text = text[end:]
        config.update(config.pop("worked_out"))
        found = []
        for key in ("ca", "cert", "key"):
            data = None
            if config["tls"] and config.get(key):
                data = _read(config[key])
                crc = crc32(data, crc)
            found.append(data)
        del config["checked"]
        if text != b'"checked": "%08x"}\n' % crc or not _firmware_has(config):
            return None
        for line in config.pop("warnings"):
            log(line)
        config["crc"] = crc
        config["trust"] = None
        if config["tls"]:
            ca, cert, key = found
            config["trust"] = modules.call(
                "signet.net.trust", "context", ca, config["way"] == "coap", cert, key, log
            )
            if cert and files.exists(config["cert"] + ".new"):
                config["renewal"] = True  # pending.py looks what it is
        return config
    except ConfigError:
        raise
    except Exception:  # whatever it is, config.py has the words for it
        return None


def _read(path):
    with open(path, "rb") as file:
        return file.read()


def _firmware_has(config):
    """bool, are the modules and hashes there that config.py would ask for?"""
    if config["way"] == "coap" and not config["tls"]:
        from cryptolib import aes  # noqa: F401
    if config.get("websocket") and not hasattr(hashlib, "sha1"):
        return False
    return hasattr(hashlib, (config.get("sign_method") or "sha256").replace("hmac", ""))
