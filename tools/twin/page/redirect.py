"""How does a browser learn the page's address, while nobody who lists processes reads its token?

From a file that leads there, as Jupyter's servers do it: the browser is given the file's name.
"""

import html
from pathlib import Path

from tools.pki.keys import write_file

NAME = "page.html"

_TEXT = """<!doctype html>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>signet twin</title>
<p><a href="{address}">The twin's page</a></p>
"""


def write(address: str, folder: Path) -> Path:
    """Write such a file into a folder, for its owner alone to read; returns its path."""
    file = folder / NAME
    write_file(file, _TEXT.format(address=html.escape(address)).encode(), 0o600)
    return file
