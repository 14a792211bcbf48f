"""How is one life of the virtual board's MicroPython begun, spoken to and ended?"""

import os
import select
import subprocess
from pathlib import Path
from typing import Any

_LINE_BYTES = 1 << 16


class Process:
    """One life of the board, from one reset to the next."""

    def __init__(self, how: dict[str, Any], image: int, words: str, uart: int | None) -> None:
        # `unread` stays open here: when a program starts, byte 3 among what the REPL has not
        # read yet must interrupt it.
        self.unread, self.input = os.pipe()
        self.output, out = os.pipe()
        self.messages, to_bridge = os.pipe()
        from_bridge, self.answers = os.pipe()
        env = how["env"] | {"BOARD": f"{to_bridge} {from_bridge} {words}"}
        passed = [to_bridge, from_bridge, image]
        if uart is not None:
            env["UART"] = str(uart)
            passed.append(uart)
        try:
            self.child = subprocess.Popen(
                **how | {"env": env},
                stdin=self.unread,
                stdout=out,
                stderr=out,
                pass_fds=passed,
                start_new_session=True,
            )
        finally:
            for descriptor in (out, to_bridge, from_bridge):
                os.close(descriptor)
        for descriptor in (self.output, self.messages):
            os.set_blocking(descriptor, False)

    def sleeping(self) -> bool:
        """Does the process wait in the kernel?  (proc(5), state S)"""
        try:
            stat = Path(f"/proc/{self.child.pid}/stat").read_text()
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] == "S"

    def deadlocked(self) -> bool:
        """Does the process wait for a lock, which MicroPython's only thread holds itself?"""
        try:
            return "futex" in Path(f"/proc/{self.child.pid}/wchan").read_text()
        except OSError:
            return False

    def take_back(self) -> bytes:
        """Returns the serial bytes that the process has not read, and empties its line."""
        waiting = select.select([self.unread], [], [], 0)[0]
        return os.read(self.unread, _LINE_BYTES) if waiting else b""

    def end(self) -> None:
        """Kill it and close what leads to it."""
        self.child.kill()
        self.child.wait()
        for descriptor in (self.unread, self.input, self.output, self.messages, self.answers):
            os.close(descriptor)
