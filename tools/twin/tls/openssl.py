"""How does the twin's OpenSSL come to its configuration? By the environment, and in no other way.

OpenSSL reads it once, when the first module that needs it is imported; Python has no call for the
order of signature algorithms before 3.15.
"""

import os
import sys
from pathlib import Path

CONFIGURATION = Path(__file__).with_name("openssl.cnf")


def environment() -> dict[str, str]:
    """That of a twin's process. A file that OPENSSL_CONF names already stays."""
    return {"OPENSSL_CONF": str(CONFIGURATION), **os.environ}


def begin_again() -> None:
    """Replace this process by the same command in that environment, where it has another."""
    if "OPENSSL_CONF" not in os.environ:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment())  # noqa: S606
