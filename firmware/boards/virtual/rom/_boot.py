"""What happens when the virtual board gets power?  The order of the ESP32 port's main.c.

Mount the flash as `/` and the ROM partition, where there is one, as `/rom`; run boot.py, then
main.py unless boot.py failed or the raw REPL is wanted; serve the serial line for ever.
"""

import gc
import sys

import _bridge
import _flash
import _kbd
import _program
import _repl
import machine  # noqa: F401  a real board has these four built in
import micropython
import network  # noqa: F401
import ntptime  # noqa: F401
import umqtt.simple  # noqa: F401
import vfs
from micropython import const

_END = const(69)
_KEYBOARD = const(75)
_STOPPED = const(2)  # see _bridge.start


try:  # no orphan: Linux kills this process when the bridge's thread ends, however it ends
    import ffi

    ffi.open(None).func("i", "prctl", "iiiii")(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
except (ImportError, OSError):
    pass


def _mount():
    """Swaps the host's file system for the flash; returns False when it holds no LittleFS2."""
    flash = _flash.Flash(_bridge.flash_fd)
    vfs.umount("/")
    sys.path[:] = ["", ".frozen", "/lib"]
    try:
        vfs.mount(vfs.VfsLfs2(flash), "/")
    except OSError:
        print("The flash holds no file system; `signet board create` makes one.")
        return False
    return True


# `micropython` gets a kbd_intr that reaches the bridge; all else stays the built-in's.
for name in dir(micropython):
    if name[0] != "_":
        setattr(_kbd, name, getattr(micropython, name))
_kbd.kbd_intr = lambda number: _bridge.ask(_KEYBOARD, int(number == 3))
sys.modules["micropython"] = _kbd
_bridge.ask(_END, int(_program.raw))
if _bridge.romfs:
    import _romfs  # while the host's files can be seen
ready = _mount() and _bridge.start != _STOPPED
if _bridge.romfs:
    _romfs.mount()
gc.collect()
if ready and _program.run_file("boot.py") and not _program.raw:
    _program.run_file("main.py")
_repl.loop()
