"""What do all modems answer alike?  The commands of 3GPP TS 27.007, and the few of V.250."""

import datetime
from typing import ClassVar

from tools.modem.core import Core
from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import anything, bits, maybe, num, text

_PIN_MISSING = 10  # 27.007, 9.2.1: SIM not inserted
_STAT = {0: "off", 1: "home", 2: "searching", 3: "denied", 5: "roaming"}

ERROR_TEXTS = {
    3: "operation not allowed",
    4: "operation not supported",
    10: "SIM not inserted",
    30: "no network service",
    50: "Incorrect parameters",
    51: "Command implementation currently disabled",
}
"""27.007, 9.2."""


class Common(Core):
    """A modem that knows the commands every family has."""

    maker = ""
    model = ""
    revision = ""
    act = 9
    """<AcT> of +CEREG: 9 is NB-IoT."""
    quoted_cell = True
    """<tac> and <ci> stand in quotes."""
    cell = "1A2B", "00A1B2C4"
    no_cell = "0000", "00000000"
    trailing = ""
    """What follows <AcT> of +CEREG where <n> is 3 or more."""
    most_cereg = 5
    clock_quotes = True
    clock_is_local: ClassVar[bool] = True
    """Some show UTC, with the quarters of an hour all the same."""
    error_texts = ERROR_TEXTS
    settings: ClassVar[Settings] = {
        "+CMEE": ((num(0, 2),), "0"),
        "+CTZR": ((num(0, 3),), "0"),
        "+CTZU": ((num(0, 3),), "0"),
        "+CSCON": ((num(0, 3),), "0"),
        "+CEDRXS": ((num(0, 3), maybe(num(0, 5)), maybe(bits(4))), ""),
        "+CGEREP": ((num(0, 2), maybe(num(0, 1))), "0"),
        "+COPS": (
            (num(0, 4), maybe(num(0, 2)), maybe(text(quotes=True)), maybe(num(0, 9))),
            "0",
        ),
        "+IPR": ((num(0, 921600),), "115200"),
    }

    def forget(self) -> None:
        """No context, and no unsolicited registration."""
        super().forget()
        self.cereg = 0
        self.contexts = {1: ("IP", "")}
        self.psm: str | None = None

    @at("")
    @at("Z")
    @at("&F")
    @at("&W")
    @at("V1")
    @at("Q0")
    async def nothing(self) -> None:
        """OK."""

    @at("E0")
    async def echo_off(self) -> None:
        """V.250, 6.2.4."""
        self.echo = False

    @at("E1")
    @at("E")
    async def echo_on(self) -> None:
        """V.250, 6.2.4."""
        self.echo = True

    @at("I")
    async def identity(self) -> None:
        """V.250, 6.1.3."""
        for line in (self.maker, self.model, f"Revision: {self.revision}"):
            self.info(None, line)

    @at("+CGMI")
    async def manufacturer(self) -> None:
        """27.007, 5.1."""
        self.info(None, self.maker)

    @at("+CGMM")
    async def model_name(self) -> None:
        """27.007, 5.2."""
        self.info(None, self.model)

    @at("+CGMR")
    async def revision_name(self) -> None:
        """27.007, 5.3."""
        self.info(None, self.revision)

    @at("+CGSN")
    @at("+CGSN=", num(0, 3))
    async def serial(self, kind: int | None = None) -> None:
        """27.007, 5.4: the test IMEI."""
        if kind is None:
            self.info(None, "004999010640000")
        else:
            self.info("+CGSN", "004999010640000" if not self.quoted_cell else '"004999010640000"')

    def check_sim(self) -> None:
        """raises: Refused: there is none."""
        if self.switches.no_sim:
            raise Refused(_PIN_MISSING)

    def card_number(self) -> str:
        """The SIM's number: of the test network. raises: Refused: there is none."""
        self.check_sim()
        return "89010101234567890123"

    @at("+CIMI")
    async def subscriber(self) -> None:
        """27.007, 5.6: of the test network."""
        self.check_sim()
        self.info(None, "001010123456789")

    @at("+CPIN?")
    async def pin(self) -> None:
        """27.007, 8.3."""
        self.check_sim()
        self.info("+CPIN", "READY")

    @at("+CFUN?")
    async def function(self) -> None:
        """27.007, 8.2."""
        self.info("+CFUN", str(int(self.radio_on)))

    @at("+CFUN=", num(0, 19), maybe(num(0, 1)))
    async def set_function(self, function: int, reset: int | None) -> None:
        """27.007, 8.2: 0 and 4 radio off, 1 on; with a 1 behind it, or 15, 16: a reset."""
        if reset or function in (15, 16):
            self.final("OK")
            self.later(0.01, self.reboot)
        elif function == 1:
            self.radio_on = True
            self.radio.on()
        elif function in (0, 4):
            self.radio_on = False
            self.radio.off()
        else:
            raise Refused(50)

    radio_on = True

    def power_on(self) -> None:
        """Radio on, unless a switch says otherwise."""
        self.radio_on = not self.switches.radio_off
        super().power_on()

    def _registration_fields(self, count: int) -> str:
        if count < 2:
            return str(self.radio.stat)
        cell = self.cell if self.radio.registered else self.no_cell
        area, place = (f'"{part}"' if self.quoted_cell else part for part in cell)
        found = f"{self.radio.stat},{area},{place},{self.act}"
        return found + self.trailing if count > 2 else found

    @at("+CEREG?")
    async def registration_now(self) -> None:
        """27.007, 10.1.22: <n>, and what the unsolicited line has."""
        self.info("+CEREG", f"{self.cereg},{self._registration_fields(self.cereg)}")

    @at("+CEREG=", num(0, 5))
    async def registration_told(self, count: int) -> None:
        """27.007, 10.1.22."""
        if count > self.most_cereg:
            raise Refused(50)
        self.cereg = count

    @at("+CGREG?")
    async def other_registration(self) -> None:
        """27.007, 10.1.20: of GPRS; 4, unknown, as seen on NB-IoT."""
        self.info("+CGREG", "0,4")

    def registration(self) -> None:
        """The unsolicited +CEREG has one number fewer than the answer."""
        self.event("registration", _STAT[self.radio.stat])
        if self.cereg:
            self.urc("+CEREG", self._registration_fields(self.cereg))

    def noises(self) -> list[tuple[str, str]]:
        """With the registration, where that may come."""
        found = super().noises()
        if self.cereg:
            found.append(("+CEREG", self._registration_fields(self.cereg)))
        return found

    @at("+CGATT?")
    async def attached(self) -> None:
        """27.007, 10.1.9."""
        self.info("+CGATT", str(int(self.radio.registered)))

    @at("+CGATT=", num(0, 1))
    async def attach(self, on: int) -> None:
        """27.007, 10.1.9."""
        if on and self.radio_on:
            self.radio.on()
        elif not on:
            self.radio.off()

    @at("+COPS?")
    async def operator(self) -> None:
        """27.007, 7.3."""
        name = f',2,"00101",{self.act}' if self.radio.registered else ""
        self.info("+COPS", f"0{name}")

    @at("+CGDCONT=", num(0, 15), maybe(text("IP", "IPV6", "IPV4V6", "NONIP")), maybe(text()),
        *[maybe(anything)] * 12)  # fmt: skip
    async def define_context(
        self, number: int, kind: str | None, apn: str | None, *_rest: object
    ) -> None:
        """27.007, 10.1.1."""
        if kind is None:
            self.contexts.pop(number, None)
        else:
            self.contexts[number] = kind.upper(), apn or ""

    @at("+CGDCONT?")
    async def defined_contexts(self) -> None:
        """27.007, 10.1.1."""
        for number, (kind, apn) in sorted(self.contexts.items()):
            self.info("+CGDCONT", f'{number},"{kind}","{apn}",,0,0')

    @at("+CGACT=", num(0, 1), maybe(num(0, 15)))
    async def activate_context(self, on: int, number: int | None) -> None:
        """27.007, 10.1.10."""
        if on and not self.radio.registered:
            raise Refused(30)

    @at("+CGACT?")
    async def active_contexts(self) -> None:
        """27.007, 10.1.10."""
        for number in sorted(self.contexts):
            self.info("+CGACT", f"{number},{int(self.radio.registered)}")

    own_address = "10.11.32.148"

    @at("+CGPADDR")
    @at("+CGPADDR=", num(0, 15))
    async def context_address(self, number: int | None = None) -> None:
        """27.007, 10.1.12."""
        own = f',"{self.own_address}"' if self.quoted_cell else f",{self.own_address}"
        for each in sorted(self.contexts) if number is None else [number]:
            self.info("+CGPADDR", f"{each}{own if self.radio.registered else ''}")

    @at("+CGCONTRDP")
    @at("+CGCONTRDP=", num(0, 15))
    async def context_now(self, number: int | None = None) -> None:
        """27.007, 10.1.23."""
        if self.radio.registered:
            apn = self.contexts.get(number or 1, ("IP", ""))[1] or "iot.example"
            self.info("+CGCONTRDP", f'{number or 1},5,"{apn}","{self.own_address}.255.255.255.0"')

    @at("+CSQ")
    async def signal(self) -> None:
        """27.007, 8.5: RSSI in steps of 2 dB from -113 dBm."""
        self.info("+CSQ", "17,99" if self.radio.registered else "99,99")

    @at("+CESQ")
    async def extended_signal(self) -> None:
        """27.007, 8.69."""
        self.info("+CESQ", f"99,99,255,255,{'20,51' if self.radio.registered else '255,255'}")

    @at("+CSCON?")
    async def connection(self) -> None:
        """27.007, 7.30."""
        self.info("+CSCON", f"{self.kept['+CSCON']},{int(self.radio.connected)}")

    @at("+CCLK?")
    async def clock(self) -> None:
        """27.007, 8.15: local time, an hour ahead here, with quarters of an hour behind it."""
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=self.clock_is_local)
        shown = f"{now:%y/%m/%d,%H:%M:%S}+04" if self.radio.registered else self.no_clock
        if shown is not None:
            self.info("+CCLK", f'"{shown}"' if self.clock_quotes else shown)

    no_clock: str | None = "80/01/06,00:00:10+00"
    """Before a network has told the time; None: no line at all."""

    @at("+CPSMS=", num(0, 2), maybe(anything), maybe(anything), maybe(bits(8)), maybe(bits(8)))
    async def power_saving(
        self, mode: int, _rau: object, _ready: object, periodic: str | None, active: str | None
    ) -> None:
        """27.007, 7.38: T3412 and T3324 as 8 bits."""
        if mode == 1:
            periodic, active = periodic or "00100001", active or "00000101"
            self.psm = f'"{periodic}","{active}"' if self.quoted_cell else f"{periodic},{active}"
        else:
            self.psm = None
        self.radio.active_time = active if mode == 1 else None
        if not self.radio.connected:
            self.radio.rest()

    @at("+CPSMS?")
    async def power_saving_now(self) -> None:
        """27.007, 7.38."""
        self.info("+CPSMS", f"{int(bool(self.psm))}" + (f",,,{self.psm}" if self.psm else ""))

    @at("+CEDRXRDP")
    async def edrx_now(self) -> None:
        """27.007, 7.41."""
        value = self.kept["+CEDRXS"].rsplit(",", 1)[-1].strip('"') or "0000"
        shown = f'5,"{value}","{value}","0011"' if int(value, 2) else "0"
        self.info("+CEDRXRDP", shown)
