"""What do Quectel's modems with QI commands share?  Opening, names, states of sockets, errors.

BG95 and BG77 TCP/IP application note; BC26 and BC66 TCP/IP AT commands manual.
"""

from typing import ClassVar

from tools.modem.air import Socket
from tools.modem.common import Common
from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import anything, maybe, num, text
from tools.twin.coap.udp import Address

PARSE_FAILED, NO_CONTEXT, IN_USE, PORT_BUSY = 565, 561, 563, 574
"""<err> of +QIOPEN, table of the application notes."""

REPLIES = {1: 0, 2: 1}
"""<rai_mode> of a send: 1 no more data, 2 one reply -> how many replies follow."""


class Quectel(Common):
    """QIOPEN to QICLOSE."""

    maker = "Quectel"
    most_sockets: ClassVar[int] = 12
    contexts_from: ClassVar[int] = 1
    """The first number of a context that QIOPEN takes."""
    services: ClassVar[tuple[str, ...]] = ("UDP", "TCP")
    default_mode: ClassVar[int] = 0
    """<access_mode> where QIOPEN says none."""
    settings: ClassVar[Settings] = {
        "+QICFG": ((text(), maybe(num(0, 65535)), maybe(num(0, 65535)), maybe(anything)), ""),
        "+QIDNSCFG": ((num(0, 16), maybe(text()), maybe(text())), ""),
        "+QSCLK": ((num(0, 2),), "0"),
        "+QBAND": ((num(0, 99), *[maybe(num(1, 99))] * 20), "0"),
    }

    def forget(self) -> None:
        """No socket has said anything."""
        super().forget()
        self.last_error = 0
        self.told: set[int] = set()  # sockets whose data were announced, and not read to the end

    def fell_asleep(self) -> None:
        """It is off then: all is forgotten but the registration."""
        super().fell_asleep()
        self.forget()

    def ready(self, context: int) -> bool:
        """Is the context up?"""
        return self.radio.registered

    @at("+QIOPEN=", num(0, 16), num(0, 11), text("UDP", "UDP SERVICE", "TCP"), text(),
        num(0, 65535), maybe(num(0, 65535)), maybe(num(0, 2)))  # fmt: skip
    async def open(
        self, context: int, number: int, service: str, host: str, port: int,
        local: int | None, mode: int | None,
    ) -> None:  # fmt: skip
        """OK, and the result when there is one."""
        plain = service.upper() == "UDP"
        if number >= self.most_sockets or service.upper() not in self.services:
            raise Refused(50)
        if context < self.contexts_from or mode == 2 or service.upper() == "TCP":
            raise Refused(50)
        if plain and not port:
            raise Refused(50)
        self.final("OK")
        mode = self.default_mode if mode is None else mode
        peer = (host, port) if plain else None
        self.aside(self._open(context, number, peer, local or 0, mode))

    async def _open(
        self, context: int, number: int, peer: Address | None, local: int, mode: int
    ) -> None:
        error = 0
        address = await self.resolve(peer[0]) if peer else ""
        if not self.ready(context):
            error = NO_CONTEXT
        elif address is None:
            error = PARSE_FAILED
        elif number in self.air.sockets:
            error = IN_USE
        else:
            try:
                to = (address, peer[1]) if peer else None
                self.air.open(number, local, to, push=mode == 1)
            except OSError:
                error = PORT_BUSY
        self.last_error = error
        self.told.discard(number)
        self.urc("+QIOPEN", f"{number},{error}")

    @at("+QIDNSGIP=", num(0, 16), text())
    async def look_up(self, context: int, host: str) -> None:
        """OK, then the addresses."""
        if not self.ready(context):
            raise Refused(None)
        self.final("OK")
        self.aside(self._look_up(host))

    async def _look_up(self, host: str) -> None:
        self.tell_address(await self.resolve(host))

    def tell_address(self, address: str | None) -> None:
        """Two lines: how many, and each."""
        if address is None:
            self.urc("+QIURC", f'"dnsgip",{PARSE_FAILED}')
        else:
            self.urc("+QIURC", '"dnsgip",0,1,600')
            self.urc("+QIURC", f'"dnsgip","{address}"')

    @at("+QISTATE?")
    async def states(self) -> None:
        """A line for each open socket; 2 is connected."""
        for number in sorted(self.air.sockets):
            self._state(self.air.sockets[number])

    @at("+QISTATE=", num(0, 1), num(0, 16))
    async def state(self, query: int, number: int) -> None:
        """Of the socket of that number, where it is open."""
        if query == 1 and number in self.air.sockets:
            self._state(self.air.sockets[number])

    def _state(self, found: Socket) -> None:
        host, port = found.peer or ("0.0.0.0", 0)  # noqa: S104
        kind = "UDP" if found.peer else "UDP SERVICE"
        self.info(
            "+QISTATE",
            f'{found.number},"{kind}","{host}",{port},{found.local},2,1,{found.number},'
            f'{int(found.push)},"uart1"',
        )

    @at("+QIGETERROR")
    async def error(self) -> None:
        """What QIOPEN said last."""
        said = "operate successfully" if not self.last_error else "operation failed"
        self.info("+QIGETERROR", f"{self.last_error},{said}")

    @at("+QCCID")
    async def card(self) -> None:
        """The SIM's number."""
        self.info("+QCCID", self.card_number())

    def came(self, receiver: Socket, datagram: bytes, sender: Address, first: bool) -> bool:
        """In buffer mode only the first is announced, until all was read."""
        if receiver.push:
            self.push(receiver, datagram, sender)
            return False
        if receiver.number not in self.told:
            self.told.add(receiver.number)
            self.urc_data("+QIURC", f'"recv",{receiver.number}')
        return True

    def push(self, receiver: Socket, datagram: bytes, sender: Address) -> None:
        """The announcement with the data."""
        self.urc_data("+QIURC", f'"recv",{receiver.number},{len(datagram)}', datagram)

    def sent(self, went: bool) -> None:
        """The result of a send."""
        self.final("SEND OK" if went else "SEND FAIL")
