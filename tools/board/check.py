"""Would the board take its device.json, certificates and key?  Its own code says so, beforehand.

The files of a deployment are put into a file system in memory, and signet's readable modules load
device.json there, under MicroPython.  So the words are the board's.  What it would only find when
it connects is asked here: whether what has expired, and whether `ca` is a CA. What its code makes
of device.json is deployed with it, with a CRC: so that a board need not check it at each start.
"""

import json
import subprocess
from binascii import crc32
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from tools import toolchain
from tools.board.library import whole
from tools.paths import ROOT
from tools.ui import UserError

_PATIENCE_S = 60
_SSID_BYTES, _PASSWORD_BYTES = 32, 64  # IEEE 802.11; WPA2's key as hexadecimal digits
_PROGRAM = ROOT / "firmware" / "check_config.py"
_MOST_BYTES = 8192  # of a device.json: lib/signet/device/json_file.py
_CONFIG = "/device.json"
_OURS = ("worked_out", "checked")
_OF_THE_FIRMWARE = ("warning: `ca`:", "warning: `cert`:")  # each board's own says that itself
_FOR_THE_CHECK = ("app", "insecure")  # of which signet reads nothing later


def check(files: Mapping[str, bytes]) -> list[str]:
    """Returns the warnings of a board that gets these files.

    files: path on the board -> content. What is wrong without a CA, which may be on the board, is
    not said.
    raises: UserError, in the board's words.
    """
    return worked_out(files)[0]


def worked_out(files: Mapping[str, bytes]) -> tuple[list[str], dict[str, Any] | None]:
    """As `check`; returns the warnings, and what the board makes of device.json, with defaults.

    The latter is None where the CA is missing that it names, or nobody can tell.
    """
    sizes = toolchain.word_sizes()
    if not sizes:
        text = "warning: device.json was not checked: this machine has no MicroPython to do it"
        return [text], None
    config: dict[str, Any] = json.loads(files[_CONFIG])
    if config.get("expiry_warning_days") == 0:  # who is not to be warned is told here all the same
        files = {**files, _CONFIG: json.dumps(config | {"expiry_warning_days": 1}).encode()}
    said = _run(sizes[0], files)
    ca = files.get(f"/{config.get('ca') or 'ca.pem'}")
    for line in said:
        kind, _, text = line.partition(" ")
        if kind == "error" or (kind == "ca" and ca is not None):
            raise UserError(text)
    if ca is not None:
        _check_ca(ca)
    made = (json.loads(line[7:]) for line in said if line.startswith("config "))
    return [line for line in said if line.startswith("warning:")], next(made, None)


def proved(files: Mapping[str, bytes]) -> bytes:
    """Returns device.json as lib/signet/device/ready.py takes it, without checking it once more.

    files: as of `check`. As it is, where the board would refuse it, lacks a file that it names, or
    where nobody can tell.
    """
    given: bytes = files[_CONFIG]
    config: dict[str, Any] = json.loads(given)
    for key in _OURS:
        config.pop(key, None)
    sizes = toolchain.word_sizes()
    warnings: list[str] = []
    for line in _run(sizes[0], files) if sizes else []:
        if line.startswith("config "):
            values = json.loads(line.removeprefix("config ")) | {"warnings": warnings}
            break
        if not line.startswith(_OF_THE_FIRMWARE):
            warnings.append(line)
    else:
        return given
    paths = [f"/{values[key]}" for key in ("ca", "cert", "key") if values.get(key)]
    paths = paths if values["tls"] else []
    if not files.keys() >= {*paths} or (len(paths) > 2 and b"PRIVATE KEY" in files[paths[1]]):
        return given  # of two keys one counts, which is not for ready.py to know
    worked_out = {
        key: value
        for key, value in sorted(values.items())
        if key not in _FOR_THE_CHECK and (key not in config or config[key] != value)
    }
    try:
        rows = [_row(key, value) for key, value in (config | {_OURS[0]: worked_out}).items()]
    except UnicodeError:
        return given
    head = b"{" + b",\n".join(rows) + b",\n"
    crc = crc32(head)
    for path in paths:
        crc = crc32(files[path], crc)
    made = head + b'"%s": "%08x"}\n' % (_OURS[1].encode(), crc)
    return made if len(made) <= _MOST_BYTES else given


def _row(key: str, value: object) -> bytes:
    return f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}".encode()


def check_wifi(values: Mapping[str, Any]) -> None:
    """Can a board join a network with this wifi.json? raises: UserError, which quotes no value."""
    form = 'wifi.json must be {"ssid": "...", "password": "..."}'
    if "ssid" not in values:
        raise UserError(f"{form}: ssid is missing")
    if not values.keys() <= {"ssid", "password"}:
        raise UserError(f"{form}: there is another key in it")
    for key, most in (("ssid", _SSID_BYTES), ("password", _PASSWORD_BYTES)):
        value = values.get(key) or ("" if key == "password" else None)
        if not isinstance(value, str) or len(value.encode(errors="replace")) > most:
            raise UserError(f"{form}: {key} must be text of at most {most} bytes")


def _run(bits: int, files: Mapping[str, bytes]) -> list[str]:
    """What firmware/check_config.py says of these files."""
    own = {path: content for path, content in files.items() if not path.startswith("/lib/")}
    try:
        return in_memory(bits, own | whole())
    except subprocess.SubprocessError:
        raise UserError("device.json: MicroPython fails when it loads it") from None


def in_memory(bits: int, files: Mapping[str, bytes], *asked: str) -> list[str]:
    """What firmware/check_config.py says of these files. bits: of the MicroPython.

    raises: subprocess.SubprocessError
    """
    folders = {str(folder) for path in files for folder in PurePosixPath(path).parents} - {"/"}
    given = b"".join(f"- {folder}\n".encode() for folder in sorted(folders))
    for path, content in files.items():
        given += f"{len(content)} {path}\n".encode() + content
    blocks = sum(len(content) // 4096 + 2 for content in files.values()) + 2 * len(folders) + 16
    heap = f"heapsize={4 * len(given) + (8 << 20)}"
    done = subprocess.run(
        [str(toolchain.micropython(bits)), "-X", heap, str(_PROGRAM), str(blocks), *asked],
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=_PATIENCE_S,
        check=True,
    )
    return done.stdout.decode(errors="replace").splitlines()


def _check_ca(data: bytes) -> None:
    """Can a server's chain end at one of these? raises: UserError."""
    from cryptography.x509 import Version  # a third of a start of `signet board`

    from tools.pki.checks import is_ca
    from tools.pki.contents import read

    found = read(data)
    if found.keys:
        raise UserError("device.json: ca: the file holds a private key, which no board may have")
    for certificate in found.certificates:
        is_root = certificate.subject == certificate.issuer  # perhaps a server's, signed by itself
        if is_root or is_ca(certificate) or certificate.version is Version.v1:
            return
    raise UserError(
        "device.json: ca: the certificate is a server's or a device's own; take the one of the CA"
        " that signed the server's"
    )
