"""Which programs will do, where are they, and how are they started from `.cache/bin`?"""

from __future__ import annotations

import os
import re
import shlex
import struct
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tools.toolchain.run import RunError, run

MICROPYTHON_AT_LEAST = (1, 25)
MOSQUITTO_AT_LEAST = (2, 0)
LIBCOAP_AT_LEAST = (4, 3)
LIBCOAP_TOOLS = ("coap-server", "coap-client")
NGINX_AT_LEAST = (1, 22)
CURL_AT_LEAST = (7, 68)
OPENSSL_AT_LEAST = (3, 0)
CHROMIUM = "chromium"
CHROMIUM_AT_LEAST = (123, 0)  # light-dark() of CSS
_CHROMIUM_NAMES = ("chromium", "chromium-headless-shell", "google-chrome")
_NGINX_MODULES = ("http_ssl_module", "http_dav_module")
MOSQUITTO_TOOLS = ("mosquitto", "mosquitto_passwd", "mosquitto_pub", "mosquitto_sub")

# What the board's code and the virtual board need; prints version and word size.
_CHECK = """
import sys, tls, asyncio, vfs, select, hashlib
vfs.VfsLfs2, hashlib.md5, hashlib.sha1, hashlib.sha256
v = sys.implementation[1]
print("runs", v[0], v[1], 64 if sys.maxsize > 1 << 32 else 32)
"""


def refuse_micropython(program: Path, bits: int) -> str | None:
    """Say why a program is not the MicroPython that is wanted; None when it is.

    program: path of an executable. bits: word size, 32 or 64.
    """
    try:
        said = run([program, "-c", _CHECK])
    except RunError as failure:
        if "ImportError" in str(failure) or "AttributeError" in str(failure):
            return f"lacks a module that is needed ({failure})"
        return f"does not run here ({failure})"
    found = re.match(r"runs (\d+) (\d+) (\d+)$", said[-1] if said else "")
    if not found:
        return "is not MicroPython"
    major, minor, wide = map(int, found.groups())
    if (major, minor) < MICROPYTHON_AT_LEAST:
        return f"is {major}.{minor}, older than {_dotted(MICROPYTHON_AT_LEAST)}"
    return None if wide == bits else f"is a {wide}-bit build, not a {bits}-bit one"


def refuse_mosquitto(program: Path) -> str | None:
    """Say why a program is not a mosquitto new enough; None when it is."""
    help_text = _help_of(program)
    return _refuse_version(help_text, "mosquitto version ", "mosquitto", MOSQUITTO_AT_LEAST)


def refuse_libcoap(program: Path) -> str | None:
    """Say why a program is not of a libcoap that is new enough and has DTLS; None when it is."""
    help_text = _help_of(program)
    if reason := _refuse_version(help_text, r"coap-\S+ v", "libcoap's", LIBCOAP_AT_LEAST):
        return reason
    if not re.search(r"^\(DTLS.* PKI\b", help_text, re.MULTILINE):
        return "is built without DTLS"
    return None


def refuse_nginx(program: Path) -> str | None:
    """Say why a program is not an nginx that is new enough and whole; None when it is."""
    built = _help_of(program, "-V")
    if reason := _refuse_version(built, "nginx version: nginx/", "nginx", NGINX_AT_LEAST):
        return reason
    lacking = [name for name in _NGINX_MODULES if f"--with-{name}" not in built]
    return f"is built without {', '.join(lacking)}" if lacking else None


def refuse_curl(program: Path) -> str | None:
    """Say why a program is not a curl that is new enough and has TLS; None when it is."""
    help_text = _help_of(program, "-V")
    if reason := _refuse_version(help_text, "curl ", "curl", CURL_AT_LEAST):
        return reason
    has_tls = re.search(r"^Protocols:.* https\b", help_text, re.MULTILINE)
    return None if has_tls else "is built without TLS"


def refuse_openssl(program: Path) -> str | None:
    """Say why a program is not OpenSSL's, new enough; None when it is."""
    return _refuse_version(_help_of(program, "version"), "OpenSSL ", "OpenSSL", OPENSSL_AT_LEAST)


def refuse_chromium(program: Path) -> str | None:
    """Say why a program is not a Chromium new enough; None when it is."""
    said = _help_of(program, "--version")
    return _refuse_version(said, r"(?:Chromium|Google Chrome) ", "Chromium", CHROMIUM_AT_LEAST)


