"""How is an emulated modem started, watched and ended, by a test, a bench or a command?"""

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self, TypeVar

from tools.modem.bc66 import Bc66, Bc660k
from tools.modem.bg95 import Bg95
from tools.modem.boudica import Bc95, SaraN2
from tools.modem.common import Common
from tools.modem.sara_r4 import SaraR4
from tools.modem.sim7020 import Sim7020
from tools.modem.sim7080 import Sim7080
from tools.modem.switches import Switches
from tools.ui import UserError, one_of

FAMILIES: dict[str, type[Common]] = {
    kind.family: kind for kind in (Bg95, Bc66, Bc660k, Bc95, SaraN2, Sim7020, Sim7080, SaraR4)
}
"""By the name that device.json has for it."""

Result = TypeVar("Result")


class Emulator:
    """A modem on a PTY, in a thread of its own; a context manager.

    family: one of FAMILIES.
    names: hosts that it knows, with their addresses; others are looked up on this machine.
    on_event: called from the thread with a kind and a text: "command", "malformed", "ignored",
    "urc", "up", "down", "radio", "registration", "reboot".
    switches: as in Switches, by name.
    raises: UserError: no such family; a switch that cannot be so.
    Attributes: path, of the serial line.
    """

    def __init__(
        self,
        family: str,
        names: Mapping[str, str] | None = None,
        on_event: Callable[[str, str], None] | None = None,
        **switches: Any,
    ) -> None:
        if family not in FAMILIES:
            raise UserError(f"there is no modem {family!r}; {one_of(family, FAMILIES)}")
        self.family = family
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name=f"modem {family}", daemon=True
        )
        try:
            self._switches = Switches(**switches)
        except (TypeError, ValueError) as error:
            self._loop.close()
            raise UserError(str(error)) from None
        self._thread.start()

        def make() -> Common:
            modem = FAMILIES[family](self._switches, dict(names or {}))
            if on_event is not None:
                modem.on_event = on_event
            return modem

        self._modem = self._do(make)
        self.path = self._modem.line.path

    def _do(self, act: Callable[[], Result]) -> Result:
        """Have the thread do it."""

        async def do() -> Result:
            return act()

        return asyncio.run_coroutine_threadsafe(do(), self._loop).result()

    def change(self, **switches: Any) -> None:
        """From now on these switches are so; the others stay."""
        self._switches = replace(self._switches, **switches)
        self._do(lambda: self._modem.change(self._switches))

    def reboot(self) -> None:
        """Reset the modem, in the middle of whatever it does."""
        self._do(self._modem.reboot)

    def lose_network(self) -> None:
        """The network is out of reach, for `register_s`."""
        self._do(self._modem.radio.lose)

    def sleep(self) -> None:
        """Release the radio and go to sleep, as by PSM."""
        self._do(self._modem.radio.sleep)

    def press_key(self) -> None:
        """Wake it by PWRKEY, PSM_EINT or PWR_ON, whichever it has."""
        self._do(self._modem.radio.wake)

    @property
    def counters(self) -> dict[str, float]:
        """Bytes of the UART, commands, datagrams with their bytes, and what went wrong; seconds
        on, awake and connected. All that JSON takes.
        """
        return self._do(lambda: {**self._modem.counts, **self._modem.radio.seconds})

    @property
    def connections(self) -> list[tuple[float, int]]:
        """What +CSCON tells: (seconds since the start, 1 connected or 0 released)."""
        return self._do(lambda: list(self._modem.radio.trace))

    @property
    def malformed(self) -> list[str]:
        """What it was told that its manual does not allow, with the reason."""
        return self._do(lambda: list(self._modem.malformed))

    @property
    def events(self) -> list[tuple[float, str, str]]:
        """(seconds since the start, kind, text) of the last 10 000; see `on_event`."""
        return self._do(lambda: list(self._modem.events))

    def close(self) -> None:
        """End it; harmless when it has ended."""
        if self._loop.is_closed():
            return

        async def end() -> None:
            self._modem.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.gather(*tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
