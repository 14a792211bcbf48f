"""What does device.json say, is it right, and how is it mended?

Keys that every device has are below, then those of each way in; a cloud's own keys are in its
identity.py, in the same form:

    (key, kind, default, rule, example)

default is `...` where the key is required.  The kind says what the rule means:

    text    (longest, characters that are not allowed)
    word    (longest, characters allowed beside letters and digits)
    secret  (longest,); never shown
    file    longest name; never shown, because somebody may have put in what is in the file
    int     (lowest, highest)
    choice  the allowed values
    flag, any   no rule
"""

import hashlib
import json
import os
from binascii import crc32

from signet import modules
from signet.device import files
from signet.errors import ConfigError

_NOT_IN_NAMES = " \t\r\n/"

_COMMON = (
    ("cloud", "choice", ..., ("alibaba", "enos", "watson"), "enos"),
    ("way", "choice", "mqtt", ("mqtt", "coap", "http"), "mqtt"),
    ("host", "word", ..., (253, "-._"), "mqtt.example.com"),
    ("address", "text", None, (253, _NOT_IN_NAMES), "192.0.2.7"),
    ("port", "int", None, (1, 65_535), 8883),
    ("tls", "flag", None, None, "true"),
    ("insecure", "flag", False, None, "false"),
    ("ca", "file", "ca.pem", 128, "ca.pem"),
    ("expiry_warning_days", "int", 30, (0, 365), 30),
    ("report_interval_s", "int", 60, (1, 86_400), 60),
    ("deep_sleep", "flag", False, None, "false"),
    ("retry_s", "int", 20, (1, 3600), 20),
    ("outbox_bytes", "int", 131_072, (8192, 16_777_216), 131_072),
    ("flash_after_s", "int", 10, (0, 3600), 10),
    ("health_s", "int", None, (10, 86_400), 3600),
    ("drop", "choice", "oldest", ("oldest", "newest"), "oldest"),
    ("app", "any", None, None, "{}"),
)
_OPEN = ("open_timeout_s", "int", 30, (1, 300), 30)  # of TCP and TLS; by CoAP ack_timeout_ms rules
_RETIRED = {"outbox_limit": "outbox_bytes"}
_BY_WAY = {
    "mqtt": (
        _OPEN,
        ("ack_timeout_s", "int", 10, (1, 600), 10),
        ("clean_session", "flag", True, None, "true"),
        ("window", "int", 4, (1, 32), 4),
    ),
    "coap": (
        ("ack_timeout_ms", "int", 2000, (100, 60_000), 2000),
        ("max_retransmit", "int", 4, (0, 10), 4),
    ),
    "http": (_OPEN, ("timeout_s", "int", 15, (1, 300), 15)),
}


def load(path, log=print):
    """Reads and checks a device's configuration.

    Args:
        path: str, a JSON file.
        log: function of one str, for warnings.
    Returns:
        dict with every key of the chosen cloud, its default where it was left out; also `trust`, a
            tls.SSLContext that verifies, None without TLS; `expires`, a list of (Unix seconds
            when what is in a file expires, its name), the first first, None where nobody is to be
            warned; and `crc`, an
            int that tells whether the file has changed.
    Raises:
        ConfigError: names the key, the rule it breaks and an example.
    """
    try:
        with open(path) as file:
            text = file.read().strip()
    except UnicodeError:
        text = ""
    except OSError:
        raise ConfigError(
            path, "there is no such file on the board; `signet board deploy` puts it there"
        )
    try:
        values = json.loads(text) if text.endswith("}") else None
    except ValueError:
        values = None
    if values is None:
        raise ConfigError(path, "is not JSON; look for a missing comma, quote or brace")
    config = check(values, log)
    config["crc"] = crc32(text.encode())
    config["trust"] = config["expires"] = None
    if config["tls"]:
        _trust(config, log)
    return config


def _trust(config, log):
    """Makes TLS's context now: the error shows at boot, and the heap is still in one piece."""
    from signet.wire import x509

    ca, path = _file("ca", config["ca"]), config.get("cert")
    cert = key = None
    files = [(config["ca"], ca, max)]
    if path is not None:
        cert = _file("cert", path)
        files.insert(0, (path, cert, min))
        # A new key comes with its certificate, in one file: see renewal.py.
        if config["key"] is not None and b"PRIVATE KEY" not in cert:
            key = _file("key", config["key"])
        if not x509.belongs(cert if key is None else key, cert):
            raise ConfigError("key", "is not the one of the certificate in `cert`", "board-1.key")
        if config["cloud"] == "watson":
            wrong = modules.call("signet.cloud.watson.certificate", "misnamed", config, cert)
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
                expires.append((which(ends), name))
        expires.sort()
    files = data = x509 = None
    modules.forget("signet.wire.x509")  # before the next: they need not fit together
    datagrams = config["way"] == "coap"
    try:
        config["trust"] = modules.call("signet.net.trust", "context", ca, datagrams, cert, key)
    except ValueError as error:
        raise ConfigError(*error.args)


def _file(key, path):
    """Returns what is in a file on the board, bytes."""
    try:
        files.recover(path)
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        text = "there is no file {} on the board; `signet board deploy` puts it there".format(path)
        raise ConfigError(key, text, _FILES[key])