def _help_of(program: Path, option: str = "-h") -> str:
    """What a program prints when asked for help; "" when it does not run."""
    try:
        done = subprocess.run(
            [program, option], capture_output=True, text=True, check=False, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout + done.stderr


def _refuse_version(
    help_text: str, before: str, whose: str, at_least: tuple[int, int]
) -> str | None:
    """Say why a help text is not of a version new enough; None when it is.

    before: regular expression for what stands in front of the version on its line.
    """
    found = re.search(rf"^{before}(\d+)\.(\d+)", help_text, re.MULTILINE)
    if not found:
        return f"is not {whose} or does not run here"
    version = (int(found[1]), int(found[2]))
    return (
        None if version >= at_least else f"is {_dotted(version)}, older than {_dotted(at_least)}"
    )


def micropython_on_path(bits: int, own: Path) -> tuple[Path | None, list[str]]:
    """Find a MicroPython that passes on PATH.

    bits: word size. own: folder to pass over, `.cache/bin`.
    returns: the program or None, and why each of the others was refused.
    """
    refused: list[str] = []
    for folder in _path(own):
        for name in ("micropython", f"micropython-{bits}"):
            program = folder / name
            if not os.access(program, os.X_OK):
                continue
            reason = refuse_micropython(program, bits)
            if reason is None:
                return program, refused
            refused.append(f"{program} {reason}")
    return None, refused


def mosquitto_on_path(own: Path) -> tuple[dict[str, Path], list[str]]:
    """Find mosquitto with its tools on PATH (and in sbin, where Debian keeps it).

    own: folder to pass over.
    returns: path by name, empty when none passes; and why each was refused.
    """
    folders = list(_path(own))
    refused: list[str] = []
    found = {
        name: next((f / name for f in folders if os.access(f / name, os.X_OK)), None)
        for name in MOSQUITTO_TOOLS
    }
    broker = found["mosquitto"]
    if broker is None:
        return {}, refused
    missing = [name for name, program in found.items() if program is None]
    reason = f"comes without {', '.join(missing)}" if missing else refuse_mosquitto(broker)
    if reason:
        refused.append(f"{broker} {reason}")
        return {}, refused
    return {name: program for name, program in found.items() if program}, refused


def libcoap_on_path(own: Path) -> tuple[dict[str, Path], list[str]]:
    """Find both tools of libcoap on PATH.

    own: folder to pass over.
    returns: path by name, empty unless both pass; and why each was refused.
    """
    found: dict[str, Path] = {}
    refused: list[str] = []
    for tool in LIBCOAP_TOOLS:
        for program in (f / name for f in _path(own) for name in (f"{tool}-openssl", tool)):
            if tool in found or not os.access(program, os.X_OK):
                continue
            if reason := refuse_libcoap(program):
                refused.append(f"{program} {reason}")
            else:
                found[tool] = program
    return (found if len(found) == len(LIBCOAP_TOOLS) else {}), refused


def on_path(
    name: str, refuse: Callable[[Path], str | None], own: Path
) -> tuple[dict[str, Path], list[str]]:
    """Find a program on PATH (and in sbin, where Debian keeps some).

    name: of the program. refuse: says why one will not do. own: folder to pass over.
    returns: path by name, empty when none passes; and why each was refused.
    """
    refused: list[str] = []
    for program in (folder / name for folder in _path(own)):
        if os.access(program, os.X_OK):
            reason = refuse(program)
            if reason is None:
                return {name: program}, refused
            refused.append(f"{program} {reason}")
    return {}, refused


def chromium_on_path(own: Path) -> tuple[dict[str, Path], list[str]]:
    """Find a Chromium or Google Chrome that passes; argument and result as of `on_path`."""
    refused: list[str] = []
    for name in _CHROMIUM_NAMES:
        found, reasons = on_path(name, refuse_chromium, own)
        if found:
            return {CHROMIUM: found[name]}, refused
        refused += reasons
    return {}, refused


def _path(own: Path) -> Iterator[Path]:
    for name in dict.fromkeys(
        [*os.environ.get("PATH", "").split(os.pathsep), "/usr/local/sbin", "/usr/sbin"]
    ):
        folder = Path(name)
        if name and folder.is_absolute() and folder.resolve() != own.resolve():
            yield folder


def wrap(wrapper: Path, program: Path) -> None:
    """Write, in one step, a script that starts a program of the machine."""
    _write(wrapper, program)


def wrap_loader(wrapper: Path, root: Path, name: str, *arguments: str | Path) -> None:
    """Write, in one step, a script that starts a program of a Debian root.

    root: folder that `debian.fetch` filled. name: of a program in its bin or sbin, or a pattern
    below its lib or libexec. arguments: what stands before those that the script is given.
    raises: FileNotFoundError when the root lacks the program, its C library or the loader.
    """
    folders = ("bin", "sbin", "lib", "libexec")
    program = _one(root, *(f"usr/{folder}/{name}" for folder in folders))
    libraries = _one(root, "usr/lib/*/libc.so.6", "lib/*/libc.so.6").parent
    loader = _one(libraries, "ld-linux*.so.*", "ld64.so.*")
    _write(wrapper, loader, "--library-path", libraries, program, *arguments)


def wrap_chromium(wrapper: Path, root: Path, name: str) -> None:
    """Write, in one step, a script that starts the Chromium of a Debian root, with its fonts.

    It starts itself again for each of its processes, so it cannot be an argument of the loader:
    the loader's path is written into it.
    wrapper, root, name, raises: as for `wrap_loader`.
    """
    program = _one(root, f"usr/lib/chromium/{name}")
    libraries = _one(root, "usr/lib/*/libc.so.6").parent
    _set_loader(program, _one(libraries, "ld-linux*.so.*", "ld64.so.*"))
    fonts = root / "fonts.conf"
    fonts.write_text(
        f"<fontconfig><dir>{root}/usr/share/fonts</dir>"
        f"<cachedir>{root}/var/cache/fontconfig</cachedir></fontconfig>"
    )
    folders = [libraries, *(path.parent for path in libraries.glob("pulseaudio/libpulsecommon*"))]
    paths = os.pathsep.join(map(str, folders))
    _write(wrapper, "env", f"LD_LIBRARY_PATH={paths}", f"FONTCONFIG_FILE={fonts}", program)


_PT_INTERP = 3


def _set_loader(program: Path, loader: Path) -> None:
    """Name the loader of an ELF program anew, behind its end: there its segment PT_INTERP points.

    raises: FileNotFoundError when it names none.
    """
    with program.open("r+b") as file:
        begin = file.read(64)
        wide, order = begin[4] == 2, "<" if begin[5] == 1 else ">"
        word, at, counts = ("Q", 32, 54) if wide else ("I", 28, 42)
        table = struct.unpack_from(order + word, begin, at)[0]
        size, count = struct.unpack_from(order + "HH", begin, counts)
        for header in range(table, table + size * count, size):
            file.seek(header)
            if struct.unpack(order + "I", file.read(4))[0] == _PT_INTERP:
                break
        else:
            raise FileNotFoundError(f"{program} names no loader")
        end = file.seek(0, os.SEEK_END)
        path = os.fsencode(loader) + b"\0"
        file.write(path)
        for offset, value in zip((8, 32) if wide else (4, 16), (end, len(path)), strict=True):
            file.seek(header + offset)
            file.write(struct.pack(order + word, value))


def wrap_gcc(folder: Path, root: Path, prefix: str, *arguments: str | Path) -> Path:
    """Write scripts that start a Debian root's GCC, and what that starts, through its loader.

    folder: for the scripts: cc1, collect2, as and ld lie where GCC's option -B looks for them.
    prefix: of Debian's names, "arm-none-eabi-". arguments: what GCC is always given.
    returns: GCC's. raises: FileNotFoundError as wrap_loader does.
    """
    for name in ("cc1", "collect2"):
        wrap_loader(folder / name, root, f"gcc/*/*/{name}")
    for name in ("as", "ld"):
        wrap_loader(folder / name, root, f"{prefix}{name}")
    program = folder / f"{prefix}gcc"
    wrap_loader(program, root, program.name, f"-B{folder}", *arguments)
    return program


def _one(folder: Path, *patterns: str) -> Path:
    for pattern in patterns:
        for path in sorted(folder.glob(pattern)):
            return path
    raise FileNotFoundError(f"{folder} has no {' or '.join(patterns)}")


def _write(wrapper: Path, *command: str | Path) -> None:
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    fresh = wrapper.with_name(f".{wrapper.name}.{os.getpid()}")
    fresh.write_text(f'#!/bin/sh\nexec {shlex.join(map(str, command))} "$@"\n')
    fresh.chmod(0o755)
    fresh.replace(wrapper)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


class Peer(NamedTuple):
    """What tests talk to where it can be had."""

    name: str
    needed: str  # the least that will do
    packages: tuple[str, ...]  # Debian's
    tools: tuple[str, ...]  # names in .cache/bin
    on_path: Callable[[Path], tuple[dict[str, Path], list[str]]]
    refuse: Callable[[Path], str | None]


PEERS = (
    Peer(
        "libcoap",
        f"libcoap {_dotted(LIBCOAP_AT_LEAST)} or newer with DTLS",
        ("libcoap3-bin",),
        LIBCOAP_TOOLS,
        libcoap_on_path,
        refuse_libcoap,
    ),
    Peer(
        "nginx",
        f"nginx {_dotted(NGINX_AT_LEAST)} or newer with TLS and WebDAV",
        ("nginx",),
        ("nginx",),
        partial(on_path, "nginx", refuse_nginx),
        refuse_nginx,
    ),
    Peer(
        "curl",
        f"curl {_dotted(CURL_AT_LEAST)} or newer with TLS",
        ("curl",),
        ("curl",),
        partial(on_path, "curl", refuse_curl),
        refuse_curl,
    ),
    Peer(
        "openssl",
        f"OpenSSL {_dotted(OPENSSL_AT_LEAST)} or newer",
        ("openssl",),
        ("openssl",),
        partial(on_path, "openssl", refuse_openssl),
        refuse_openssl,
    ),
    Peer(
        CHROMIUM,
        f"Chromium {_dotted(CHROMIUM_AT_LEAST)} or newer",
        ("chromium-headless-shell", "fonts-dejavu-core"),
        (CHROMIUM,),
        chromium_on_path,
        refuse_chromium,
    ),
)
