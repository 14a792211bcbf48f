"""What do a modem's answers mean?  Who it is, and what is wrong with it, in words.

Sources: 3GPP TS 27.007 (CPIN, CFUN, CEREG, CSQ, CESQ, CGDCONT, CPSMS); the families' manuals (how
each shows its bands).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_NAMES = {
    r"BC660K": "bc660k",
    r"BC26|BC66": "bc66",
    r"BG95|BG77|BG600|BG96": "bg95",
    r"BC95|BC28|BC35|BC68": "bc95",
    r"SARA-N2": "sara_n2",
    r"SIM7020": "sim7020",
    r"SIM70[789]0": "sim7080",
    r"SARA-(R4|R5|N4)": "sara_r4",
}
"""What ATI, CGMM or CGMR of a modem say -> its family in device.json."""

BANDS = ('AT+QCFG="band"', "AT+QBAND?", "AT+NBAND?", "AT+CBAND?", "AT+CBANDCFG?", "AT+UBANDMASK?")
IDENTITIES = ("AT+CGSN", "AT+CIMI", "AT+CCID", "AT+QCCID", "AT+NCCID")
_STATES = {
    0: ("not registered, and it does not search", "the radio is off, or has no SIM card"),
    1: ("registered, at home", ""),
    2: ("searches", "no coverage: check the antenna, its bands, and whether the place has NB-IoT"),
    3: ("denied", "the network refuses this SIM card: check its contract, and `apn`"),
    4: ("unknown", "no coverage: check the antenna"),
    5: ("registered, roaming", ""),
}
"""+CEREG's <stat>: what it is, and what is wrong."""

_NO_CARD = "there is none, or it has no contact"
_TWO = re.compile(r"\d+\s*,\s*(\d+)\s*(?:,|$)")
_WEAK_DBM = -115
NOT_TOLD = "not told"


class Said(NamedTuple):
    """uart: what was used, and `answers`, the baud at which the modem does. lines: (ms, ">" or
    "<", text).
    """

    uart: dict[str, Any]
    lines: list[tuple[int, str, str]]

    def _behind(self, command: str) -> list[str]:
        """What came between a command and the next."""
        found: list[str] = []
        is_on = False
        for _, kind, text in self.lines:
            if kind == ">":
                if is_on:
                    break
                is_on = text == command
            elif is_on:
                found.append(text)
        return found

    def answer(self, command: str) -> list[str]:
        """What came after a command, without its echo and OK; empty where it was refused."""
        found = [text for text in self._behind(command) if text not in ("OK", command)]
        if any("ERROR" in text for text in found):
            return []
        own = re.split("[=?]", command.removeprefix("AT"))[0]
        unasked = re.compile(rf"\+(?!{re.escape(own[1:])}:)\w+:")
        return [text for text in found if not unasked.match(text)]

    def refusal(self, command: str) -> str:
        """The number in `+CME ERROR: 10`, or ""."""
        found = [text for text in self._behind(command) if text.startswith("+CME ERROR")]
        return found[0].partition(":")[2].strip() if found else ""

    def value(self, command: str, prefix: str) -> str:
        """What is behind a prefix in the answer, or ""."""
        return next(iter(self.values(command, prefix)), "")

    def values(self, command: str, prefix: str) -> list[str]:
        """The same of each such line."""
        found = [text for text in self.answer(command) if text.startswith(f"{prefix}:")]
        return [text.partition(":")[2].strip() for text in found]


class Fact(NamedTuple):
    """What is asked, what the modem is or has, and what is wrong with that, in words."""

    name: str
    value: str
    wrong: str = ""


def look(said: Said) -> Iterator[Fact]:
    """What the answers mean."""
    uart = said.uart
    yield _line(uart, junk=any(kind == "<" for _, kind, _ in said.lines))
    if "answers" not in uart:
        return
    yield _who(said)
    yield Fact("firmware", " ".join(said.answer("AT+CGMR")) or NOT_TOLD)
    yield _card(said)
    yield _registration(said)
    yield _signal(said)
    if operator := said.value("AT+COPS?", "+COPS"):
        yield Fact("operator", operator)
    yield _apn(said)
    for command in BANDS:
        if found := said.answer(command):
            yield Fact("bands", " ".join(found))
    for name, command, prefix in (
        ("PSM", "AT+CPSMS?", "+CPSMS"),
        ("eDRX", "AT+CEDRXS?", "+CEDRXS"),
        ("radio", "AT+CSCON?", "+CSCON"),
        ("time", "AT+CCLK?", "+CCLK"),
    ):
        if value := said.value(command, prefix):
            yield Fact(name, value)
    for command in IDENTITIES:
        if found := said.answer(command):
            yield Fact(command.removeprefix("AT+"), " ".join(found))


