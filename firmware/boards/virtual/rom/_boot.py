"""What happens when the virtual board gets power?  The order of the ESP32 port's main.c.

Mount the flash as `/`, run boot.py, then main.py unless boot.py failed or the raw REPL is
wanted, then serve the serial line for ever.
"""

import gc
import sys

import _bridge
import _flash
import _kbd
import _program
import _repl
import machine  # noqa: F401  a real board has these three built in
import micropython
import network  # noqa: F401
import ntptime  # noqa: F401
import vfs


def _die_with_bridge():
    """No orphan: Linux kills this process when the bridge's thread ends, however it ends."""
    try:
        import ffi

        prctl = ffi.open(None).func("i", "prctl", "iiiii")
        prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
    except (ImportError, OSError):
        pass


def _replace_kbd_intr():
    """Gives `micropython` a kbd_intr that reaches the bridge; all else stays the built-in's."""
    for name in dir(micropython):
        if not name.startswith("__"):
            setattr(_kbd, name, getattr(micropython, name))
    _kbd.kbd_intr = lambda char: _bridge.ask(_bridge.KEYBOARD, int(char == 3))
    sys.modules["micropython"] = _kbd


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


_die_with_bridge()
_replace_kbd_intr()
_bridge.ask(_bridge.END, int(_program.raw))
_ready = _mount() and _bridge.start != _bridge.STOPPED
gc.collect()
if _ready and _program.run_file("boot.py") and not _program.raw:
    _program.run_file("main.py")
_repl.loop()
