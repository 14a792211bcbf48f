"""What is on an ESP32 that dials by a modem (PPP), and how is it used?  Deployed as /board.py.

The contract of every board: network_up, set_clock, sensors, obey, feed, idle, deep_sleep.  Any
modem that dials will do, for every way in; device.json describes it, in what is the program's own:

    "app": {"ppp": {"apn": "...", "uart": 1, "baud": 115200, "tx": 17, "rx": 16}}

and "user" and "password" (CHAP) where the operator asks for them, which are never printed.
docs/library/network.PPP.rst, machine.UART.rst, machine.WDT.rst; 3GPP TS 27.007 (CGDCONT, D*99#),
ITU-T V.250 (+++).
"""

import gc
import time

import machine
import network
from micropython import const
from signet import ConfigError, clock, modules

try:
    import esp32
except ImportError:  # other ports with PPP
    esp32 = None

_WATCHDOG_MS = const(60_000)  # longer than any wait that signet cannot interrupt (a name server's)
_LED_PIN = const(2)  # the LED of most development boards
_SLICE_MS = const(10)
_IDLE_MS = const(500)
_GUARD_MS = const(1100)  # before and after +++, which then is no data
_ANSWER_MS = const(2000)
_DIAL_MS = const(60_000)
_PPP_MS = const(30_000)
_AGAIN_MS = const(5000)

state = {"led": 0}

# Who is asked for the time, in turn: how, host (None: the cloud's), port.  See network_time.py.
time_servers = [("ntp", "pool.ntp.org", 123), ("http", None, 80)]
clock.doubted = machine.RTC().memory()[:4] == b"held"  # nobody has answered since power came

_watchdog = _line = _ppp = _job = _failed_at = None
_uptime_ms = 0
_ticks = time.ticks_ms()


def _settings():
    values, _ = modules.call("signet.device.json_file", "read", "device.json")
    settings = (values.get("app") or {}).get("ppp")
    if not isinstance(settings, dict) or not isinstance(settings.get("apn"), str):
        raise ConfigError("app", "needs the modem's", '{"ppp": {"apn": "iot.example"}}')
    return settings


def _ask(command, want, timeout_ms):
    """Asks the modem; a generator, which yields while it waits.  Raises: OSError."""
    _line.read()  # the end of what was said before
    _line.write(command + "\r")
    said = b""
    deadline = clock.Deadline(timeout_ms)
    while want not in said:
        if deadline.expired() or b"ERROR" in said or b"NO CARRIER" in said:
            raise OSError("the modem does not take " + command.split("=")[0])
        yield
        said = said[-64:] + (_line.read(256) or b"")


def _pause(ms):
    deadline = clock.Deadline(ms)
    while not deadline.expired():
        yield


def _dial():
    """Opens PPP; a generator, which yields while it waits.  Raises: OSError, ConfigError."""
    global _line, _ppp
    settings = _settings()
    if _ppp is not None:
        _ppp.disconnect()
        _ppp = None
    pins = {name: settings[name] for name in ("tx", "rx") if name in settings}
    pins.update({"rxbuf": 4096, "txbuf": 2048})  # two packets come before PPP looks
    _line = machine.UART(settings.get("uart", 1), settings.get("baud", 115_200), timeout=0, **pins)
    try:
        yield from _ask("AT", b"OK", _ANSWER_MS)
    except OSError:  # perhaps it still holds the connection of before a reset
        yield from _pause(_GUARD_MS)
        _line.write("+++")
        yield from _pause(_GUARD_MS)
        yield from _ask("ATH", b"OK", _ANSWER_MS)
    for command in ("ATE0", 'AT+CGDCONT=1,"IP","{}"'.format(settings["apn"])):
        yield from _ask(command, b"OK", _ANSWER_MS)
    yield from _ask("ATD*99#", b"CONNECT", _DIAL_MS)
    _ppp = network.PPP(_line)
    if "user" in settings:
        password = settings.get("password", "")
        _ppp.connect(security=_ppp.SEC_CHAP, user=settings["user"], key=password)
    else:
        _ppp.connect()
    deadline = clock.Deadline(_PPP_MS)
    while not _ppp.isconnected():
        if deadline.expired():
            raise OSError("the network answers no PPP; check apn, user and password")
        yield


def _step():
    """Goes on dialling; returns True once connected."""
    global _job, _failed_at
    if _job is None:
        if _ppp is not None and _ppp.isconnected():
            return True
        now = time.ticks_ms()
        if _failed_at is not None and time.ticks_diff(now, _failed_at) < _AGAIN_MS:
            return False
        _job = _dial()
    try:
        next(_job)
    except StopIteration:
        _job = _failed_at = None
        return True
    except (OSError, ConfigError) as error:
        _job, _failed_at = None, time.ticks_ms()
        print("board:", error)
    return False


def network_up(timeout_ms=15_000):
    """Dials; returns True once connected, False after `timeout_ms`; 0: a step, how is it now?"""
    end = time.ticks_add(time.ticks_ms(), timeout_ms)
    while not _step():
        if time.ticks_diff(end, time.ticks_ms()) <= 0:
            return False
        _feed_if_started()
        time.sleep_ms(_SLICE_MS)
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
    """Waits for `ms` with the watchdog fed; the connection stays."""
    end = time.ticks_add(time.ticks_ms(), ms)
    while True:
        feed()
        left = time.ticks_diff(end, time.ticks_ms())
        if left <= 0:
            return
        time.sleep_ms(min(left, _IDLE_MS))


def deep_sleep(ms):
    """Hangs up, and switches off for `ms`, 1 or more; then the board starts anew with boot.py.

    Clock, RTC memory and flash stay, all else is lost.  Never returns.
    """
    if _ppp is not None:
        _ppp.disconnect()
    machine.deepsleep(max(ms, 1))  # 0 would be for ever
