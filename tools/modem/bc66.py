"""What does a Quectel BC26 or BC66 say, and a BC660K?  Contexts by itself, OK and SEND OK.

BC26&BC66 TCP/IP AT Commands Manual; BC660K-GL TCP/IP Application Note.
"""

from typing import ClassVar

from tools.modem.air import Socket
from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import anything, fields, hexa, maybe, num, text
from tools.modem.quectel import REPLIES, Quectel
from tools.twin.coap.udp import Address

_MOST_HEX, _MOST_READ = 512, 1024
_CLOSE_S = 0.05


class Bc66(Quectel):
    """Text or hex by +QICFG; data are pushed or read."""

    family = "bc66"
    model = "BC66"
    clock_is_local = False
    revision = "BC66NBR01A10"
    most_sockets = 5
    largest = 1024
    most_send: ClassVar[int] = 1024
    two_answers: ClassVar[bool] = False
    """OK comes before SEND OK and CLOSE OK."""
    hex_digits: ClassVar[str] = "{:02X}"
    banner: ClassVar[tuple[bytes, ...]] = (
        b"F1: 0000 0000\n\rV0: 0000 0000 [0001]\n\r00: 0006 000C\n\r01: 0000 0000\n\r",
        b"U0: 0000 0001 [0000]\n\rT0: 0000 00B4\n\rLeaving the BROM\n\r",
        b"\r\n*MATREADY: 1\r\n",
        b"\r\n+CFUN: 0\r\n",
        b"\r\n+CEREG: 0\r\n",
        b"\r\n+CPIN: READY\r\n",
    )
    waking = (b"\r\n+CPIN: READY\r\n",)
    settings: ClassVar[Settings] = {
        "+QCGDEFCONT": ((text(), maybe(text()), maybe(text()), maybe(text())), ""),
        "+QNBIOTEVENT": ((num(0, 1), maybe(num(0, 1))), "0,1"),
        "+QNBIOTRAI": ((num(0, 2), maybe(num(0, 2))), "0"),
        "+QRELLOCK": ((maybe(num(0, 1)),), ""),
        "+QCFG": ((text(), *[maybe(anything)] * 4), ""),
        "+QEMMTIMER": ((num(0, 1),), "0"),
    }

    def forget(self) -> None:
        """Data are text again."""
        super().forget()
        self.config = {"dataformat": [0, 0], "viewmode": [0], "showlength": [0], "showra": [0]}

    @at("+QICFG=", text("DATAFORMAT", "VIEWMODE", "SHOWLENGTH", "SHOWRA"), maybe(num(0, 1)),
        maybe(num(0, 1)))  # fmt: skip
    async def configure(self, name: str, first: int | None, second: int | None) -> None:
        """Hex or text, each way; how data are shown."""
        held = self.config[name.lower()]
        if first is None:
            self.info("+QICFG", f'"{name}",{",".join(map(str, held))}')
        elif len(held) == 2 and second is None:
            raise Refused(50)
        else:
            held[:] = [first, second or 0][: len(held)]

    @at("+QRELLOCK")
    async def unlock(self) -> None:
        """It may sleep again."""

    @at("+QRST=", num(1, 1))
    async def reset(self, mode: int) -> None:
        """No OK of its own."""
        self.finished = True
        self.later(0, self.reboot)

    def sent(self, went: bool) -> None:
        """The result of a send."""
        if self.two_answers and went:
            self.final("OK")
        super().sent(went)

    @at("+QISEND=", num(0, 4), maybe(num(0, 1460)), maybe(anything), maybe(num(0, 2)))
    async def send_data(
        self, number: int, count: int | None, data: str | None, rai: int | None
    ) -> None:
        """A prompt, or the data in the line: text, or hex where that is set."""
        found = self.socket(number)
        as_hex = bool(self.config["dataformat"][0])
        if not count or count > (_MOST_HEX if as_hex else self.most_send):
            raise Refused(50)
        if data is None:
            given = await self.data(count * 2 if as_hex else count, "> ")
            body = hexa(quotes=False)(given.decode("latin-1")) if as_hex else given
        else:
            body = hexa()(data) if as_hex else text()(data).encode("latin-1")
            if len(body) != count:
                raise ValueError(f"{len(body)} bytes where {count} were said")
        self._send(found, body, rai)

    @at("+QISENDEX=", num(0, 4), num(1, _MOST_HEX), hexa(quotes=None), maybe(num(0, 2)))
    async def send_hex(self, number: int, count: int, data: bytes, rai: int | None) -> None:
        """Hex whatever is set; RAI: 1 no more data, 2 one answer."""
        if len(data) != count:
            raise ValueError(f"{len(data)} bytes where {count} were said")
        self._send(self.socket(number), data, rai)

    def _send(self, found: Socket, data: bytes, rai: int | None) -> None:
        if found.peer is None:
            raise Refused(None)
        rai = int(fields(self.kept["+QNBIOTRAI"])[0]) if rai is None else rai
        self.sent(self.send(found, data, found.peer, REPLIES.get(rai)))

    def shown(self, data: bytes) -> bytes:
        """Data as they are set to be shown."""
        if not self.config["dataformat"][1]:
            return data
        return "".join(map(self.hex_digits.format, data)).encode()

    def push(self, receiver: Socket, datagram: bytes, sender: Address) -> None:
        """On its own line, or with viewmode 1, or in hex, on the same."""
        head = f'"recv",{receiver.number},{len(datagram)}'
        if self.config["dataformat"][1]:
            self.urc_data("+QIURC", f'{head},"{self.shown(datagram).decode()}"')
        elif self.config["viewmode"][0]:
            self.urc_data("+QIURC", f'{head},"{datagram.decode("latin-1")}"')
        else:
            self.urc_data("+QIURC", head, datagram)

    @at("+QIRD=", num(0, 4), num(0, _MOST_READ))
    async def read(self, number: int, most: int) -> None:
        """One datagram, or as much of it as is asked for."""
        found = self.socket(number)
        part = found.read(most)
        if part is None:
            self.told.discard(number)
            self.info("+QIRD", "0")
            return
        data = self.shown(part[0])
        head = f"+QIRD{self.colon}{len(part[0])}"
        if self.config["showlength"][0]:
            head += f",{found.unread}"
        between = b"," if self.config["viewmode"][0] else b"\r\n"
        self._noise()
        self.line.write(b"\r\n" + head.encode() + between + data + b"\r\n")

    @at("+QICLOSE=", num(0, 4))
    async def close_socket(self, number: int) -> None:
        """CLOSE OK, be it open or not."""
        self.air.close(number)
        if self.two_answers:
            self.final("OK")
            self.later(_CLOSE_S, self.urc, "CLOSE OK")
        else:
            self.final("CLOSE OK")

    @at("+QENG=", num(0, 3))
    async def engineering(self, mode: int) -> None:
        """The serving cell."""
        self.info("+QENG", '0,6300,0,284,"00A1B2C4",-92,-5,-87,10,20,"1A2B",0,14,2')


class Bc660k(Bc66):
    """Context 0, pushes, lower-case hex; it says when it sleeps."""

    family = "bc660k"
    model = "BC660K-GL"
    revision = "BC660KGLAAR01A05"
    contexts_from = 0
    default_mode = 1
    two_answers = True
    hex_digits = "{:02x}"
    banner = (b"\r\nRDY\r\n", b"\r\n+CFUN: 1\r\n", b"\r\n+CPIN: READY\r\n")
    waking = (b'\r\n+QNBIOTEVENT: "EXIT DEEPSLEEP"\r\n',)

    def ready(self, context: int) -> bool:
        """Only context 0 is up by itself."""
        return self.radio.registered and context == 0

    def fell_asleep(self) -> None:
        """The last it says."""
        self.line.write(b'\r\n+QNBIOTEVENT: "ENTER DEEPSLEEP"\r\n')
        super().fell_asleep()

    def tell_address(self, address: str | None) -> None:
        """Two lines of another name."""
        if address is None:
            self.urc("+QIDNSGIP", "565")
        else:
            self.urc("+QIDNSGIP", "0,1,600")
            self.urc("+QIDNSGIP", f'"{address}"')
