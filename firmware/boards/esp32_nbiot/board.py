"""What is on an ESP32 with an NB-IoT modem, and how is it used?  Deployed as /board.py.

The contract of every board: network_up, set_clock, sensors, obey, feed, idle, deep_sleep; uart
and modem_wake, for the modem that device.json names.  There is no Wi-Fi: its code would take heap.
docs/library/machine.UART.rst, docs/library/machine.WDT.rst, machine.rst.
"""

import gc
import time

import machine
from micropython import const
from signet import clock, modules

try:
    import esp32
except ImportError:  # other ports
    esp32 = None

_WATCHDOG_MS = const(60_000)  # longer than any wait that signet cannot interrupt
_SLICE_MS = const(500)
_LONGEST = const(2048)  # bytes of the modem's that wait: a datagram of 512 bytes in hex, and more

clock.doubted = machine.RTC().memory()[:4] == b"held"  # nobody has answered since power came

_watchdog = None
_uptime_ms = 0
_ticks = time.ticks_ms()


def uart(settings):
    """Returns the line to the modem; settings: dict, `modem` of device.json."""
    pins = {"tx": settings["tx"], "rx": settings["rx"]} if settings["tx"] is not None else {}
    return machine.UART(settings["uart"], settings["baud"], rxbuf=_LONGEST, timeout=0, **pins)


def modem_wake(settings, on):
    """Holds the modem's key down, or lets it go, by the pin `wake`.

    High is down: a transistor pulls the key to ground, as the modems' hardware manuals draw it.
    """
    machine.Pin(settings["wake"], machine.Pin.OUT).value(bool(on))


def network_up(timeout_ms=15_000):
    """Returns True: the modem registers by itself, once there is something to send."""
    return True


def _modem():
    return modules.call("signet.device.ready", "load", "device.json", lambda line: None)["modem"]


def _network_s(host, port, turn):
    """Returns the Unix time that the network tells the modem.  Raises: ValueError."""
    unix_s = modules.call("signet.net.modem.network_clock", "unix_s", _modem)
    if unix_s is None:
        raise ValueError
    return unix_s


def set_clock():
    """Sets the clock by the network, unless it was within a day; returns True when it is set.

    The clock runs on through deep sleep, and drifts: a board that wakes asks once a day only, or
    once an hour where the network tells none.
    """
    servers = [(_network_s, "the network", 0)]
    return modules.call("signet.network_time", "set_clock", servers)


def _uptime_s():
    """Returns seconds since the start; adds up, because ticks wrap after six days."""
    global _uptime_ms, _ticks
    now = time.ticks_ms()
    _uptime_ms += time.ticks_diff(now, _ticks)
    _ticks = now
    return _uptime_ms // 1000


def sensors():
    """Returns one reading: uptime in s, free heap in bytes, what this chip can measure, and the
    signal in dBm while the modem is in use."""
    values = {
        "uptime": _uptime_s(),
        "free_heap": gc.mem_free(),
    }
    temperature = _temperature()
    if temperature is not None:
        values["temperature"] = temperature
    signal = modules.call("signet.net.modem.network_clock", "dbm")
    if signal is not None:
        values["signal"] = signal
    return values


def _temperature():
    """Returns the chip's temperature in degrees C, or None where it has no sensor."""
    try:
        return esp32.mcu_temperature()  # ESP32-C3, C6, S2, S3
    except AttributeError:
        pass
    try:
        return (esp32.raw_temperature() - 32) * 5 // 9  # ESP32: degrees F
    except AttributeError:
        return None


def obey(command):
    """Does nothing: by CoAP no command comes."""


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
        time.sleep_ms(min(left, _SLICE_MS))


def deep_sleep(ms):
    """Switches off for `ms`, 1 or more; then the board starts anew with boot.py.  Never returns.

    Clock, RTC memory and flash stay, all else is lost.  The modem stays registered, and sleeps by
    itself: see `psm` in device.json.
    """
    machine.deepsleep(max(ms, 1))  # 0 would be for ever
