"""In which state is the radio?  Off, searching, registered; connected or released; asleep."""

import asyncio
import time
from collections.abc import Callable

from tools.modem.switches import Switches

OFF, HOME, SEARCHING, DENIED, ROAMING = 0, 1, 2, 3, 5
"""3GPP TS 27.007, 7.2: <stat> of +CREG, as in +CEREG."""

_T3324_UNITS_S = {0: 2, 1: 60, 2: 360}
"""3GPP TS 24.008, 10.5.7.3: the unit by the first three bits; 7 and others: off."""
_UPLINK_S = 0.02


class Radio:
    """The radio of one modem, within an event loop.

    told: called with what changed: "registration", "connection", "asleep" or "awake".
    Attributes: stat; connected; asleep; trace: (seconds, 1 or 0) whenever `connected` changed.
    """

    def __init__(self, told: Callable[[str], None], home: int, switches: Switches) -> None:
        self._told = told
        self._home = home
        self.switches = switches
        self.stat = OFF
        self.connected = False
        self.asleep = False
        self.active_time: str | None = None  # T3324 as asked for by +CPSMS
        self.trace: list[tuple[float, int]] = []
        self._started = time.monotonic()
        self._asleep_since = 0.0
        self._slept_s = 0.0
        self._reply_ends = False
        self._timers: dict[str, asyncio.TimerHandle] = {}

    @property
    def registered(self) -> bool:
        """Has the network taken the modem?"""
        return self.stat in (HOME, ROAMING)

    @property
    def seconds(self) -> dict[str, float]:
        """How long it was "on" since the start, "awake" of that, "connected" of that."""
        now = time.monotonic() - self._started
        slept = self._slept_s + (now - self._asleep_since if self.asleep else 0.0)
        connected, since = 0.0, 0.0
        for moment, state in [*self.trace, (now, 0)]:
            connected += moment - since if since else 0.0
            since = moment if state else 0.0
        return {"on": now, "awake": now - slept, "connected": connected}

    def on(self) -> None:
        """Search for a network, unless it does or has one."""
        if self.stat == OFF and not self.switches.no_sim:
            self._register(SEARCHING)
            self._later("register", self.switches.register_s, self._answer)

    def off(self) -> None:
        """Leave the network."""
        self._stop()
        self._connect(False)
        self._register(OFF)

    def lose(self) -> None:
        """The network is out of reach for a while."""
        if self.registered:
            self._connect(False)
            self._register(SEARCHING)
            self._later("register", self.switches.register_s, self._answer)

    def reset(self) -> None:
        """As after power on; nothing is told."""
        self._stop()
        self.stat = OFF
        self.active_time = None
        self._told, told = lambda what: None, self._told
        self._connect(False)
        self.wake()
        self._told = told

    def use(self, way: str, replies: int | None = None) -> bool:
        """Data go "up" or come "down"; returns False where they cannot.

        replies: what the release assistance says: 0 no data follow, 1 one reply does.
        """
        if not self.registered or (self.asleep and way == "down"):
            return False
        self.wake()
        self._connect(True)
        if way == "up":
            self._reply_ends = replies == 1
            ends = replies == 0
        else:
            ends, self._reply_ends = self._reply_ends, False
        self._later("release", _UPLINK_S if ends else self.switches.release_s, self._release)
        return True

    def wake(self) -> None:
        """Leave PSM."""
        if self.asleep:
            self.asleep = False
            self._slept_s += time.monotonic() - self._started - self._asleep_since
            self._told("awake")
            self._connect(True)  # to tell the network
            self._later("release", self.switches.release_s, self._release)

    def close(self) -> None:
        """Stop all timers."""
        self._stop()

    def rest(self) -> None:
        """Go to sleep when it is time for that, counted from now: by `psm_s`, or by T3324."""
        after = self.switches.psm_s
        timer = self.active_time
        if not after and timer is not None and int(timer[:3], 2) in _T3324_UNITS_S:
            after = _T3324_UNITS_S[int(timer[:3], 2)] * int(timer[3:], 2)
        elif not after:
            return
        self._later("sleep", after, self._sleep)

    def sleep(self) -> None:
        """Go to sleep, unless it is out of reach."""
        if self.registered and not self.asleep:
            self._connect(False)
            self.asleep = True
            self._asleep_since = time.monotonic() - self._started
            self._told("asleep")

    def _sleep(self) -> None:
        if not self.connected:
            self.sleep()

    def hint(self) -> None:
        """No data follow: the network may release the radio."""
        if self.connected:
            self._later("release", _UPLINK_S, self._release)

    def _answer(self) -> None:
        self._register(DENIED if self.switches.denied else self._home)
        if self.registered:  # which is signalling
            self._connect(True)
            self._later("release", self.switches.release_s, self._release)

    def _release(self) -> None:
        self._connect(False)
        self.rest()

    def _register(self, stat: int) -> None:
        if stat != self.stat:
            self.stat = stat
            self._told("registration")

    def _connect(self, connected: bool) -> None:
        if connected != self.connected:
            self.connected = connected
            self.trace.append((time.monotonic() - self._started, int(connected)))
            self._told("connection")

    def _later(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = asyncio.get_running_loop().call_later(seconds, act)

    def _stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
