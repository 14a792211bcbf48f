"""How does `make proof` get two more builds of MicroPython for the portable tests?

    .cache/bin/micropython-float32   with single floats, of firmware/unix, compiled by Debian's GCC
    .cache/bin/micropython-newest    of Debian's unstable; asked for again each week

Both 32 bits wide. Where one cannot be had, its reason is beside it, NAME.missing: a line says so,
and its tests are skipped.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from tools.firmware import FIRMWARE, build, sources
from tools.paths import ROOT
from tools.toolchain import BIN, debian, programs, together
from tools.toolchain import compile as mpy
from tools.toolchain.run import Report, RunError
from tools.ui import UserError, errors

_UNSTABLE = "sid"
_VARIANT = ROOT / "firmware" / "unix"
_COMPILER = ("gcc", "libc6-dev", "libmbedtls-dev")


def make() -> None:
    """Install both where they are not current; never fails."""
    missing: dict[str, str] = {}

    def part(name: str, install: Callable[[str, Report], Path]) -> together.Part:
        def attempt(report: Report) -> None:
            try:
                _publish(name, install(_narrow(), report))
            except (UserError, RunError, OSError) as error:
                missing[name] = " ".join(str(error).split())
                raise UserError(missing[name]) from None

        return together.Part(f"MicroPython, {name}", attempt)

    with suppress(UserError):
        together.side_by_side([part("float32", _float32), part("newest", _newest)])
    for name, why in missing.items():
        (BIN / f"micropython-{name}").unlink(missing_ok=True)
        text = f"no MicroPython {name} here, its tests are skipped: {why}"
        _note(name).write_text(text + "\n")
        errors.print(f"signet: {text}", markup=False, soft_wrap=True)


def _note(name: str) -> Path:
    return BIN / f"micropython-{name}.missing"


def _publish(name: str, program: Path) -> None:
    """Check a script that starts it, and put it into its place."""
    if reason := programs.refuse_micropython(program, 32):
        raise UserError(f"what came {reason}")
    program.replace(BIN / f"micropython-{name}")
    _note(name).unlink(missing_ok=True)


def _narrow() -> str:
    """Debian's architecture of 32 bits that this machine runs."""
    if not debian.available():
        raise UserError("this machine has no apt-get and dpkg-deb")
    architecture = debian.architectures()[1].get(32)
    if architecture is None:
        raise UserError("this machine runs no programs of 32 bits")
    return architecture


def _newest(architecture: str, report: Report) -> Path:
    root = together.pinned(FIRMWARE, "newest", architecture, time.strftime("%G-%V"))
    fetch = partial(debian.fetch, architecture=architecture, packages=["micropython"])
    together.once(root, lambda new: fetch(new, report=report, suite=_UNSTABLE))
    _forget_others(root)
    program = BIN / ".micropython-newest.staged"
    programs.wrap_loader(program, root, "micropython")
    return program


def _float32(architecture: str, report: Report) -> Path:
    root = together.pinned(FIRMWARE, "gcc", debian.SUITE, architecture, *_COMPILER)
    fetch = partial(debian.fetch, architecture=architecture, packages=_COMPILER)
    own = [f"{file}\n{file.read_text()}" for file in sorted(_VARIANT.iterdir())]
    made = together.pinned(
        FIRMWARE, "unix", str(root), str(sources.tree()), mpy.compiler()[1], *own
    )
    if not made.exists():
        together.once(root, lambda new: fetch(new, report=report))
        sources.install(report)
        together.once(made, lambda new: _compile(new, root, report))
    _forget_others(made)
    program = BIN / ".micropython-float32.staged"
    programs.wrap(program, made / "micropython")
    return program


def _compile(target: Path, root: Path, report: Report) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent) as name:
        scratch = Path(name)
        gcc = programs.wrap_gcc(scratch, root, "", f"--sysroot={root}")
        variables = (f"VARIANT_DIR={_VARIANT}", f"BUILD={scratch / 'build'}", f"CC={gcc}")
        build.run_make("MicroPython", sources.tree() / "ports" / "unix", variables, report)
        target.mkdir()
        (scratch / "build" / "micropython").rename(target / "micropython")


def _forget_others(root: Path) -> None:
    kind = root.name.partition("-")[0]
    for old in root.parent.glob(f"{kind}-*"):
        if old != root:
            shutil.rmtree(old, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(together.attempt(FIRMWARE, make))
