"""What does the virtual board's `network` offer?  One Wi-Fi station whose air never fails.

docs/library/network.WLAN.rst.  Sockets are the host's and work from the start; a program that
waits for `isconnected()` waits as on a board.
"""

import time

from micropython import const

STA_IF = 0
AP_IF = 1
STAT_IDLE = 1000
STAT_CONNECTING = 1001
STAT_GOT_IP = 1010

_JOIN_MS = const(20)  # an access point answers in seconds; a test need not wait for them


class WLAN:
    """A Wi-Fi interface; every instance shows the same one."""

    IF_STA = STA_IF
    IF_AP = AP_IF
    _active = False
    _joined_at = None

    def __init__(self, interface=STA_IF):
        if interface != STA_IF:
            raise ValueError("the virtual board is a station only")

    def active(self, on=None):
        """Returns whether the radio is on, or switches it."""
        if on is not None:
            WLAN._active = bool(on)
            if not on:
                WLAN._joined_at = None
        return WLAN._active

    def connect(self, ssid=None, key=None):
        """Joins any network."""
        if not self._active:
            raise OSError("Wifi Not Started")
        WLAN._joined_at = time.ticks_ms()

    def disconnect(self):
        """Leaves the network."""
        WLAN._joined_at = None

    def isconnected(self):
        """Returns True a little while after `connect`."""
        return (
            self._joined_at is not None
            and time.ticks_diff(time.ticks_ms(), self._joined_at) >= _JOIN_MS
        )

    def status(self, what=None):
        """Returns the state of the link, or for "rssi" the signal in dBm."""
        if what == "rssi":
            return -55
        if self.isconnected():
            return STAT_GOT_IP
        return STAT_IDLE if self._joined_at is None else STAT_CONNECTING

    def ifconfig(self):
        """Returns (address, netmask, gateway, DNS server)."""
        address = "127.0.0.1" if self.isconnected() else "0.0.0.0"
        return address, "255.0.0.0", "127.0.0.1", "127.0.0.1"
