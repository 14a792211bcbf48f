"""What does a Quectel BG95, BG77 or BG600L say?  Binary sends after a prompt, reads by count.

Quectel BG95&BG77&BG600L Series TCP/IP Application Note; errors as its chapter 4.
"""

import datetime
from typing import ClassVar

from tools.modem.dialogue import Refused, Settings, at
from tools.modem.grammar import PORT, address, anything, hexa, maybe, num, text
from tools.modem.quectel import REPLIES, Quectel

_MOST_SEND, _MOST_HEX, _MOST_READ = 1460, 512, 1500


class Bg95(Quectel):
    """QIACT, QISEND with `> `, QIRD."""

    family = "bg95"
    model = "BG95-M3"
    revision = "BG95M3LAR02A04"
    largest = _MOST_READ
    services = ("UDP", "UDP SERVICE", "TCP", "TCP LISTENER")
    banner = (b"\r\nRDY\r\n", b"\r\nAPP RDY\r\n")
    waking = banner
    settings: ClassVar[Settings] = {
        "+QCFG": ((text(), *[maybe(anything)] * 6), ""),
        "+QURCCFG": ((text(), maybe(text())), ""),
        "+QPSMS": (tuple([maybe(anything)] * 5), "0"),
    }

    def forget(self) -> None:
        """No context is up."""
        super().forget()
        self.active: set[int] = set()

    def ready(self, context: int) -> bool:
        """Only QIACT brings one up."""
        return self.radio.registered and context in self.active

    def registration(self) -> None:
        """Without a network the contexts go down, and the sockets with them."""
        super().registration()
        if not self.radio.registered:
            for context in sorted(self.active):
                self.urc("+QIURC", f'"pdpdeact",{context}')
            self.active.clear()
            self.air.close_all()

    @at("+QICSGP=", num(1, 16), maybe(num(1, 3)), maybe(text()), maybe(text()), maybe(text()),
        maybe(num(0, 3)))  # fmt: skip
    async def context(
        self, number: int, kind: int | None, apn: str | None, *_login: object
    ) -> None:
        """APN, user, password."""
        if kind is None:
            held = self.contexts.get(number, ("IP", ""))
            self.info("+QICSGP", f'1,"{held[1]}","","",0')
        else:
            self.contexts[number] = "IP", apn or ""

    @at("+QIACT=", num(1, 16))
    async def activate(self, number: int) -> None:
        """An error when it is up already."""
        if number in self.active or not self.radio.registered:
            raise Refused(None)
        self.active.add(number)

    @at("+QIACT?")
    async def activated(self) -> None:
        """None: OK alone."""
        for number in sorted(self.active):
            self.info("+QIACT", f'{number},1,1,"{self.own_address}"')

    @at("+QIDEACT=", num(1, 16))
    async def deactivate(self, number: int) -> None:
        """Its sockets are closed."""
        self.active.discard(number)
        self.air.close_all()

    @at("+QISEND=", num(0, 11), maybe(num(0, _MOST_SEND)), maybe(address()), maybe(PORT))
    async def send_data(
        self, number: int, count: int | None, host: str | None, port: int | None
    ) -> None:
        """A prompt, the data, SEND OK. With 0: what was sent."""
        found = self.socket(number)
        if count == 0:
            self.info("+QISEND", "0,0,0")
            return
        to = found.peer or ((host, port) if host and port else None)
        if to is None or (found.peer and host):
            raise Refused(None)
        data = await self.data(-1 if count is None else count, "> ")
        if len(data) > _MOST_SEND:
            raise Refused(None)
        self.sent(self.send(found, data, to))

    @at("+QISENDEX=", num(0, 11), hexa(), maybe(num(0, 2)))
    async def send_hex(self, number: int, data: bytes, rai: int | None) -> None:
        """RAI: 1 no more data, 2 one answer, then no more."""
        found = self.socket(number)
        if not 0 < len(data) <= _MOST_HEX or found.peer is None:
            raise Refused(None)
        self.sent(self.send(found, data, found.peer, REPLIES.get(rai or 0)))

    @at("+QIRD=", num(0, 11), maybe(num(0, _MOST_READ)))
    async def read(self, number: int, most: int | None) -> None:
        """One datagram, or as much of it as is asked for; with 0 how much there is."""
        found = self.socket(number)
        if most == 0:
            self.info("+QIRD", f"{found.unread},0,{found.unread}")
            return
        part = found.read(most or _MOST_READ)
        if part is None:
            self.told.discard(number)
            self.info("+QIRD", "0")
            return
        data, sender = part
        peer = "" if found.peer else f',"{sender[0]}",{sender[1]}'
        self.info("+QIRD", f"{len(data)}{peer}")
        self.line.write(data + b"\r\n")

    @at("+QICLOSE=", num(0, 11), maybe(num(0, 65535)))
    async def close_socket(self, number: int, timeout: int | None) -> None:
        """OK, be it open or not."""
        self.air.close(number)

    @at("+QCSQ")
    async def strength(self) -> None:
        """RSSI, RSRP, SINR, RSRQ."""
        found = '"NBIoT",-65,-88,135,-11' if self.radio.registered else '"NOSERVICE"'
        self.info("+QCSQ", found)

    @at("+QNWINFO")
    async def network_now(self) -> None:
        """Kind, operator, band, channel."""
        self.info("+QNWINFO", '"NBIoT","00101","LTE BAND 20",6300' if self.radio.registered
                  else "No Service")  # fmt: skip

    @at("+QLTS=", num(0, 2))
    async def latest_time(self, mode: int) -> None:
        """2: local time, an hour ahead here; 1: UTC; both with that hour behind it."""
        now = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=mode == 2)
        self.info("+QLTS", f'"{now:%Y/%m/%d,%H:%M:%S}+04,0"' if self.radio.registered else '""')

    @at("+QPOWD")
    @at("+QPOWD=", num(0, 1))
    async def power_down(self, mode: int | None = None) -> None:
        """It starts anew when it is spoken to: nobody presses its key."""
        self.final("OK")
        self.later(0.01, self.reboot)
