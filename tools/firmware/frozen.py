"""How much flash does signet take in an image that is for one device.json?

As a build of MicroPython does it (py/mkrules.mk, tools/makemanifest.py): mpy-tool.py makes C of
the `.mpy` files, the compiler an object file; all of that is in the image.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tools.firmware import OBJECTS, compiler, sources
from tools.firmware.build import PORT
from tools.toolchain.run import RunError, run
from tools.ui import UserError

_FLAGS = ("-mthumb", "-mcpu=cortex-m3", "-mfloat-abi=soft", "-Os", "-std=gnu99")


def size(files: Mapping[str, bytes]) -> int:
    """Bytes of flash for some `.mpy` files, names and texts included.

    files: content by path. raises: UserError when the image was not built on this machine.
    """
    tree, gcc = sources.tree(), compiler.gcc(compiler.plan())
    headers = [f"-I{folder}" for folder in (PORT, tree, OBJECTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [folder / path.lstrip("/") for path in files]
        for path, content in zip(paths, files.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        source, made = folder / "frozen.c", folder / "frozen.o"
        known = OBJECTS / "genhdr" / "qstrdefs.preprocessed.h"
        tool = tree / "tools" / "mpy-tool.py"
        try:
            with source.open("w") as file:
                run(
                    [sys.executable, tool, "-f", "-q", known, *paths],
                    line=lambda text: print(text, file=file),
                )
            run([gcc, *_FLAGS, *headers, "-c", source, "-o", made])
            text, data, *_ = run([gcc.with_name(f"{compiler.PREFIX}size"), made])[1].split()
        except RunError as failure:
            raise UserError(
                f"nothing can be frozen here: {failure}; run `make firmware`"
            ) from None
    return int(text) + int(data)
