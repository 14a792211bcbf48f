"""Which far side do tests talk to? A twin of their own, on private ports, in a private folder."""

import contextlib
import functools
import io
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest import mock

from tools import cli, toolchain
from tools.firmware import build, compiler
from tools.twin.clouds.doors import DOORS
from tools.twin.process import TwinProcess
from tools.twin.tls.openssl import environment
from tools.ui import UserError


def signet(*words: object) -> subprocess.CompletedProcess[str]:
    """What `signet WORDS` prints and how it ends; in this process, for a new one takes 0.2 s."""
    command = [str(Path(sys.executable).with_name("signet")), *map(str, words)]
    out, errors, status = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", command),
        mock.patch.dict(os.environ, environment()),  # or `signet twin` would begin anew with it
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(errors),
    ):
        try:
            cli.main()
        except SystemExit as leave:
            status = int(leave.code or 0)
    return subprocess.CompletedProcess(command, status, out.getvalue(), errors.getvalue())


@functools.cache
def no_image() -> str | None:
    """Why the firmware image cannot be tested; None where it was built of what is here now."""
    try:
        toolchain.image()
        current = build.is_current(compiler.gcc(compiler.plan()))
    except UserError as error:
        return str(error)
    return None if current else "the image is not of these sources; run `make firmware`"


class Twin(TwinProcess):
    """`signet twin`, and what tests ask of it.

    folder: where its state, its ready file and its output go; keep one to keep its registry.
    options: further ones of its command line, for example "--loss", "30%".
    documented: on the documents' ports, where they are free; default: on free ones.
    """

    def __init__(self, folder: Path, *options: str, documented: bool = False) -> None:
        super().__init__(folder, {} if documented else {door.key: 0 for door in DOORS}, options)

    def device(self, cloud: str) -> dict[str, str]:
        """The ready device of a cloud: identity and secret, in the cloud's own words."""
        device: dict[str, str] = self.ready["clouds"][cloud]["device"]
        return device

    def way(self, cloud: str, name: str = "mqtt") -> dict[str, Any]:
        """Address, port, TLS and host name of a way in: "mqtt", "mqtts", "coap", "https", ..."""
        way: dict[str, Any] = self.ready["clouds"][cloud]["ways"][name]
        return way

    def wait_for_messages(
        self, cloud: str, count: int, after: int = 0, timeout_s: float = 60.0, **values: Any
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
        self,
        cloud: str,
        name: str,
        data: Mapping[str, Any] | None = None,
        device: str | None = None,
    ) -> dict[str, Any]:
        """Send a command: {"sent", "topic", "device"} and "reply" or "queued"."""
        return self.ask(
            {"do": "command", "cloud": cloud, "name": name, "data": data, "device": device}
        )

    def fault(self, name: str, **values: Any) -> None:
        """Break something: tools/twin/hub/control.py lists the faults and their values."""
        self.ask({"do": "fault", "fault": name, **values})

    def wait_for_output(self, text: str, timeout_s: float = 60.0, since: int = 0) -> None:
        """Wait until it has printed `text`. since: after so many characters of `output()`."""
        deadline = time.monotonic() + timeout_s
        while text not in self.output()[since:]:
            if time.monotonic() > deadline:
                raise AssertionError(f"never printed {text!r}:\n{self.output()}")
            time.sleep(0.01)

    def cli(self, *words: str) -> str:
        """`signet twin WORDS` with this twin's state folder; its output. Must exit 0."""
        done = signet("twin", *words, "--state", self.state)
        done.check_returncode()
        return done.stdout
