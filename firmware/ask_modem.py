"""What does the modem on a board's UART answer?  Runs on the board, for `signet board modem`.

Needs nothing of signet. Before it stands `ASKED = (settings, commands, needs_pins)`: what is to
count before device.json's `modem`, (command, ms) in turn, and whether tx and rx must be given.
Prints a line for each that goes (">") or comes ("<"), with the time in ms, then "uart ..." in
JSON, what was used; or "pins" where they are missing.
"""

import json
import time

import machine

_BAUDS = (115200, 9600, 57600, 38400, 19200, 4800, 230400, 460800, 921600)
_TRIES = 3
_TRY_MS = 500
_START_MS = 5000
_ENDS = (b"OK", b"ERROR", b"+CME ERROR", b"+CMS ERROR")
_LATE_MS = 3000
_SILENCE_MS = 300
_LONGEST = 1000

_began = time.ticks_ms()


def _settings():
    try:
        with open("/device.json", "rb") as file:
            values = json.load(file)
        found = values.get("worked_out", {}).get("modem") or values.get("modem")
    except (OSError, ValueError, AttributeError):
        found = None
    settings = {"uart": 1, "baud": 115200}
    settings.update(dict.fromkeys(("tx", "rx", "wake", "family", "apn")))
    for given in (found, ASKED[0]):
        if isinstance(given, dict):
            settings.update({name: given[name] for name in given if name in settings})
    return settings


def _say(kind, text):
    print(kind, time.ticks_diff(time.ticks_ms(), _began), json.dumps(text))


class _Line:
    """owed: how many commands have no answer yet."""

    def __init__(self, settings, baud):
        pins = {name: settings[name] for name in ("tx", "rx") if settings[name] is not None}
        self._uart = machine.UART(settings["uart"], baud, timeout=0, rxbuf=2048, **pins)
        self._said = b""
        self.owed = 0

    def ask(self, command, timeout_ms):
        """Returns True when the modem ends an answer in time."""
        _say(">", command)
        self._uart.write(command + "\r")
        self.owed += 1
        owed = self.owed
        end = time.ticks_add(time.ticks_ms(), timeout_ms)
        while time.ticks_diff(end, time.ticks_ms()) > 0:
            self._take()
            if self.owed < owed:
                return True
            time.sleep_ms(5)
        return False

    def settle(self):
        """Returns True when the modem answers, and no late answer can be taken for the next."""
        self.quiet()
        return self.ask("AT", _LATE_MS)

    def quiet(self):
        """Reads what is owed, as far as it comes, until the line is silent."""
        heard = time.ticks_ms()
        end = time.ticks_add(heard, _LATE_MS)
        while time.ticks_diff(end, time.ticks_ms()) > 0 and (
            self.owed or time.ticks_diff(time.ticks_ms(), heard) < _SILENCE_MS
        ):
            if self._take():
                heard = time.ticks_ms()
            time.sleep_ms(5)
        self.owed = 0
        if self._said:
            self._heard(self._said)
            self._said = b""

    def _take(self):
        """Returns True when something has come."""
        came = self._uart.read()
        if not came:
            return False
        self._said += came
        while b"\n" in self._said:
            text, _, self._said = self._said.partition(b"\n")
            text = text.strip()
            if text:
                self._heard(text)
            if self.owed and any(text.startswith(word) for word in _ENDS):
                self.owed -= 1
        return True

    def _heard(self, text):
        _say("<", "".join([chr(byte) for byte in text[:_LONGEST]]))


def _wake(pin):
    """Presses the modem's key, which a transistor pulls to ground."""
    key = machine.Pin(pin, machine.Pin.OUT)
    key.value(1)
    time.sleep_ms(800)
    key.value(0)
    time.sleep_ms(_START_MS)


def _find(settings):
    """Returns the line on which the modem answers, or None."""
    for baud in [settings["baud"]] + [baud for baud in _BAUDS if baud != settings["baud"]]:
        _say("baud", baud)
        line = _Line(settings, baud)
        for left in range(_TRIES - 1, -1, -1):
            is_slow = not left and baud == settings["baud"]
            if line.ask("AT", _LATE_MS if is_slow else _TRY_MS) and line.settle():
                settings["answers"] = baud
                return line
        line.owed = 0
        line.quiet()
    return None


def main():
    settings = _settings()
    if ASKED[2] and None in (settings["tx"], settings["rx"]):
        print("pins")
        return
    line = _find(settings)
    if line is None and settings["wake"] is not None:
        _wake(settings["wake"])
        line = _find(settings)
    if line is not None:
        for command, timeout_ms in ASKED[1]:
            if not line.ask(command, timeout_ms) and not line.settle():
                break
    print("uart", json.dumps(settings))


main()
