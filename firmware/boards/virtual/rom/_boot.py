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
    _kbd.kbd_intr = lambda char: _bridge.ask(_KEYBOARD, int(char == 3))
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


def _rom():
    """The ROM partition: a host file in memory that is not the heap, as flash is on a chip.

    docs/reference/romfs.rst: code of .mpy files in it runs in place.
    """
    if not _bridge.romfs:
        return None
    import ffi
    from uctypes import bytearray_at

    libc = ffi.open(None)
    file = libc.func("i", "open", "si")(_bridge.romfs, 0)  # O_RDONLY
    size = libc.func("i", "lseek", "iii")(file, 0, 2)  # SEEK_END
    where = libc.func("p", "mmap", "pLiiiL")(0, size, 1, 2, file, 0)  # PROT_READ, MAP_PRIVATE
    return vfs.VfsRom(bytearray_at(where, size))


def _mount_rom(rom):
    if rom is not None:
        vfs.mount(rom, "/rom")
        sys.path += ["/rom", "/rom/lib"]


_die_with_bridge()
_replace_kbd_intr()
_bridge.ask(_END, int(_program.raw))
_from_rom = _rom()  # while the host's files can be seen
_ready = _mount() and _bridge.start != _bridge.STOPPED
_mount_rom(_from_rom)
gc.collect()
if _ready and _program.run_file("boot.py") and not _program.raw:
    _program.run_file("main.py")
_repl.loop()
