"""How are the newest Python packages pinned by hash?  For maintainers: `make lock`.

Writes requirements.lock (the dependencies in pyproject.toml), requirements-dev.lock (its group
`dev`; what both name has the same version), requirements-docs.lock and requirements-proof.lock
(its groups `docs` and `proof`) and sdks.lock (sdks.in) with `uv pip compile`. The locks hold for
every system and Python from 3.11 on, and name no index. uv is taken from PATH; else it is
installed, with pip, into `.cache/uv`. It reads the index that pip is configured for unless its
own variables (UV_DEFAULT_INDEX ...) say otherwise.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tools.paths import CACHE, ROOT
from tools.toolchain import archive, sdks
from tools.toolchain.run import RunError, run
from tools.ui import UserError, console, errors

_LOCKS = {
    "requirements.lock": ["pyproject.toml"],
    "requirements-dev.lock": ["--group", "dev", "--constraints", "requirements.lock"],
    "requirements-docs.lock": ["--group", "docs"],
    "requirements-proof.lock": ["--group", "proof"],
    "tools/toolchain/sdks.lock": ["tools/toolchain/sdks.in"],
}
_OPTIONS = [
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-header",
    "--no-emit-index-url",
    "--no-emit-find-links",
]


def uv(pip: list[str]) -> str:
    """The program uv, from PATH or from an environment of its own.

    pip: command that runs pip. raises: RunError when pip cannot install it.
    """
    if found := shutil.which("uv"):
        return found
    target = CACHE / "uv"
    if not (target / "bin" / "uv").exists():
        console.print("installing uv")
        shutil.rmtree(target, ignore_errors=True)
        run([sys.executable, "-m", "venv", "--without-pip", target])
        run([*pip, "install", "--ignore-installed", "--prefix", target, "uv"])
    return str(target / "bin" / "uv")


def environment(configuration: dict[str, str]) -> dict[str, str]:
    """Variables that make uv use the index and the certificates that pip uses.

    configuration: from `archive.pip_configuration`.
    """
    variables = {"UV_DEFAULT_INDEX": "index-url", "SSL_CERT_FILE": "cert", "HTTPS_PROXY": "proxy"}
    return {
        name: configuration[option]
        for name, option in variables.items()
        if option in configuration and name not in os.environ
    }


def main(options: list[str]) -> None:
    """Write the locks.

    options: for uv, as `--upgrade` or `--upgrade-package rich`.
    raises: UserError with the last words of pip or uv.
    """
    try:
        pip = sdks.pip_command(CACHE)
        program = uv(pip)
        variables = environment(archive.pip_configuration(pip))
        for lock, inputs in _LOCKS.items():
            console.print(f"pinning {lock}")
            with tempfile.TemporaryDirectory(dir=CACHE) as folder:
                target = Path(folder, "lock")
                shutil.copy(ROOT / lock, target)  # what need not change stays as it is
                command = [program, "pip", "compile", *_OPTIONS, *options, "-o", str(target)]
                run([*command, *inputs], folder=ROOT, environment=variables)
                content = target.read_bytes()
            if content != (ROOT / lock).read_bytes():  # else make would install anew
                (ROOT / lock).write_bytes(content)
    except RunError as failure:
        said = "\n".join(failure.lines[-5:])
        raise UserError(f"the packages cannot be pinned; check the network:\n{said}") from None


if __name__ == "__main__":
    try:
        main(sys.argv[1:] or ["--upgrade"])
    except UserError as error:
        errors.print(f"signet: {error}", markup=False, soft_wrap=True)
        sys.exit(2)
