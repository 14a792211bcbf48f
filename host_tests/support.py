"""Which far side do tests talk to? A twin of their own, on private ports, in a private folder."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tools.lifeline import die_with_parent
from tools.twin import control

_PORTS = ("enos", "alibaba", "alibaba-tls", "watson", "watson-tls")
_START_TIMEOUT_S = 30.0
_STOP_TIMEOUT_S = 15.0


class Twin:
    """`signet twin` in a process of its own; also a context manager.

    folder: where its state, its ready file and its output go; keep one to keep its registry.
    """

    def __init__(self, folder: Path) -> None:
        self.state = folder / "twin"
        self.ready_file = folder / "twin-ready.json"
        self.output_file = folder / "twin.log"
        self.ready: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Twin":
        """Start it and return when every listener accepts."""
        program = Path(sys.executable).with_name("signet")
        ports = [word for name in _PORTS for word in (f"--{name}-port", "0")]
        command = [program, "twin", "--ready-file", self.ready_file, "--state", self.state, *ports]
        self.ready_file.parent.mkdir(parents=True, exist_ok=True)
        self.ready_file.unlink(missing_ok=True)
        with self.output_file.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=die_with_parent(signal.SIGTERM),  # noqa: PLW1509 - one system call
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self.ready_file.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"the twin did not start:\n{self.output()}")
            time.sleep(0.01)
        self.ready = json.loads(self.ready_file.read_text())
        return self

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(signal.SIGINT)
        try:
            return process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def __enter__(self) -> "Twin":
        return self if self.process else self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def output(self) -> str:
        """Everything it printed so far."""
        return self.output_file.read_text(errors="replace")

    def device(self, cloud: str) -> dict[str, str]:
        """The ready device of a cloud: identity and secret, in the cloud's own words."""
        device: dict[str, str] = self.ready["clouds"][cloud]["device"]
        return device

    def way(self, cloud: str, name: str = "mqtt") -> dict[str, Any]:
        """Address, port, TLS and host name of a way in: "mqtt" or "mqtts"."""
        way: dict[str, Any] = self.ready["clouds"][cloud]["ways"][name]
        return way

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request over the control socket. raises: UserError with the twin's error."""
        return control.ask(Path(self.ready["control"]), request)

    def messages(self, cloud: str | None = None, after: int = 0) -> list[dict[str, Any]]:
        """Messages as stored, with an id above `after`."""
        request = {"do": "messages", "cloud": cloud, "after": after}
        messages: list[dict[str, Any]] = self.ask(request)["messages"]
        return messages

    def last_id(self) -> int:
        """The id of the newest message, to pass as `after` later; 0 without any."""
        last = 0
        while page := self.messages(after=last):
            last = page[-1]["id"]
        return last

    def wait_for_messages(
        self, cloud: str, count: int, after: int = 0, timeout_s: float = 20.0, **values: Any
    ) -> list[dict[str, Any]]:
        """Wait until `count` messages have these values (`direction="up"`, ...); return them."""
        deadline = time.monotonic() + timeout_s
        while True:
            found = [
                message
                for message in self.messages(cloud, after)
                if all(message[name] == value for name, value in values.items())
            ]
            if len(found) >= count:
                return found
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"{len(found)} of {count} messages with {values}:\n{self.output()}"
                )
            time.sleep(0.01)

    def command(
        self, cloud: str, name: str, data: dict[str, Any] | None = None, device: str | None = None
    ) -> dict[str, Any]:
        """Send a command: {"sent", "topic", "device"} and "reply" or "queued"."""
        return self.ask(
            {"do": "command", "cloud": cloud, "name": name, "data": data, "device": device}
        )

    def fault(self, name: str, **values: Any) -> None:
        """kill_broker, start_broker, drop_connections, swallow_replies, swallow_pubacks (n=1)."""
        self.ask({"do": "fault", "fault": name, **values})

    def wait_for_output(self, text: str, timeout_s: float = 20.0) -> None:
        """Wait until it has printed `text`."""
        deadline = time.monotonic() + timeout_s
        while text not in self.output():
            if time.monotonic() > deadline:
                raise AssertionError(f"never printed {text!r}:\n{self.output()}")
            time.sleep(0.01)

    def cli(self, *words: str) -> str:
        """`signet twin WORDS` with this twin's state folder; its output. Must exit 0."""
        program = Path(sys.executable).with_name("signet")
        command = [program, "twin", *words, "--state", self.state]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
