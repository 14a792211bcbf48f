"""Where do sessions, QoS, wills and retained messages live?

In a mosquitto that only the gate reaches: it listens on a Unix socket in a folder of mode 0700.
It dies with the twin, also when that is killed (the kernel sees to it), so that no orphan is left.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from pathlib import Path

from tools import toolchain
from tools.lifeline import die_with_parent
from tools.ui import UserError

_START_TIMEOUT_S = 10.0
# mosquitto lets 10 connections wait, and a Unix socket refuses more at once: in a burst of logins
# it would seem to be down.
_TURNS = 8

# No bound on the queue: mosquitto would drop PUBACKs, too, once a client has as many packets
# waiting. A device that sends fast and reads late must still get every one.
_CONFIG = """\
listener 0 {socket}
allow_anonymous true
persistence false
max_queued_messages 0
max_inflight_messages 20
sys_interval 0
log_dest stderr
log_type error
log_type warning
{user}
"""


class Mosquitto:
    """One mosquitto process, started, watched and ended by the twin; see Broker.

    folder: an existing folder of mode 0700 for its socket and configuration.
    log: the file that receives what it says.
    on_exit: called when it ends without having been told to.
    """

    ours = True

    def __init__(self, folder: Path, log: Path, on_exit: Callable[[], None]) -> None:
        self._folder = folder
        self._log = log
        self._socket = folder / "mosquitto.sock"
        self._on_exit = on_exit
        self.login: tuple[str | None, bytes | None] = (None, None)
        self.turns = asyncio.Semaphore(_TURNS)
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        """Start it and wait until it accepts. raises: UserError when it does not."""
        if self.running:
            return
        with contextlib.suppress(FileNotFoundError):
            self._socket.unlink()
        # Started as root, mosquitto would give up root and with it this folder.
        user = "user root" if os.geteuid() == 0 else ""
        config = self._folder / "mosquitto.conf"
        config.write_text(_CONFIG.format(socket=self._socket, user=user))
        with self._log.open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                toolchain.mosquitto(),
                "-c",
                config,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=errors,
                preexec_fn=die_with_parent(),
                process_group=0,  # Ctrl-C is for the twin, which ends it in order
            )
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await self._wait_until_accepting(self._process)
        except TimeoutError:
            await self.kill()
            last = self._log.read_text(errors="replace").strip().splitlines()[-1:]
            raise UserError(f"mosquitto did not start: {''.join(last) or 'no output'}") from None
        self._watch = asyncio.create_task(self._report_exit(self._process))

    async def _wait_until_accepting(self, process: asyncio.subprocess.Process) -> None:
        while True:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_unix_connection(self._socket)
                writer.close()
                return
            if process.returncode is not None:
                raise TimeoutError
            await asyncio.sleep(0.005)

    async def _report_exit(self, process: asyncio.subprocess.Process) -> None:
        await process.wait()
        if process is self._process:
            self._process = None
            self._on_exit()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A fresh connection. raises: OSError while it is down."""
        return await asyncio.open_unix_connection(self._socket)

    async def kill(self) -> None:
        """End it at once, as a crash would; sessions and retained messages are lost."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it in order."""
        await self._end(signal.SIGTERM)

    async def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if process is None or process.returncode is not None:
            return
        process.send_signal(number)
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
