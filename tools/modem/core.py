"""What is a modem beside its commands?  Power, a radio, sockets in the air."""

import asyncio
import time
from typing import ClassVar

from tools.modem.air import Air, Socket
from tools.modem.dialogue import Dialogue, Refused
from tools.modem.radio import ROAMING, Radio
from tools.modem.switches import Switches
from tools.twin.coap.udp import Address

_QUEUED_S = 0.005  # what was sent is queued first


class Core(Dialogue):
    """A modem between a line and the air; a family's class says what its commands do.

    switches: what goes wrong. names: addresses of hosts that no DNS knows.
    """

    family: ClassVar[str]
    largest: ClassVar[int]
    """Bytes of the largest datagram, both ways."""
    home: ClassVar[int] = ROAMING
    banner: ClassVar[tuple[bytes, ...]] = ()
    """Lines after a reset."""
    waking: ClassVar[tuple[bytes, ...]] = ()
    """Lines when it wakes from PSM."""
    deaf_asleep: ClassVar[bool] = True
    """In PSM it loses its sockets, and all it hears but wakes it."""
    no_network: ClassVar[int | None] = None
    """+CME ERROR of a send without a network; None: `ERROR`."""

    def __init__(self, switches: Switches, names: dict[str, str]) -> None:
        super().__init__(switches)
        self.names = names
        self.radio = Radio(self._radio_told, self.home, switches)
        self.air = Air(self._came, self.radio.use, switches, self.counts, self.largest)
        self._deaf_until = 0.0
        self.change(switches)
        self.power_on()

    def change(self, switches: Switches) -> None:
        """From now on these things go wrong."""
        super().change(switches)
        self.radio.switches = switches
        self.air.change(switches)

    def power_on(self) -> None:
        """All is as after power on, and the radio begins."""
        self.forget()
        if not self.switches.radio_off:
            self.radio.on()

    def reboot(self) -> None:
        """Reset in the middle of whatever it does."""
        self.counts["reboots"] += 1
        self.event("reboot", "")
        self.interrupt()
        self.radio.reset()
        self.air.close_all()
        self.forget()
        self._deaf_until = time.monotonic() + self.switches.reboot_s
        self.later(self.switches.reboot_s, self._rebooted)

    def _rebooted(self) -> None:
        self._begin_with(self.banner)
        self.power_on()

    def _begin_with(self, lines: tuple[bytes, ...]) -> None:
        if self.switches.garbage:
            self.garbage()
        for line in lines:
            self.line.write(line)

    def close(self) -> None:
        """End it."""
        self.radio.close()
        self.air.close_all()
        super().close()

    def hears(self) -> bool:
        """Not while it starts or wakes; what comes while it sleeps wakes it."""
        if time.monotonic() < self._deaf_until:
            return False
        if self.radio.asleep and self.deaf_asleep:
            if not self.switches.by_key:
                self.radio.wake()
            return False
        return True

    def upset(self) -> None:
        """The network may be lost."""
        if self.chance(self.switches.lose_network):
            self.radio.lose()

    def urc(self, name: str, value: str = "", data: bytes | None = None) -> None:
        """Not while it is off."""
        if not (self.deaf_asleep and self.radio.asleep):
            super().urc(name, value, data)

    def noises(self) -> list[tuple[str, str]]:
        """That the radio is connected, or is not."""
        return [("+CSCON", str(int(self.radio.connected)))]

    # The radio and the air.

    def _radio_told(self, what: str) -> None:
        if what == "asleep":
            self.fell_asleep()
            if self.deaf_asleep:
                self.air.close_all()
                self.first_lost = self.switches.first_lost
        elif what == "awake":
            if self.deaf_asleep:
                self._deaf_until = time.monotonic() + self.switches.reboot_s
                self.later(self.switches.reboot_s, self._awake)
            else:
                self.woke()
        elif what == "connection":
            self.event("radio", "connected" if self.radio.connected else "released")
            if self.kept.get("+CSCON", "0") != "0":
                self.urc("+CSCON", str(int(self.radio.connected)))
        else:
            self.registration()

    def _awake(self) -> None:
        self._begin_with(self.waking)
        self.woke()

    def fell_asleep(self) -> None:
        """A family's line for that."""
        self.event("radio", "asleep")

    def woke(self) -> None:
        """A family's line for that."""
        self.event("radio", "awake")

    def registration(self) -> None:
        """The registration has changed."""

    def came(self, receiver: Socket, datagram: bytes, sender: Address, first: bool) -> bool:
        """Tell the board. first: nothing waits. returns False: nothing is to wait."""
        raise NotImplementedError

    def _came(self, receiver: Socket, datagram: bytes, sender: Address) -> None:
        self.event("down", f"{len(datagram)} bytes")
        first = not receiver.waiting
        receiver.waiting.append((datagram, sender))
        if not self.came(receiver, datagram, sender, first):
            receiver.waiting.pop()

    def send(
        self, sender: Socket, datagram: bytes, to: Address, replies: int | None = None
    ) -> bool:
        """Send it; False: the modem says that this failed. raises: Refused: no network."""
        if not self.radio.registered:
            raise Refused(self.no_network)
        if self.chance(self.switches.send_fail):
            self.counts["send_failed"] += 1
            return False
        self.later(_QUEUED_S, self._uplink, sender, datagram, to, replies)
        return True

    def _uplink(self, sender: Socket, datagram: bytes, to: Address, replies: int | None) -> None:
        if self.radio.use("up", replies):
            self.event("up", f"{len(datagram)} bytes")
            self.air.send(sender, datagram, to)

    def socket(self, number: int, error: int | None = None) -> Socket:
        """The open socket of that number. raises: Refused with `error`: there is none."""
        if number not in self.air.sockets:
            raise Refused(error)
        return self.air.sockets[number]

    async def resolve(self, host: str) -> str | None:
        """The address of a host, by the laptop; None: nobody knows it."""
        await asyncio.sleep(self.switches.open_s)
        if not self.radio.registered:
            return None
        if host in self.names:
            return self.names[host]
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, None, family=2)
        except (OSError, UnicodeError):
            return None
        return str(found[0][4][0])
