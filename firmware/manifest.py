"""Which modules go into a custom firmware image?  signet, frozen, so that its code takes no RAM.

In any of MicroPython's ports (docs/reference/manifest.rst), absolute paths both:

    make FROZEN_MANIFEST=<this file>
    make FROZEN_MANIFEST=<the manifest.py of a folder of boards/, which adds its board.py>

With SIGNET=<folder> before it, an absolute path, of signet goes in only what `signet board link`
has put there for one device.json: a few times smaller.

boot.py, main.py, device.json and board.py stay on flash, where mpremote changes them; a board.py
on flash also wins over the frozen one, since "" precedes ".frozen" in sys.path.
"""

import os

_PORTS_OWN = "boards/manifest.py"  # unix and qemu have none

try:
    include("$(PORT_DIR)/" + _PORTS_OWN)
except Exception as error:  # its class has no name here
    if not str(getattr(error.__context__, "filename", None)).endswith(_PORTS_OWN):
        raise
include("$(MPY_DIR)/extmod/asyncio")
require("umqtt.simple")
if os.environ.get("SIGNET"):
    freeze_mpy(os.path.join(os.environ["SIGNET"], "lib"))
else:
    package("signet", base_path="../lib", opt=2)
