"""What does a SIMCom SIM7020 say?  CSO commands; its lengths count hex digits, both ways.

SIM7020 Series TCPIP Application Note; SIM7020 Series AT Command Manual.
"""

from typing import ClassVar

from tools.modem.air import Socket
from tools.modem.common import Common
from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import PORT, address, anything, hexa, maybe, num, text
from tools.modem.radio import HOME
from tools.twin.coap.udp import Address

_MOST_HEX, _MOST_BINARY = 512, 1024
_NOT_ALLOWED = 3


class Sim7020(Common):
    """CSOC, CSOCON, CSOSEND, CSONMI, CSOCL."""

    family = "sim7020"
    maker = "SIMCOM"
    model = "SIM7020E"
    clock_is_local = False
    revision = "1752B04SIM7020E"
    home = HOME
    largest = _MOST_HEX
    banner = (b"\r\n+CPIN: READY\r\n",)
    waking = (b"\r\n+CPIN: READY\r\n",)
    settings: ClassVar[Settings] = {
        "+CSORCVFLAG": ((num(0, 1),), "0"),
        "+CSOSENDFLAG": ((num(0, 1),), "0"),
        "+CPSMSTATUS": ((num(0, 1),), "0"),
        "+RETENTION": ((num(0, 1),), "0"),
        "+CSCLK": ((num(0, 2),), "0"),
        "*MCGDEFCONT": ((text(), maybe(text()), maybe(text()), maybe(text())), ""),
        "+CBAND": ((num(0, 99),), "0"),
    }

    def forget(self) -> None:
        """No socket is made; what is made is not yet in the air."""
        super().forget()
        self.made: set[int] = set()

    @at("+CSOC=", num(1, 2), num(1, 2), num(1, 2), maybe(num(1, 65535)))
    async def make(self, domain: int, kind: int, protocol: int, context: int | None) -> None:
        """1: IPv4; 2: datagrams; 1: IP."""
        free = [n for n in range(self.switches.first_socket, 6) if n not in self.made]
        if (domain, kind, protocol) != (1, 2, 1) or not free or not self.radio.registered:
            raise Refused(_NOT_ALLOWED)
        self.made.add(free[0])
        self.info("+CSOC", str(free[0]))

    @at("+CSOCON=", num(0, 5), PORT, address())
    async def connect(self, number: int, port: int, host: str) -> None:
        """The port stands before the address."""
        if number not in self.made or number in self.air.sockets:
            raise Refused(_NOT_ALLOWED)
        self.air.open(number, 0, (host, port))

    @at("+CSOSEND=", num(0, 5), num(0, 2 * _MOST_HEX), anything)
    async def send_data(self, number: int, count: int, data: str) -> None:
        """Length 0: text in quotes; else so many hex digits."""
        body = text()(data).encode("latin-1") if count == 0 else hexa(None)(data)
        if count and count != 2 * len(body):
            raise ValueError(f"{2 * len(body)} digits where {count} were said")
        self._send(self.socket(number, _NOT_ALLOWED), body)

    @at("+CSODSEND=", num(0, 5), num(1, _MOST_BINARY))
    async def send_binary(self, number: int, count: int) -> None:
        """A prompt, the data, DATA ACCEPT."""
        found = self.socket(number, _NOT_ALLOWED)
        data = await self.data(count, "> ")
        self._send(found, data)
        self.final(f"DATA ACCEPT: {count}")

    def _send(self, found: Socket, data: bytes) -> None:
        assert found.peer is not None
        if not self.send(found, data, found.peer):
            raise Refused(_NOT_ALLOWED)

    no_network = _NOT_ALLOWED

    @at("+CNMPSD")
    async def no_more_data(self) -> None:
        """The radio may go."""
        self.radio.hint()

    def came(self, receiver: Socket, datagram: bytes, sender: Address, first: bool) -> bool:
        """Pushed: hex, counted in digits; raw, counted in bytes, with +CSORCVFLAG 1."""
        if self.kept["+CSORCVFLAG"] == "1":
            head = f"{receiver.number},{len(datagram)},"
            self.urc_data("+CSONMI", head + datagram.decode("latin-1"))
        else:
            self.urc_data(
                "+CSONMI", f"{receiver.number},{2 * len(datagram)},{datagram.hex().upper()}"
            )
        return False

    @at("+CSOCL=", num(0, 5))
    async def close_socket(self, number: int) -> None:
        """An error where there is none."""
        if number not in self.made:
            raise Refused(_NOT_ALLOWED)
        self.made.discard(number)
        self.air.close(number)

    @at("+CSOSTATUS=", num(0, 5))
    async def state(self, number: int) -> None:
        """0 none, 1 made, 2 connected."""
        state = 2 if number in self.air.sockets else int(number in self.made)
        self.info("+CSOSTATUS", f"{number},{state}")

    @at("+CDNSGIP=", text())
    async def look_up(self, host: str) -> None:
        """OK, then 1 and the address, or 0 and an error."""
        self.final("OK")
        self.aside(self._look_up(host))

    async def _look_up(self, host: str) -> None:
        found = await self.resolve(host)
        self.urc("+CDNSGIP", f'1,"{host}","{found}"' if found else "0,8")

    @at("+CENG?")
    async def engineering(self) -> None:
        """The serving cell."""
        self.info("+CENG", '6300,0,284,"00A1B2C4",-92,-5,-87,10,20,"1A2B",0,14,2')

    @at("+CCID")
    async def card(self) -> None:
        """The SIM's number."""
        self.info(None, self.card_number())

    def registration(self) -> None:
        """Without a network the sockets end, one line each."""
        super().registration()
        if not self.radio.registered:
            for number in self.air.close_all():
                self.urc("+CSOERR", f"{number},4")
            self.made.clear()

    def fell_asleep(self) -> None:
        """It says so where it was asked; the sockets go."""
        super().fell_asleep()
        if self.kept["+CPSMSTATUS"] == "1":
            self.line.write(b'\r\n+CPSMSTATUS: "ENTER PSM"\r\n')
        self.made.clear()

    def woke(self) -> None:
        """After the SIM is ready."""
        super().woke()
        if self.kept["+CPSMSTATUS"] == "1":
            self.urc("+CPSMSTATUS", '"EXIT PSM"')
