"""How does `make proof` get atheris, which finds by coverage what random damage does not?

From requirements-proof.lock, into .venv, as a wheel or not at all: where there is none for a
Python or a machine, the tests that need it are skipped, and say so.
"""

from __future__ import annotations

from tools.paths import CACHE, ROOT
from tools.toolchain import sdks
from tools.toolchain.run import RunError, run
from tools.ui import errors


def main() -> None:
    """Install it, or say why not."""
    lock = ROOT / "requirements-proof.lock"
    pip = sdks.pip_command(CACHE)
    options = ["--quiet", "--no-input", "--require-hashes", "--only-binary=:all:"]
    try:
        run([*pip, "install", *options, "-r", lock])
    except RunError as failure:
        text = f"signet: nothing is fuzzed by coverage here, without atheris: {failure}"
        errors.print(text, markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
