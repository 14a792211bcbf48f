"""How do the clouds' own SDKs come into an environment of their own, every package by its hash?

They need paho-mqtt 1, the tests need 2. Espressif's esptool is there, too. Some are source
archives, so the setuptools that requirements.lock pins builds them: nothing is fetched that no
lock names.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from tools.toolchain import venv
from tools.toolchain.run import Report, RunError, run
from tools.ui import UserError

LOCK = Path(__file__).with_name("sdks.lock")


def pip_command(cache: Path) -> list[str]:
    """The command that runs pip: this environment's, or a wheel that apt fetches.

    raises: UserError when there is neither.
    """
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip"]
    try:
        return [sys.executable, f"{venv.debian_pip_wheel(cache)}/pip"]
    except venv.SetupError as error:
        raise UserError(str(error)) from None


def install(target: Path, pip: list[str], report: Report) -> None:
    """Make an environment that holds exactly what `sdks.lock` names.

    target: folder to make. pip: command from `pip_command`. report: told how far it is.
    raises: UserError with pip's own last words.
    """
    total = venv.pinned(LOCK)
    seen = 0

    def line(text: str) -> None:
        nonlocal seen
        if text.startswith(("Collecting ", "Processing ")):
            seen += 1
            name = text.split()[1].rpartition("/")[2].partition("=")[0]
            report(f"fetching {name}", min(seen / total, 1.0))
        elif text.startswith("Installing collected"):
            report("installing", 1.0)

    report("making an environment", None)
    options = ["--require-hashes", "--no-deps", "--no-input", "--ignore-installed"]
    options += ["--no-build-isolation", "--use-pep517", "--no-compile"]
    try:
        run([sys.executable, "-m", "venv", "--without-pip", target])
        run(
            [*pip, "install", *options, "--prefix", target, "-r", LOCK],
            environment={"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COLOR": "1"},
            line=line,
        )
    except RunError as failure:
        errors = [text for text in failure.lines if text.startswith("ERROR")]
        raise UserError(
            "pip cannot install the clouds' SDKs that tools/toolchain/sdks.lock names; check the "
            "network and `pip config list`, then run `make setup` again. pip said: "
            + (errors[0] if errors else str(failure))
        ) from None
