"""What does device.json say, is it right, and how is it mended?

Keys that every device has are below, then those of each way in; a cloud's own keys are in its
identity.py, in the same form:

    key: (kind, default, rule, example)

default is `...` where the key is required.  The kind says what the rule means:

    text    (longest, characters that are not allowed)
    name    (longest, characters allowed beside letters and digits)
    host    as name; the log shows it, so it must look like one
    secret  (longest,)
    file    longest name
    int     (lowest, highest)
    choice  the allowed values
    flag, any   no rule

A cloud is a folder in cloud/.  What its identity.py has:

    FIELDS, BY_WAY   its keys; way in -> those of that way
    PORTS            way in -> {is it TLS: port}, for each way in that it has
    TLS_BY_DEFAULT   bool
    check(config)    checks what concerns several keys; returns warnings, a list of str. It sets
                     defaults that depend on others, and what the code of all clouds looks for:
                     `websocket_path`, "/mqtt" where it is not set; `cert_names`, a list of str,
                     one of which the certificate in `cert` must name

Names stay in the heap when this file is forgotten, and so do texts of 10 characters and less: a
kind's function is called as the kind, and what is in constant tuples goes.

No value is ever shown: it may be a secret, or what is in a file, in the wrong place.
"""

import hashlib
import json

from micropython import const

from signet import modules
from signet.device.json_file import read
from signet.errors import ConfigError
from signet.wire.exact_json import printable

_LONGEST_ALONE = const(15)  # of a host without a domain; a secret is mostly longer
_LONGEST_KEY = const(20)
_FORMS = const(("a list", "an object", "true or false", "a number"))

FIELDS = {
    "cloud": ("name", ..., (20, "_"), "enos"),  # of a folder beside cloud/session.py
    "way": ("choice", "mqtt", ("mqtt", "coap", "http"), "mqtt"),
    "host": ("host", ..., (253, "-._"), "mqtt.example.com"),
    "address": ("host", None, (253, "-._:%"), "192.0.2.7"),
    "port": ("int", None, (1, 65_535), 8883),
    "tls": ("flag", None, None, "true"),
    "insecure": ("flag", False, None, "false"),
    "ca": ("file", "ca.pem", 128, "ca.pem"),
    "expiry_warning_days": ("int", 30, (0, 365), 30),
    "report_interval_s": ("int", 60, (1, 86_400), 60),
    "deep_sleep": ("flag", False, None, "false"),
    "retry_s": ("int", 20, (1, 3600), 20),
    "outbox_bytes": ("int", 131_072, (8192, 16_777_216), 131_072),
    "flash_after_s": ("int", 10, (0, 3600), 10),
    "health_s": ("int", None, (10, 86_400), 3600),
    "drop": ("choice", "oldest", ("oldest", "newest"), "oldest"),
    "app": ("any", None, None, "{}"),
}
BY_WAY = {
    "mqtt": {
        "open_timeout_s": ("int", 30, (1, 300), 30),  # of TCP and TLS
        "ack_timeout_s": ("int", 10, (1, 600), 10),
        "clean_session": ("flag", True, None, "true"),
        "window": ("int", 8, (1, 32), 8),
    },
    "coap": {
        "ack_timeout_ms": ("int", 2000, (100, 60_000), 2000),
        "max_retransmit": ("int", 4, (0, 10), 4),
        "modem": ("any", None, None, None),
    },
    "http": {
        "open_timeout_s": ("int", 30, (1, 300), 30),
        "timeout_s": ("int", 15, (1, 300), 15),
    },
}


def load(path, log=print):
    """Reads and checks a device's configuration.

    Args:
        path: str, a JSON file.
        log: function of one str, for warnings.
    Returns:
        dict with every key of the chosen cloud, its default where it was left out; also `trust`, a
            tls.SSLContext that verifies, None without TLS; `expires`, a list of [Unix seconds
            when what is in a file expires, its name], the first first, None where nobody is to be
            warned; and `crc`, an
            int that tells whether the file has changed.
    Raises:
        ConfigError: names the key, the rule it breaks and an example.
    """
    values, crc = read(path)
    for key in ("checked", "worked_out"):  # of a file that was changed since: see ready.py
        values.pop(key, None)
    config = check(values, log)
    config["crc"] = crc
    config["trust"] = config["expires"] = None
    if config["tls"]:
        modules.call("signet.device.credentials", "load", config, log)
    return config


