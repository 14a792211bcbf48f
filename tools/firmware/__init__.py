"""How does an image come about: MicroPython with signet in it, for QEMU's Cortex-M3?

.cache/firmware/tools-*     compiler and QEMU: a Debian root
.cache/firmware/bin         how the compiler's programs are started
.cache/firmware/src-*       MicroPython, with Mbed TLS, lwIP and umqtt.simple in their places
.cache/firmware/build       objects
.cache/firmware/image.elf   the image
"""

from tools.paths import CACHE

FIRMWARE = CACHE / "firmware"
OBJECTS = FIRMWARE / "build" / "image"
