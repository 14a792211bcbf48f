"""What does a u-blox SARA-R4, R5 or N4 say?  USO commands, `@`, datagrams in quotes.

u-blox SARA-R4 series AT Commands Manual, 24 "Internet protocol transport layer"; stray line ends
as SARA-R410M prints them.
"""

from typing import ClassVar

from tools.modem.air import Socket
from tools.modem.common import Common
from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import PORT, address, anything, hexa, maybe, num, text
from tools.modem.radio import HOME
from tools.twin.coap.udp import Address

_BINARY, _HEX = 1024, 512
_PROMPT_S = 0.05
_NOT_ALLOWED = 3


class SaraR4(Common):
    """USOCR, USOST, USORF, USOCL."""

    family = "sara_r4"
    maker = "u-blox"
    model = "SARA-R410M-02B"
    revision = "L0.0.00.00.05.08"
    home = HOME
    largest = _BINARY
    echoes_data = False
    unknown = 100
    no_network = _NOT_ALLOWED
    elsewhere = ("+UPSND", "+UPSD")  # R5 has profiles of its own
    settings: ClassVar[Settings] = {
        "+UPSV": ((num(0, 4), maybe(num(0, 65000))), "0"),
        "+UMNOPROF": ((num(0, 100),), "1"),
        "+URAT": ((num(7, 9), maybe(num(7, 9))), "8"),
        "+UBANDMASK": ((num(0, 1), num(0, 2**63), maybe(num(0, 2**63))), ""),
        "+UPSDA": ((num(0, 6), num(0, 6)), ""),
    }

    def forget(self) -> None:
        """Data are binary again."""
        super().forget()
        self.as_hex = False
        self.last_error = 0

    def fell_asleep(self) -> None:
        """It is off then: all is forgotten but the registration."""
        super().fell_asleep()
        self.forget()

    @at("+USOCR=", num(6, 17), maybe(num(0, 65535)), maybe(num(0, 1)))
    async def open(self, protocol: int, local: int | None, profile: int | None) -> None:
        """The number is the modem's choice; 17 is UDP."""
        free = [n for n in range(self.switches.first_socket, 7) if n not in self.air.sockets]
        if protocol != 17 or not free:
            raise Refused(_NOT_ALLOWED)
        try:
            self.air.open(free[0], local or 0, None)
        except OSError:
            raise Refused(_NOT_ALLOWED) from None
        self.info("+USOCR", str(free[0]))

    @at("+UDCONF=", num(1, 1), maybe(num(0, 1)))
    async def hex_mode(self, parameter: int, on: int | None) -> None:
        """Data in commands and answers are hex; not what follows `@`."""
        if on is None:
            self.info("+UDCONF", f"1,{int(self.as_hex)}")
        else:
            self.as_hex = bool(on)

    @at("+USOST=", num(0, 6), address(), PORT, num(1, _BINARY), maybe(anything))
    async def send_data(
        self, number: int, host: str, port: int, count: int, given: str | None
    ) -> None:
        """In the line, or after `@`, and 50 ms."""
        found = self.socket(number, _NOT_ALLOWED)
        if given is None:
            data = await self.data(count, "@", _PROMPT_S)
        else:
            data = hexa()(given) if self.as_hex else text()(given).encode("latin-1")
            if count > _HEX and self.as_hex:
                raise ValueError(f"{count} bytes in hex, at most {_HEX}")
            if len(data) != count:
                raise ValueError(f"{len(data)} bytes where {count} were said")
        if not self.send(found, data, (host, port)):
            self.last_error = 11
            raise Refused(_NOT_ALLOWED)
        self.info("+USOST", f"{number},{count}")

    def came(self, receiver: Socket, datagram: bytes, sender: Address, first: bool) -> bool:
        """How much waits, in all."""
        self.urc_data("+UUSORD", f"{receiver.number},{receiver.unread}")
        return True

    @at("+USORF=", num(0, 6), num(0, _BINARY))
    async def read(self, number: int, most: int) -> None:
        """One datagram, or as much of it as is asked for; with 0 how much waits."""
        found = self.socket(number, _NOT_ALLOWED)
        if most == 0:
            self.line.write(b"\r\r\n\r")
            self.info("+USORF", f"{number},{found.unread}")
            return
        part = found.read(min(most, _HEX) if self.as_hex else most)
        if part is None:
            self.info("+USORF", f'{number},""')
            return
        data, (host, port) = part
        shown = data.hex().upper() if self.as_hex else data.decode("latin-1")
        self.line.write(b"\r\n")
        self.info("+USORF", f'{number},"{host}",{port},{len(data)},"{shown}"')
        if found.unread:
            self.later(0.01, self._left, found)

    def _left(self, found: Socket) -> None:
        if found.unread:
            self.urc_data("+UUSORF", f"{found.number},{found.unread}")

    @at("+USOCL=", num(0, 6))
    async def close_socket(self, number: int) -> None:
        """An error where it is not open."""
        self.socket(number, _NOT_ALLOWED)
        self.air.close(number)

    @at("+USOCTL=", num(0, 6), num(0, 11))
    async def state(self, number: int, parameter: int) -> None:
        """Type 17 is UDP, 0 none."""
        kind = 17 if number in self.air.sockets else 0
        self.info("+USOCTL", f"{number},{parameter},{kind if parameter == 0 else 0}")

    @at("+USOER")
    async def error(self) -> None:
        """Of the last socket command."""
        self.info("+USOER", str(self.last_error))

    @at("+UDNSRN=", num(0, 1), text())
    async def look_up(self, kind: int, host: str) -> None:
        """The address, then OK."""
        found = await self.resolve(host)
        if found is None:
            raise Refused(_NOT_ALLOWED)
        self.info("+UDNSRN", f'"{found}"')

    @at("+CCID")
    @at("+CCID?")
    async def card(self) -> None:
        """The SIM's number."""
        self.info("+CCID", self.card_number())

    def registration(self) -> None:
        """Without a network the sockets end, one line each."""
        super().registration()
        if not self.radio.registered:
            for number in self.air.close_all():
                self.urc("+UUSOCL", str(number))

    @at("+CPWROFF")
    async def power_down(self) -> None:
        """It starts anew when it is spoken to: nobody presses its key."""
        self.final("OK")
        self.later(0.01, self.reboot)
