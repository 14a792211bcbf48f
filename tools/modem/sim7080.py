"""What does a SIMCom SIM7070, SIM7080 or SIM7090 say?  CA commands, binary, reads by count.

SIM7070_SIM7080_SIM7090 Series AT Command Manual, CNACT and CA commands; TCPUDP Application Note.
"""

from typing import ClassVar

from tools.modem.air import Socket
from tools.modem.common import Common
from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import PORT, anything, maybe, num, text
from tools.modem.radio import HOME
from tools.twin.coap.udp import Address

_LARGEST = 1459
_OPEN_FAILED, _BAD_NAME = 1, 2


class Sim7080(Common):
    """CNACT, CAOPEN, CASEND, CARECV, CACLOSE."""

    family = "sim7080"
    maker = "SIMCOM INCORPORATED"
    model = "SIMCOM_SIM7080G"
    revision = "1951B17SIM7080"
    home = HOME
    largest = _LARGEST
    banner = (b"\r\nRDY\r\n", b"\r\n+CFUN: 1\r\n", b"\r\n+CPIN: READY\r\n", b"\r\nSMS Ready\r\n")
    waking = banner
    settings: ClassVar[Settings] = {
        "+CNCFG": ((num(0, 3), num(0, 4), *[maybe(anything)] * 4), ""),
        "+CNMP": ((num(0, 99),), "38"),
        "+CMNB": ((num(1, 3),), "2"),
        "+CPSMSTATUS": ((num(0, 1),), "0"),
        "+CSCLK": ((num(0, 2),), "0"),
        "+CBANDCFG": ((text(), *[maybe(num(1, 99))] * 20), ""),
        "+CASSLCFG": ((num(0, 12), text(), anything), ""),
        "+CACFG": ((text(), anything), ""),
        "+CDNSCFG": ((text(), maybe(text())), ""),
    }

    def forget(self) -> None:
        """No context is up."""
        super().forget()
        self.active: set[int] = set()

    def fell_asleep(self) -> None:
        """It is off then: all is forgotten but the registration."""
        super().fell_asleep()
        if self.kept["+CPSMSTATUS"] == "1":
            self.line.write(b'\r\n+CPSMSTATUS: "ENTER PSM"\r\n')
        self.forget()

    def registration(self) -> None:
        """Without a network the contexts go down, and the sockets with them."""
        super().registration()
        if not self.radio.registered:
            for number in self.air.close_all():
                self.urc("+CASTATE", f"{number},0")
            for context in sorted(self.active):
                self.urc("+APP PDP", f"{context},DEACTIVE")
            self.active.clear()

    @at("+CNACT=", num(0, 3), num(0, 2))
    async def activate(self, context: int, on: int) -> None:
        """OK, then that it is up."""
        if on and (context in self.active or not self.radio.registered):
            raise Refused(3)
        if on:
            self.active.add(context)
            self.later(0.02, self.urc, "+APP PDP", f"{context},ACTIVE")
        elif context in self.active:
            self.active.discard(context)
            self.air.close_all()
            self.later(0.02, self.urc, "+APP PDP", f"{context},DEACTIVE")

    @at("+CNACT?")
    async def activated(self) -> None:
        """All four."""
        for context in range(4):
            up = context in self.active
            own = self.own_address if up else "0.0.0.0"  # noqa: S104
            self.info("+CNACT", f'{context},{int(up)},"{own}"')

    @at("+CAOPEN=", num(0, 12), num(0, 3), text("UDP", "TCP"), text(), PORT, maybe(num(0, 1)))
    async def open(
        self, number: int, context: int, kind: str, host: str, port: int, push: int | None
    ) -> None:
        """The number first. A failure has OK too; without a context, a version and NO CARRIER."""
        if context not in self.active:
            self.info(None, "R1951.04")
            self.final("NO CARRIER")
            return
        if number in self.air.sockets or kind.upper() == "TCP":
            self.info("+CAOPEN", f"{number},{_OPEN_FAILED}")
            return
        found = await self.resolve(host)
        if found is not None:
            self.air.open(number, 0, (found, port), push=bool(push))
        self.info("+CAOPEN", f"{number},{0 if found is not None else _BAD_NAME}")

    @at("+CASEND=", num(0, 12), num(1, _LARGEST), maybe(num(0, 65535)))
    async def send_data(self, number: int, count: int, wait: int | None) -> None:
        """A prompt, the data, OK."""
        found = self.socket(number)
        data = await self.data(count, "> ")
        assert found.peer is not None
        if not self.send(found, data, found.peer):
            raise Refused(None)

    def came(self, receiver: Socket, datagram: bytes, sender: Address, first: bool) -> bool:
        """Announced without a length; pushed with one."""
        if receiver.push:
            self.urc_data("+CAURC", f'"recv",{receiver.number},{len(datagram)}', datagram)
            return False
        if first:
            self.urc_data("+CADATAIND", str(receiver.number))
        return True

    @at("+CARECV=", num(0, 12), num(1, _LARGEST))
    async def read(self, number: int, most: int) -> None:
        """Data behind a comma, counted; nothing there: 0."""
        part = self.socket(number).read(most)
        if part is None:
            self.info("+CARECV", "0")
        else:
            self.info("+CARECV", f"{len(part[0])},{part[0].decode('latin-1')}")

    @at("+CACLOSE=", num(0, 12))
    async def close_socket(self, number: int) -> None:
        """An error where it is not open."""
        self.socket(number)
        self.air.close(number)

    @at("+CASTATE?")
    async def states(self) -> None:
        """A line for each; none: OK alone."""
        for number in sorted(self.air.sockets):
            self.info("+CASTATE", f"{number},1")

    @at("+CDNSGIP=", text(), maybe(num(1, 10)), maybe(num(1000, 60000)))
    async def look_up(self, host: str, tries: int | None, timeout: int | None) -> None:
        """OK, then 1 and the address, or 0 and an error."""
        if not self.active:
            raise Refused(3)
        self.final("OK")
        self.aside(self._look_up(host))

    async def _look_up(self, host: str) -> None:
        found = await self.resolve(host)
        self.urc("+CDNSGIP", f'1,"{host}","{found}"' if found else "0,8")

    @at("+CPSI?")
    async def system(self) -> None:
        """The serving cell."""
        self.info(
            "+CPSI", "LTE NB-IOT,Online,001-01,0x1A2B,284,EUTRAN-BAND20,6300,0,0,-11,-88,-65,14"
        )

    @at("+CCID")
    async def card(self) -> None:
        """The SIM's number."""
        self.info(None, self.card_number())

    @at("+CREBOOT")
    async def restart(self) -> None:
        """OK, then the banner."""
        self.final("OK")
        self.later(0.01, self.reboot)