def _line(uart: dict[str, Any], *, junk: bool) -> Fact:
    pins = f", tx {uart['tx']}, rx {uart['rx']}" if uart["tx"] is not None else ""
    where = f"UART {uart['uart']}{pins}"
    if "answers" not in uart:
        why = "it answers nothing that can be read: check `baud`, and the level of the line"
        if not junk:
            why = "no modem answers at any baud: is it powered and switched on (PWRKEY), do tx and"
            why += (
                " rx cross, have both the same ground? Asleep, most wake by their key only: `wake`"
            )
        return Fact("line", where, why)
    baud, wanted = uart["answers"], uart["baud"]
    wrong = f'it answers at {baud} baud, not at {wanted}: set "baud": {baud}'
    return Fact("line", f"{where}, {baud} baud", "" if baud == wanted else wrong)


def _who(said: Said) -> Fact:
    commands = ("ATI", "AT+CGMM", "AT+CGMR")
    text = " ".join(text for command in commands for text in said.answer(command))
    found = next((family for name, family in _NAMES.items() if re.search(name, text)), None)
    shown = " ".join([*said.answer("AT+CGMI"), *said.answer("AT+CGMM")]) or text
    wanted = said.uart.get("family")
    if found is None:
        return Fact("modem", shown, "signet knows no such family")
    wrong = f"it is of the family {found}, device.json says {wanted}" if wanted else ""
    return Fact("modem", f"{shown}: {found}", "" if found == wanted else wrong)


def _card(said: Said) -> Fact:
    state = said.value("AT+CPIN?", "+CPIN")
    if state == "READY":
        return Fact("SIM card", "ready")
    if state:
        wrong = "it is locked, or not ready: try it in a telephone"
        if state == "SIM PIN":
            wrong = "it asks for a PIN: switch that off, in a telephone"
        elif state == "SIM PUK":
            wrong = "it asks for its PUK after too many wrong PINs: unlock it in a telephone"
        elif state == "NOT INSERTED":
            wrong = _NO_CARD
        return Fact("SIM card", state, wrong)
    number = said.refusal("AT+CPIN?")
    if number in ("10", "13", "14", "15"):
        return Fact("SIM card", f"+CME ERROR: {number}", _NO_CARD)
    return Fact("SIM card", NOT_TOLD)


def _registration(said: Said) -> Fact:
    if (mode := said.value("AT+CFUN?", "+CFUN").partition(",")[0]) in ("0", "4"):
        wrong = "the radio is off, until signet has started the modem, or AT+CFUN=1 is sent"
        return Fact("network", f"radio off (CFUN {mode})", wrong)
    # What comes unasked has the state only.
    found = [_TWO.match(value) for value in said.values("AT+CEREG?", "+CEREG")]
    states = [int(match[1]) for match in found if match]
    if not states:
        return Fact("network", NOT_TOLD)
    return Fact("network", *_STATES.get(states[-1], (f"state {states[-1]}", "")))


def _signal(said: Said) -> Fact:
    numbers = re.findall(r"\d+", said.value("AT+CESQ", "+CESQ"))
    if len(numbers) == 6 and numbers[5] != "255":
        dbm, kind = int(numbers[5]) - 141, "RSRP"
    else:
        numbers = re.findall(r"\d+", said.value("AT+CSQ", "+CSQ"))
        if not numbers or numbers[0] == "99":
            is_told = said.answer("AT+CESQ") or numbers
            return Fact("signal", "not known" if is_told else NOT_TOLD)
        dbm, kind = 2 * int(numbers[0]) - 113, "RSSI"
    weak = dbm < _WEAK_DBM if kind == "RSRP" else numbers[0] == "0"
    return Fact("signal", f"{kind} {dbm} dBm", "weak: check antenna and place" if weak else "")


def _apn(said: Said) -> Fact:
    contexts = said.values("AT+CGDCONT?", "+CGDCONT")
    first = next((text for text in contexts if text.startswith("1,")), *contexts[:1] or [""])
    shown = re.findall(r'"([^"]*)"', first)[1:2]
    wanted = said.uart.get("apn")
    value = (shown or [""])[0] or "none is set"
    if wanted and wanted.lower() not in value.lower():
        value += f"; device.json says {wanted}, which is set at the next start"
    return Fact("APN", value)
