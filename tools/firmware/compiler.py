"""Where do the compiler for a Cortex-M3, and QEMU, come from?

From PATH where they pass, else from Debian without root: GCC with the headers of newlib (nothing
of its libraries is needed). GCC starts programs of its own; it finds these, too, as scripts that
start them through the root's loader, in the folder that its option -B names.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

from tools.firmware import FIRMWARE
from tools.toolchain import BIN, debian, programs, together
from tools.toolchain.run import Report, RunError, run
from tools.ui import UserError

PREFIX = "arm-none-eabi-"
_GCC = f"{PREFIX}gcc"
QEMU = "qemu-system-arm"
_PACKAGES = {_GCC: ["gcc-arm-none-eabi", "libnewlib-dev"], QEMU: [QEMU]}
_QEMU_AT_LEAST = 7
_OWN = FIRMWARE / "bin"
_TOOLS = ("ar", "as", "ld", "nm", "objcopy", "size")
_UNUSED = (
    "usr/bin/*-lto-dump",
    "usr/bin/qemu-system-aarch64",
    "usr/lib/gcc/*/*/cc1plus",
    "usr/lib/gcc/*/*/lto1",
    "usr/lib/gcc/*/*/plugin",
    "usr/lib/gcc/*/*/arm",
    "usr/lib/gcc/*/*/thumb/[!v]*",
    "usr/lib/gcc/*/*/thumb/v[!7]*",
    "usr/lib/gcc/*/*/thumb/v7[!-]*",
    "usr/lib/gcc/*/*/thumb/v7-[!m]*",
)
"""Two thirds of the root: C++, link-time optimization, libgcc for other processors."""

_TRIED = "#include <string.h>\n#include <stdint.h>\nint main(void) { return 0; }\n"
_MACHINE = ("-mcpu=cortex-m3", "-mthumb", "-nostdlib", "-Wl,-emain")


class UnavailableError(UserError):
    """Compiler, QEMU or sources cannot be had on this machine."""


class Plan(NamedTuple):
    """found: what PATH has, by name. root: Debian's for the rest, packages what is in it."""

    found: dict[str, Path]
    root: Path
    architecture: str
    packages: list[str]


def plan() -> Plan:
    """Look at the machine; raises UnavailableError when what is needed can come from nowhere."""
    if " " in str(FIRMWARE):
        raise UnavailableError(
            f"no image can be built in {FIRMWARE}: MicroPython's build takes no space in the name "
            "of a folder; move this checkout"
        )
    if not debian.available():
        raise UnavailableError(
            "no compiler can be had on this machine: it has no apt-get and dpkg-deb, by which it "
            "would come, as the sources do"
        )
    found = (
        programs.on_path(_GCC, _refuse_gcc, BIN)[0] | programs.on_path(QEMU, _refuse_qemu, BIN)[0]
    )
    lacking = [name for name in _PACKAGES if name not in found]
    architecture = debian.architectures()[0]
    packages = [package for name in lacking for package in _PACKAGES[name]]
    root = together.pinned(FIRMWARE, "tools", debian.SUITE, architecture, *packages)
    return Plan(found, root, architecture, packages)


def gcc(plan: Plan) -> Path:
    """GCC, once it is installed; the other programs lie beside it."""
    return plan.found.get(_GCC, _OWN / _GCC)


def install(plan: Plan, report: Report) -> None:
    """Fetch what the plan says, where it is not there yet.

    report: told how far it is. raises: UserError when Debian's archive cannot be reached.
    """

    def build(root: Path) -> None:
        debian.fetch(root, plan.architecture, plan.packages, report)
        for pattern in _UNUSED:
            for path in root.glob(pattern):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    if plan.packages:
        together.once(plan.root, build)


def publish(plan: Plan) -> Path:
    """Write the scripts that start what is installed, and try them.

    returns: GCC.
    raises: UnavailableError when one does not run here.
    """
    program, qemu = gcc(plan), BIN / QEMU
    if _GCC not in plan.found:
        for tool in _TOOLS:
            programs.wrap_loader(_OWN / f"{PREFIX}{tool}", plan.root, f"{PREFIX}{tool}")
        headers = plan.root / "usr/include/newlib"
        programs.wrap_gcc(_OWN, plan.root, PREFIX, "-isystem", headers)
    if QEMU in plan.found:
        programs.wrap(qemu, plan.found[QEMU])
    else:
        programs.wrap_loader(qemu, plan.root, QEMU)
    for tried, refuse in ((program, _refuse_gcc), (qemu, _refuse_qemu)):
        if reason := refuse(tried):
            qemu.unlink()
            raise UnavailableError(
                f"no compiler can be had on this machine ({tried.name} {reason})"
            )
    return program


def _refuse_gcc(program: Path) -> str | None:
    """Say why a program does not compile and link for a Cortex-M3; None when it does."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name, "tried.c")
        source.write_text(_TRIED)
        try:
            run([program, *_MACHINE, source, "-o", source.with_suffix(".elf")])
        except RunError as failure:
            return f"compiles nothing for a Cortex-M3 ({failure})"
    return None


def _refuse_qemu(program: Path) -> str | None:
    """Say why a program is not a QEMU with the board and a network; None when it is."""
    try:
        version = re.search(r"version (\d+)", "\n".join(run([program, "--version"])))
        machines = run([program, "-M", "help"])
        networks = run([program, "-M", "none", "-netdev", "help"])
    except RunError as failure:
        return f"does not run here ({failure})"
    if not version or int(version[1]) < _QEMU_AT_LEAST:
        return f"is older than {_QEMU_AT_LEAST}"
    if not any(line.startswith("mps2-an385 ") for line in machines):
        return "has no machine mps2-an385"
    return None if "user" in networks else "is built without user networking (slirp)"
