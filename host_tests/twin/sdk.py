"""How do tests drive a vendor's SDK: its process, what it says, what it is told?"""

import json
import queue
import subprocess
import threading
from pathlib import Path
from typing import Any

from tools import toolchain

_CLIENTS = Path(__file__).parent / "clients"
_TIMEOUT_S = 40.0


class Sdk:
    """One SDK's process: what it says, line by line."""

    def __init__(self, script: str, given: dict[str, Any], log: Path) -> None:
        with log.open("wb") as errors:
            self.process = subprocess.Popen(
                [toolchain.vendor_sdks(), _CLIENTS / script, json.dumps(given)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._log = log
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said = json.loads(line) if line.startswith("{") else {"event": "said", "text": line}
            self._lines.put(said)

    def hear(self, event: str) -> dict[str, Any]:
        """The next line that tells of `event`; others before it are passed over."""
        while (said := self._next(event))["event"] != event:
            pass
        return said

    def _next(self, event: str) -> dict[str, Any]:
        try:
            return self._lines.get(timeout=_TIMEOUT_S)
        except queue.Empty:
            raise AssertionError(f"no {event!r}:\n{self._log.read_text()}") from None

    def wait_for_text(self, text: str) -> None:
        """Until it has printed a line with `text`, which need not be JSON."""
        while text not in self.hear("said")["text"]:
            pass

    def until(self, event: str) -> list[dict[str, Any]]:
        """Every line up to the next that tells of `event`, that one excluded."""
        found = []
        while (said := self._next(event))["event"] != event:
            found.append(said)
        return found

    def tell(self, text: str) -> None:
        """A line on its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def end(self) -> None:
        """Let it say goodbye."""
        if self.process.poll() is None:
            self.tell("end")
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
