"""How does another program start a twin of its own, speak to it, and end it?"""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tools.lifeline import die_with_parent
from tools.twin.hub import control
from tools.twin.ready import device_config
from tools.twin.registry.store import PAGE
from tools.twin.tls.openssl import environment
from tools.ui import UserError

_START_TIMEOUT_S = 120.0  # on a busy machine
_STOP_TIMEOUT_S = 15.0


class TwinProcess:
    """`signet twin` in a process that ends with ours; a context manager.

    folder: receives its state, its ready file and its output; keep one to keep its registry.
    ports: by door, for example {"enos-mqtt": 0}; the others are its defaults.
    options: further ones of its command line, for example "--loss", "30%".
    """

    def __init__(
        self, folder: Path, ports: Mapping[str, int] | None = None, options: Sequence[str] = ()
    ) -> None:
        self.state = folder / "twin"
        self.ready_file = folder / "twin-ready.json"
        self.output_file = folder / "twin.log"
        self.ready: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self._ports = ports or {}
        self._options = options

    def start(self) -> Self:
        """Start it and return once every listener accepts.

        raises: UserError with the last lines that it printed.
        """
        program = Path(sys.executable).with_name("signet")
        command: list[str | Path] = [program, "twin"]
        command += ["--ready-file", self.ready_file, "--state", self.state]
        for door, port in self._ports.items():
            command += ["--port", f"{door}={port}"]
        command += self._options
        self.ready_file.parent.mkdir(parents=True, exist_ok=True)
        self.ready_file.unlink(missing_ok=True)
        with self.output_file.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                tail = "\n".join(self.output().splitlines()[-5:])
                raise UserError(f"the twin did not start; it printed:\n{tail}")
            time.sleep(0.01)
        self.ready = json.loads(self.ready_file.read_text())
        return self

    def stop(self) -> int:
        """End it as Ctrl-C does; returns its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> Self:
        return self if self.process else self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def output(self) -> str:
        """Returns everything it printed so far."""
        return self.output_file.read_text(errors="replace")

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the answer to one request over the control socket.

        raises: UserError with the twin's error.
        """
        return control.ask(Path(self.ready["control"]), request)

    def device_config(self, cloud: str, way: str = "mqtt", role: str = "device") -> dict[str, Any]:
        """Returns what a device.json needs for the ready device of a cloud.

        way: a way in of the ready file: "mqtt", "mqtts" for TLS, "coap", "coaps" for DTLS,
        "http", "https", "ws", "wss". role: of Watson also "gateway", "application",
        "scalable-application".
        """
        return device_config(self.ready, cloud, way, role)

    def messages(self, cloud: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """Returns all messages as stored, with an id above `after`, oldest first."""
        messages: list[dict[str, Any]] = []
        while True:
            request = {"do": "messages", "cloud": cloud, "after": after}
            page: list[dict[str, Any]] = self.ask(request)["messages"]
            messages += page
            if len(page) < PAGE:
                return messages
            after = page[-1]["id"]

    def last_id(self) -> int:
        """Returns the id of the newest message, to pass as `after` later; 0 without any."""
        last: int = self.ask({"do": "last_id"})["last_id"]
        return last

    def datagrams(self) -> dict[str, Any]:
        """Returns what passed each CoAP door: {"alibaba-coap": {"up": counts, "down": counts}}."""
        datagrams: dict[str, Any] = self.ask({"do": "datagrams"})["datagrams"]
        return datagrams

    def http(self) -> dict[str, Any]:
        """Returns what the HTTP services saw, by cloud: "connections", "requests", "answered"."""
        counts: dict[str, Any] = self.ask({"do": "http"})["http"]
        return counts

    def command(self, cloud: str, name: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Sends a command to the device on line; returns the twin's answer, with its "reply"."""
        return self.ask({"do": "command", "cloud": cloud, "name": name, "data": data})
