"""What does a Quectel BC95, BC28 or BC35-G say, and a u-blox SARA-N2?  NSO commands, all in hex.

Quectel BC95-G&BC68 AT Commands Manual, 5; u-blox SARA-N2 AT Commands Manual. The same chip: but
where Quectel has no quotes and no space behind the colon, u-blox has both.
"""

from typing import ClassVar

from tools.modem.air import Socket
from tools.modem.common import Common
from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import LOCAL_PORT, PORT, address, anything, flag, hexa, maybe, num, text
from tools.modem.radio import HOME
from tools.twin.coap.udp import Address

_LARGEST = 512
_SOCKETS = 7
_RELEASE = {0x200: 0, 0x400: 1}
_BUSY, _NO_SOCKET, _NO_NETWORK = 524, 530, 4
_STATISTICS = (
    "Signal power:-758", "Total power:-719", "TX power:40", "TX time:2330", "RX time:73205",
    "Cell ID:6160743", "ECL:1", "SNR:134", "EARFCN:3547", "PCI:254", "RSRQ:-109",
    "OPERATOR MODE:4", "CURRENT BAND :8",
)  # fmt: skip


class Bc95(Common):
    """NSOCR, NSOST, NSONMI, NSORF, NSOCL."""

    family = "bc95"
    maker = "Quectel"
    model = "BC95-B8"
    revision = "SECURITY,V100R100C10B657SP5"
    echoes = False
    colon = ":"
    quoted_cell = False
    clock_quotes = False
    clock_is_local = False
    trailing = ",,"
    most_cereg = 3
    no_clock = None
    largest = _LARGEST
    deaf_asleep = False
    each_ok = True
    busy = _BUSY
    no_network = _NO_NETWORK
    no_socket: ClassVar[int] = _NO_SOCKET
    quotes: ClassVar[bool] = False
    """Round addresses, hex and DGRAM, both ways."""
    banner = (b"\r\nREBOOT_CAUSE_APPLICATION_AT\r\nNeul \r\nOK\r\n",)
    settings: ClassVar[Settings] = {
        "+NPSMR": ((num(0, 1),), "0"),
        "+NSONMI": ((num(0, 3),), "1"),
        "+NBAND": ((num(1, 99), *[maybe(num(1, 99))] * 6), "8"),
        "+NCONFIG": ((text(quotes=False), text("TRUE", "FALSE", quotes=None)), "AUTOCONNECT,TRUE"),
        "+QREGSWT": ((num(0, 2),), "1"),
        "+NATSPEED": (tuple([maybe(anything)] * 5), "9600,3,0,2,1"),
    }

    def fell_asleep(self) -> None:
        """The UART stays, and so do the sockets."""
        super().fell_asleep()
        if self.kept["+NPSMR"] == "1":
            self.urc("+NPSMR", "1")

    def woke(self) -> None:
        """Before the radio is connected."""
        super().woke()
        if self.kept["+NPSMR"] == "1":
            self.urc("+NPSMR", "0")

    def quoted(self, value: str) -> str:
        """As this maker shows addresses and hex."""
        return f'"{value}"' if self.quotes else value

    @at("+NRB")
    async def restart(self) -> None:
        """No OK of its own; the banner's follows."""
        self.final("REBOOTING")
        self.later(0.01, self.reboot)

    @at("+NSOCR=", anything, num(17, 17), LOCAL_PORT, maybe(num(0, 1)))
    async def open(self, kind: str, protocol: int, local: int, receive: int | None) -> None:
        """The number is the modem's choice."""
        text("DGRAM", quotes=self.quotes)(kind)
        first = self.switches.first_socket
        free = [n for n in range(first, first + _SOCKETS) if n not in self.air.sockets]
        if not free:
            raise Refused(self.no_socket)
        try:
            self.air.open(free[0], local, None, push=receive != 0)
        except OSError:
            raise Refused(self.no_socket) from None
        self.info(None, str(free[0]))

    @at("+NSOST=", num(0, 15), anything, PORT, num(1, _LARGEST), anything, maybe(num(1, 255)))
    async def send_data(
        self, number: int, host: str, port: int, count: int, data: str, sequence: int | None
    ) -> None:
        """`<socket>,<length>`."""
        self._send(number, host, port, None, count, data, sequence)

    @at("+NSOSTF=", num(0, 15), anything, PORT, flag(0, 0x100, 0x200, 0x400), num(1, _LARGEST),
        anything, maybe(num(1, 255)))  # fmt: skip
    async def send_flagged(
        self, number: int, host: str, port: int, flags: int, count: int, data: str,
        sequence: int | None,
    ) -> None:  # fmt: skip
        """0x200: release the radio after it; 0x400: after the reply."""
        self._send(number, host, port, _RELEASE.get(flags), count, data, sequence)

    def _send(
        self, number: int, host: str, port: int, replies: int | None, count: int, data: str,
        sequence: int | None,
    ) -> None:  # fmt: skip
        to = address(self.quotes)(host), port
        body = hexa(self.quotes)(data)
        if len(body) != count:
            raise ValueError(f"{len(body)} bytes where {count} were said")
        if not self.send(self.socket(number, self.no_socket), body, to, replies):
            raise Refused(_NO_NETWORK)
        self.info(None, f"{number},{count}")
        if sequence is not None:
            self.later(0.02, self.urc, "+NSOSTR", f"{number},{sequence},1")

    def came(self, receiver: Socket, datagram: bytes, sender: Address, first: bool) -> bool:
        """Mode 1 tells of the first that waits; 2 and 3 push."""
        mode = self.kept["+NSONMI"]
        if not receiver.push:
            return False
        if mode == "1":
            if first:
                self.urc_data("+NSONMI", f"{receiver.number},{len(datagram)}")
            return True
        hexed = f"{len(datagram)},{self.quoted(datagram.hex().upper())}"
        if mode == "2":
            who = f"{self.quoted(sender[0])},{sender[1]}"
            self.urc_data("+NSONMI", f"{receiver.number},{who},{hexed}")
        elif mode == "3":
            self.urc_data("+NSONMI", f"{receiver.number},{hexed}")
        return mode == "0"

    @at("+NSORF=", num(0, 15), num(1, 1358))
    async def read(self, number: int, most: int) -> None:
        """Part of a datagram, and how much of it is left; nothing there: OK alone."""
        found = self.socket(number, self.no_socket)
        part = found.read(min(most, _LARGEST))
        if part is None:
            return
        data, (host, port) = part
        left = len(found.waiting[0][0]) - found.taken if found.taken else 0
        shown = f"{len(data)},{self.quoted(data.hex().upper())},{left}"
        self.info(None, f"{number},{self.quoted(host)},{port},{shown}")
        if not left and found.waiting:
            self.later(0, self.urc_data, "+NSONMI", f"{number},{len(found.waiting[0][0])}")

    @at("+NSOCL=", num(0, 15))
    async def close_socket(self, number: int) -> None:
        """An error where it is not open."""
        self.socket(number, self.no_socket)
        self.air.close(number)

    @at("+QDNS=", num(0, 2), text(quotes=None))
    async def look_up(self, mode: int, host: str) -> None:
        """OK, then the address."""
        self.final("OK")
        self.aside(self._look_up(host))

    async def _look_up(self, host: str) -> None:
        self.urc("+QDNS", await self.resolve(host) or "FAIL")

    @at("+NUESTATS")
    @at("+NUESTATS=", text(quotes=None))
    async def statistics(self, kind: str | None = None) -> None:
        """Lines of a name and a value; powers in tenths of a dB."""
        for line in _STATISTICS:
            self.info(None, line)

    @at("+NCCID")
    @at("+NCCID?")
    async def card(self) -> None:
        """The SIM's number."""
        self.info("+NCCID", self.card_number())


class SaraN2(Bc95):
    """Quotes, spaces, AcT 7."""

    family = "sara_n2"
    maker = "u-blox"
    model = "SARA-N200-02B-00"
    revision = "06.57,A03.02"
    colon = ": "
    quoted_cell = True
    clock_quotes = True
    act = 7
    trailing = ',,,"00010000",'
    home = HOME
    most_cereg = 5
    busy = 51
    no_socket = _NO_NETWORK
    quotes = True
    banner = (b"\r\nREBOOT_CAUSE_APPLICATION_AT\r\nu-blox\r\nOK\r\n",)

    @at("+QDNS=", num(0, 2), text(quotes=None))
    async def look_up(self, mode: int, host: str) -> None:
        """Not a u-blox's."""
        raise KeyError("+QDNS")