_FILES = {"ca": "ca.pem", "cert": "board-1.pem", "key": "board-1.key"}


def check(values, log=print):
    """Checks what device.json holds; arguments and errors as in `load`; returns the dict."""
    if not isinstance(values, dict):
        raise ConfigError("device.json", "must be one JSON object", '{"cloud": "enos"}')
    cloud = _value(values, _COMMON[0])
    way = _value(values, _COMMON[1])
    identity = __import__("signet.cloud." + cloud + ".identity", None, None, ("*",))
    if way not in identity.PORTS:
        text = "cloud {} has no way in by {}".format(cloud, way)
        raise ConfigError("way", text, '"mqtt"')
    fields = _COMMON + _BY_WAY[way] + identity.FIELDS + identity.BY_WAY[way]
    known = [field[0] for field in fields]
    for key in sorted(values):
        if key in _RETIRED:
            log("warning: `{}` is of no use any more; see `{}`".format(key, _RETIRED[key]))
        elif key not in known:
            near = [name for name in known if _near(key, name)]
            raise ConfigError(
                key,
                "there is no such key for cloud {} by {}; {}".format(
                    cloud, way, "did you mean `{}`?".format(near[0]) if near else "remove it"
                ),
            )
    config = {}
    for field in fields:
        config[field[0]] = _value(values, field)
    if config["tls"] is None:
        config["tls"] = identity.TLS_BY_DEFAULT
    if config["port"] is None:
        config["port"] = identity.PORTS[way][config["tls"]]
    if config.get("cert") is None:
        if config.get("key") is not None:
            raise ConfigError("cert", "is missing; `key` is of a certificate", '"board-1.pem"')
    elif not config["tls"]:
        raise ConfigError("cert", "goes with TLS only; remove it, or `tls`")
    for warning in identity.check(config):
        log("warning: " + warning)
    method = config.get("sign_method") or "sha256"  # not at Watson
    if not hasattr(hashlib, method.replace("hmac", "")):
        raise ConfigError("sign_method", "this firmware lacks the hash of " + method)
    return config


def _value(values, field):
    key, kind, default, rule, example = field
    value = values.get(key)
    if value is None:
        if default is ...:
            raise ConfigError(key, "is missing", _quoted(example))
        return default
    wrong = _KINDS[kind](value, rule)
    if wrong:
        shown = "" if kind in ("secret", "file") else "; it is {!r}".format(value)
        raise ConfigError(key, wrong + shown[:60], _quoted(example))
    return value


def _quoted(example):
    """Shows an example as it stands in JSON."""
    return '"{}"'.format(example) if isinstance(example, str) and example not in _BARE else example


_BARE = ("true", "false", "{}")


def _text(value, rule):
    longest, forbidden = rule
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        return "must be text of 1 to {} characters".format(longest)
    for character in forbidden:
        if character in value:
            return "must not hold the character {!r}".format(character)
    for byte in value.encode():  # its characters would stay in the heap for good, as qstrs
        if byte < 32:
            return "must not hold the character {!r}".format(chr(byte))
    return None


def _word(value, rule):
    longest, allowed = rule
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        return "must be text of 1 to {} characters".format(longest)
    for byte in value.encode():
        plain = 48 <= byte < 58 or 65 <= byte < 91 or 97 <= byte < 123
        if not plain and byte not in allowed.encode():
            for character in value:
                if byte in character.encode():
                    return "may hold letters, digits and {} only, not {!r}".format(
                        allowed, character
                    )
    return None


def _secret(value, rule):
    if not isinstance(value, str) or not 1 <= len(value) <= rule[0]:
        return "must be text of 1 to {} characters".format(rule[0])
    if value != value.strip() or "\n" in value:
        return "has blanks around it, perhaps from copying"
    return None


def _file_name(value, rule):
    if isinstance(value, str) and "-----" in value:
        return "must be the name of a file on the board, not what is in it"
    return _text(value, (rule, ""))


def _int(value, rule):
    if isinstance(value, bool) or not isinstance(value, int) or not rule[0] <= value <= rule[1]:
        return "must be a whole number from {} to {}".format(rule[0], rule[1])
    return None


def _flag(value, rule):
    return None if isinstance(value, bool) else "must be true or false, without quotes"


def _choice(value, rule):
    return None if value in rule else "must be one of " + ", ".join(rule)


def _any(value, rule):
    return None


_KINDS = {
    "text": _text,
    "word": _word,
    "secret": _secret,
    "file": _file_name,
    "int": _int,
    "flag": _flag,
    "choice": _choice,
    "any": _any,
}


def _near(key, name):
    """Is `key` a slip for `name`?  Case and separators aside, at most one edit apart."""
    a = key.lower().replace("_", "").replace("-", "")
    b = name.replace("_", "")
    if len(a) > len(b):
        a, b = b, a
    start = 0
    while start < len(a) and a[start] == b[start]:
        start += 1
    if a[start:] == b[start:]:
        return True
    if len(a) == len(b):
        swapped = a[start + 1 : start + 2] + a[start : start + 1]
        return a[start + 1 :] == b[start + 1 :] or swapped + a[start + 2 :] == b[start:]
    return len(b) - len(a) == 1 and a[start:] == b[start + 1 :]
