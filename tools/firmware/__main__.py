"""What does `make firmware` do?  It brings what an image needs, builds it, and says what is in it.

Nothing is fetched or built twice. With `--if-possible`, as `make proof` calls it, a machine that
can have no compiler is no failure: the tests that need the image are skipped.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from tools.firmware import FIRMWARE, OBJECTS, build, compiler, sizes, sources
from tools.toolchain import together
from tools.ui import UserError, console, errors


def make(if_possible: bool = False) -> None:
    """Build the image where it is not current, and say what is in it.

    if_possible: say why, no more, where the compiler or the sources cannot be had.
    raises: UserError with what is in the way.
    """
    try:
        plan = compiler.plan()
        if not build.is_current(compiler.gcc(plan)):
            _build(_bring(plan))
    except compiler.UnavailableError as error:
        if not if_possible:
            raise
        build.IN_USE.unlink(missing_ok=True)  # an old one proves nothing
        text = f"signet: host_tests/firmware is skipped: {error}"
        errors.print(text, markup=False, soft_wrap=True)
        return
    console.print(sizes.table(sizes.of_image()))
    console.print(f"{build.IN_USE} is current", markup=False, soft_wrap=True)


def _bring(plan: compiler.Plan) -> Path:
    """Install compiler, QEMU and sources; returns the compiler."""
    parts = [
        together.Part("GCC and QEMU for Arm", lambda report: compiler.install(plan, report)),
        together.Part("MicroPython's source", sources.install),
    ]
    try:
        together.side_by_side(parts)
        gcc = compiler.publish(plan)
    except UserError as error:
        raise compiler.UnavailableError(str(error)) from None
    for pattern in ("tools-*", "src-*", ".new-*"):  # of other pins, or left by a kill
        for old in FIRMWARE.glob(pattern):
            if old not in (plan.root, sources.tree()):
                shutil.rmtree(old, ignore_errors=True)
    return gcc


def _build(gcc: Path) -> None:
    fingerprint = build.fingerprint(gcc)  # what changes meanwhile is for the next time
    together.side_by_side(
        [together.Part("image", lambda report: build.build(OBJECTS, gcc, report))]
    )
    fresh = build.IN_USE.with_suffix(".new")
    shutil.copy(OBJECTS / build.IMAGE, fresh)
    fresh.replace(build.IN_USE)
    build.STAMP.write_text(fingerprint)


if __name__ == "__main__":
    sys.exit(together.attempt(FIRMWARE, lambda: make("--if-possible" in sys.argv[1:])))
