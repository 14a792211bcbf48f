"""What is on an ESP32, and how is it used?  Deployed as /board.py.

The contract of every board: network_up, set_clock, sensors, obey, feed, idle, deep_sleep.  Wi-Fi
comes from /wifi.json, {"ssid": "...", "password": "..."}, which is never printed.
docs/esp32/quickref.rst, docs/library/network.WLAN.rst, docs/library/machine.WDT.rst, machine.rst.
"""

import gc
import json
import time

import machine
import network
from micropython import const
from signet import clock, modules

try:
    import esp32
except ImportError:  # other ports with Wi-Fi
    esp32 = None

_WATCHDOG_MS = const(60_000)  # longer than any wait that signet cannot interrupt (a name server's)
_LED_PIN = const(2)  # the LED of most development boards
_JOIN_SLICE_MS = const(10)
_JOIN_AGAIN_MS = const(5000)
_SLICE_MS = const(500)
_BOM = const(b"\xef\xbb\xbf")
_FORM = '{"ssid": "...", "password": "..."}'

state = {"led": 0}

# Who is asked for the time, in turn: how, host (None: the cloud's), port.  See network_time.py.
time_servers = [("ntp", "pool.ntp.org", 123), ("http", None, 80)]
clock.doubted = machine.RTC().memory()[:4] == b"held"  # nobody has answered since power came

_watchdog = _joined_at = None
_uptime_ms = 0
_ticks = time.ticks_ms()


def _wifi():
    """Returns (name, password), or None after saying what is wrong."""
    wrong = "is not JSON in UTF-8; look for a missing comma, quote or brace"
    try:
        with open("wifi.json", "rb") as file:
            content = file.read()
        text = content[3 if content[:3] == _BOM else 0 :].decode().strip()
        settings = json.loads(text) if text.endswith("}") else None
        if isinstance(settings, dict):
            name, password = settings.get("ssid"), settings.get("password") or ""
            if isinstance(name, str) and isinstance(password, str):
                return name, password or None
            wrong = "has no such texts"
    except OSError:
        wrong = "there is no such file on the board; `signet board deploy` puts it there"
    except ValueError:
        pass
    print("board: wifi.json: {}; it holds {}".format(wrong, _FORM))
    return None


def network_up(timeout_ms=15_000):
    """Joins the Wi-Fi; returns True once connected, False after `timeout_ms`; 0: how is it now?"""
    global _joined_at
    station = network.WLAN(network.STA_IF)
    station.active(True)
    if station.isconnected():
        return True
    now = time.ticks_ms()
    due = _joined_at is None or time.ticks_diff(now, _joined_at) > _JOIN_AGAIN_MS
    if due and station.status() != network.STAT_CONNECTING:  # it also joins again by itself
        _joined_at = now
        settings = _wifi()
        if settings is None:
            return False
        try:
            station.connect(*settings)
        except OSError as error:
            print("board: Wi-Fi:", error)
            return False
    end = time.ticks_add(time.ticks_ms(), timeout_ms)
    while not station.isconnected():
        if time.ticks_diff(end, time.ticks_ms()) <= 0:
            if timeout_ms:
                print("board: no Wi-Fi yet, status", station.status())
            return False
        _feed_if_started()
        time.sleep_ms(_JOIN_SLICE_MS)
    return True


def set_clock():
    """Sets the clock by `time_servers`, unless it was within a day; returns True when it is set.

    The clock runs on through deep sleep, and drifts: a board that wakes asks once a day only, or
    once an hour where nobody answers.
    """
    return modules.call("signet.network_time", "set_clock", time_servers)


def _uptime_s():
    """Returns seconds since the start; adds up, because ticks wrap after six days."""
    global _uptime_ms, _ticks
    now = time.ticks_ms()
    _uptime_ms += time.ticks_diff(now, _ticks)
    _ticks = now
    return _uptime_ms // 1000


def sensors():
    """Returns one reading: uptime in s, free heap in bytes, and what this chip can measure."""
    values = {
        "uptime": _uptime_s(),
        "free_heap": gc.mem_free(),
    }
    temperature = _temperature()
    if temperature is not None:
        values["temperature"] = temperature
    try:
        values["rssi"] = network.WLAN(network.STA_IF).status("rssi")
    except (OSError, ValueError, TypeError):
        pass
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
    """Carries out `command` (its `.name`, `.data`); returns what to tell the cloud, a dict.

    A value named in `state` is set from the command's data; any other command is only noted, and
    so is what is not for this board: what a gateway hears for others, an application of others.
    """
    if command.kind != "command" or command.device is not None:
        return None
    data = command.data if isinstance(command.data, dict) else {}
    changed = {name: data[name] for name in state if name in data}
    state.update(changed)
    if "led" in changed:
        machine.Pin(_LED_PIN, machine.Pin.OUT).value(bool(changed["led"]))
    return changed


def feed():
    """Tells the watchdog, which the first call starts, that the program is alive."""
    global _watchdog
    if _watchdog is None:
        _watchdog = machine.WDT(timeout=_WATCHDOG_MS)
    _watchdog.feed()


def _feed_if_started():
    if _watchdog is not None:
        _watchdog.feed()


def idle(ms):
    """Waits for `ms` with the watchdog fed; Wi-Fi stays up, which lightsleep would end."""
    end = time.ticks_add(time.ticks_ms(), ms)
    while True:
        feed()
        left = time.ticks_diff(end, time.ticks_ms())
        if left <= 0:
            return
        time.sleep_ms(min(left, _SLICE_MS))


def deep_sleep(ms):
    """Switches off for `ms`, 1 or more; then the board starts anew with boot.py.  Never returns.

    Clock, RTC memory and flash stay, all else is lost.  Wi-Fi is stopped first, as the chip's
    maker asks (ESP-IDF Programming Guide, Sleep Modes).
    """
    network.WLAN(network.STA_IF).active(False)
    machine.deepsleep(max(ms, 1))  # 0 would be for ever
