"""Where do the project's own folders lie on the host?"""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIB = ROOT / "lib"

CACHE = (
    Path(os.environ["SIGNET_CACHE"]).resolve() if "SIGNET_CACHE" in os.environ else ROOT / ".cache"
)
"""Everything downloaded or built; safe to delete. `SIGNET_CACHE` moves it (tests do)."""
