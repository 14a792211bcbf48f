"""What is on the image's board in QEMU, and how is it used?  Deployed as /board.py.

The contract of every board: network_up, set_clock, sensors, obey, feed, idle, deep_sleep; where
device.json has a modem, uart.  An Ethernet card below lwIP, a modem's line, no sensors.
"""

import gc
import time

import machine
import network
from micropython import const

_WATCHDOG_MS = const(30_000)

state = {"led": 0}
time_servers = []  # QEMU sets the clock when power comes; else as on an ESP32

_watchdog = None
_uptime_ms = 0
_ticks = time.ticks_ms()


def network_up(timeout_ms=15_000):
    """Joins the network; returns True once connected, False after `timeout_ms`."""
    card = network.LAN()
    card.active(True)
    start = time.ticks_ms()
    while not card.isconnected():
        if time.ticks_diff(time.ticks_ms(), start) >= timeout_ms:
            return False
        time.sleep_ms(5)
    return True


def set_clock():
    """Sets the clock by `time_servers`, unless that was within a day; True: it is set."""
    if not time_servers:
        return True
    from signet import modules

    return modules.call("signet.network_time", "set_clock", time_servers)


def sensors():
    """Returns one reading: uptime in s, free heap in bytes."""
    global _uptime_ms, _ticks
    now = time.ticks_ms()
    _uptime_ms += time.ticks_diff(now, _ticks)  # adds up, because ticks wrap after six days
    _ticks = now
    return {"uptime": _uptime_ms // 1000, "free_heap": gc.mem_free()}


def obey(command):
    """Carries out `command` (its `.name`, `.data`); returns what to tell the cloud, a dict.

    A value named in `state` is set from the command's data; any other command is only noted, and
    so is what is not for this board.
    """
    if command.kind != "command" or command.device is not None:
        return None
    data = command.data if isinstance(command.data, dict) else {}
    changed = {name: data[name] for name in state if name in data}
    state.update(changed)
    return changed


def uart(settings):
    """Returns the line to the modem that device.json's "modem" describes."""
    return machine.UART(settings["uart"], settings["baud"])


def feed():
    """Tells the watchdog, which the first call starts, that the program is alive."""
    global _watchdog
    if _watchdog is None:
        _watchdog = machine.WDT(timeout=_WATCHDOG_MS)
    _watchdog.feed()


def idle(ms):
    """Waits for `ms` with the watchdog fed."""
    end = time.ticks_add(time.ticks_ms(), ms)
    while True:
        feed()
        left = time.ticks_diff(end, time.ticks_ms())
        if left <= 0:
            return
        time.sleep_ms(min(left, 1000))


def deep_sleep(ms):
    """Switches off for `ms`, 1 or more; then the board starts anew with boot.py.  Never returns.

    Clock, RTC memory and flash stay, all else is lost.
    """
    machine.deepsleep(max(ms, 1))  # 0 would be for ever
