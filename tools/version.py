"""Which signet is this?"""

import re

from tools.paths import ROOT


def version() -> str:
    """As `signet --version` says it."""
    text = (ROOT / "lib/signet/__init__.py").read_text()
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    return found[1] if found else "of unknown version"
