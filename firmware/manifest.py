"""Which modules go into a custom firmware image?  signet, frozen, so that its code takes no RAM.

In MicroPython's ports/esp32 (docs/reference/manifest.rst):

    make BOARD=ESP32_GENERIC FROZEN_MANIFEST=<this file>

boot.py, main.py, device.json and board.py stay on flash, where mpremote changes them; a board.py
on flash also wins over the frozen one, since "" precedes ".frozen" in sys.path.
"""

include("$(PORT_DIR)/boards/manifest.py")
require("umqtt.simple")
package("signet", base_path="../lib", opt=2)
module("board.py", base_path="boards/esp32", opt=2)