def check(values, log=print):
    """Checks what device.json holds; arguments and errors as in `load`; returns the dict."""
    if not isinstance(values, dict):
        raise ConfigError("device.json", "must be one JSON object", '{"cloud": "enos"}')
    cloud = _value(values, "cloud", FIELDS["cloud"])
    way = _value(values, "way", FIELDS["way"])
    try:
        identity = __import__("signet.cloud.{}.identity".format(cloud), None, None, ("*",))
    except ImportError as error:
        raise modules.call("signet.device.missing", "explain", error)
    if way not in identity.PORTS:
        text = "cloud {} has no way in by {}".format(cloud, way)
        raise ConfigError("way", text, json.dumps(FIELDS["way"][1]))
    fields = {}
    for more in (FIELDS, BY_WAY[way], identity.FIELDS, identity.BY_WAY[way]):
        fields.update(more)
    for key in sorted(values):
        if key == "outbox_limit":
            log("warning: `outbox_limit` is of no use any more; see `outbox_bytes`")
        elif key not in fields:
            near = [name for name in sorted(fields) if _near(key, name)]
            is_word = key.replace("_", "").isalpha() and key.lower() == key  # as no secret is
            is_word = is_word and len(key) <= _LONGEST_KEY
            raise ConfigError(
                key if near or is_word else "a key of {} characters".format(len(key)),
                "there is no such key for cloud {} by {}{}".format(
                    cloud, way, "; did you mean `{}`?".format(near[0]) if near else "; remove it"
                ),
            )
    config = {}
    for key in sorted(fields):
        config[key] = _value(values, key, fields[key])
    if config.get("modem") is not None:
        for warning in modules.call("signet.device.modem_keys", "check", config, values, _value):
            log("warning: {}".format(warning))
    if config["tls"] is None:
        config["tls"] = identity.TLS_BY_DEFAULT
    if config["port"] is None:
        config["port"] = identity.PORTS[way][config["tls"]]
    host = config["host"]
    if host[-1] == ".":  # an absolute name, which TLS and HTTP have without (RFC 6066 section 3)
        config["host"] = host = host[:-1]
    last = host.rpartition(".")[2]
    if not last:
        raise ConfigError("host", "is no name", FIELDS["host"][3])
    if config["tls"] and last.isdigit():
        text = "is an address, which TLS takes for no name (RFC 6066); name here whom the server's"
        text += " certificate names, and move this to `address`"
        raise ConfigError("host", text, FIELDS["host"][3])
    if config.get("cert") is None:
        if config.get("key") is not None:
            raise ConfigError("cert", "is missing; `key` is of a certificate", '"board-1.pem"')
    elif not config["tls"]:
        raise ConfigError("cert", "goes with TLS only; remove it, or `tls`")
    for warning in identity.check(config):
        log("warning: {}".format(warning))
    method = config.get("sign_method") or "sha256"  # not every cloud has it
    if not hasattr(hashlib, method.replace("hmac", "")):
        raise ConfigError("sign_method", "this firmware lacks the hash of " + method)
    return config


def _value(values, key, entry):
    kind, default, rule, example = entry
    if isinstance(example, str) and example not in ("true", "false", "{}"):
        example = json.dumps(example)
    value = values.get(key)
    if value is None:
        if default is ...:
            raise ConfigError(key, "is missing", example)
        return default
    wrong = _KINDS[kind](value, rule)
    if wrong:
        form = _FORMS[3]
        if isinstance(value, str):
            form = "text of {} characters".format(len(value))
        elif isinstance(value, (list, dict)):
            form = _FORMS[isinstance(value, dict)]
        elif isinstance(value, bool):
            form = _FORMS[2]
        raise ConfigError(key, "{}; it is {}".format(wrong, form), example)
    return value


def text(value, rule):  # these return what is wrong, or None
    longest, forbidden = rule
    if not isinstance(value, str) or not 1 <= len(value) <= longest:
        return "must be text of 1 to {} characters".format(longest)
    for character in forbidden:
        if character in value:
            return "must not hold the character {!r}".format(character)
    return "must not hold control characters" if printable(value) != value else None


def name(value, rule):
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


def host(value, rule):
    wrong = name(value, rule)
    if not wrong and len(value) > _LONGEST_ALONE and "." not in value and ":" not in value:
        wrong = "must be the name of a server with its domain, or an address"
    return wrong


def secret(value, rule):
    if not isinstance(value, str) or not 1 <= len(value) <= rule[0]:
        return "must be text of 1 to {} characters".format(rule[0])
    if value != value.strip() or printable(value) != value:
        return "has blanks around it, or control characters, perhaps from copying"
    return None


def file(value, rule):
    if isinstance(value, str) and "-----" in value:
        return "must be the name of a file on the board, not what is in it"
    return text(value, (rule, ""))


def number(value, rule):
    if isinstance(value, bool) or not isinstance(value, int) or not rule[0] <= value <= rule[1]:
        return "must be a whole number from {} to {}".format(rule[0], rule[1])
    return None


def flag(value, rule):
    return None if isinstance(value, bool) else "must be true or false, without quotes"


def choice(value, rule):
    return None if value in rule else "must be one of " + ", ".join(rule)


_KINDS = {
    "text": text,
    "name": name,
    "host": host,
    "secret": secret,
    "file": file,
    "int": number,
    "flag": flag,
    "choice": choice,
    "any": lambda value, rule: None,
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
