"""Do the clouds' own device SDKs work with the twin, unchanged?

Each SDK runs from PyPI as it is, in its own environment and its own process; what it is told is
what its public parameters offer. For wiotp-sdk the process maps a host name (clients/hosts.py).
"""

import json
import queue
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.http_device import WatsonDevice
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
            if line.startswith("{"):
                self._lines.put(json.loads(line))

    def hear(self, event: str) -> dict[str, Any]:
        """The next line that tells of `event`; others before it are passed over."""
        try:
            while (said := self._lines.get(timeout=_TIMEOUT_S))["event"] != event:
                pass
        except queue.Empty:
            raise AssertionError(f"no {event!r}:\n{self._log.read_text()}") from None
        return said

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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Any]:
    running: list[Sdk] = []

    def start_one(script: str, given: dict[str, Any]) -> Sdk:
        sdk = Sdk(script, given, tmp_path / f"{script}.log")
        running.append(sdk)
        return sdk

    yield start_one
    for sdk in running:
        sdk.end()


def _given(twin: Twin, cloud: str, way: str, kind: str = "device") -> dict[str, Any]:
    entry = twin.ready["clouds"][cloud]
    endpoint = {name: entry["ways"][way][name] for name in ("address", "port", "tls")}
    return {**entry["device"], **entry[kind], **endpoint, "ca": twin.ready["ca_file"]}


def test_enos_sdk_logs_in_posts_and_obeys(twin: Twin, start: Any) -> None:
    after = twin.last_id()
    sdk = start("enos_device.py", _given(twin, "enos", "mqtt"))
    assert sdk.hear("connected")["ok"]
    assert sdk.hear("posted")["code"] == 200
    (report,) = twin.wait_for_messages("enos", 1, after, direction="up", status="stored")
    assert report["topic"].endswith("/thing/measurepoint/post")
    assert json.loads(report["payload"])["params"]["measurepoints"] == {"temperature": 21.5}
    answer = twin.command("enos", "multiply", {"left": 6, "right": 7})
    assert sdk.hear("command")["params"] == {"left": 6, "right": 7}
    assert answer["reply"]["code"] == 200
    assert answer["reply"]["data"] == {"result": 42}


_MODEL = {
    "events": [{"identifier": "post", "outputData": [{"identifier": "temperature"}]}],
    "services": [
        {"identifier": "set", "inputData": [{"identifier": "setpoint"}]},
        {"identifier": "blink", "inputData": []},
    ],
}


def _alibaba_sdk_posts(twin: Twin, start: Any, folder: Path, way: str) -> Sdk:
    after = twin.last_id()
    model = folder / "model.json"
    model.write_text(json.dumps(_MODEL))
    sdk: Sdk = start("alibaba_device.py", {**_given(twin, "alibaba", way), "model": str(model)})
    assert sdk.hear("connected")["ok"]
    assert sdk.hear("posted")["code"] == 200
    (report,) = twin.wait_for_messages("alibaba", 1, after, direction="up", status="stored")
    assert report["topic"].endswith("/thing/event/property/post")
    assert json.loads(report["payload"])["params"] == {"temperature": 21.5}
    return sdk


def test_alibaba_sdk_logs_in_over_tls_and_posts(twin: Twin, start: Any, tmp_path: Path) -> None:
    # No command here: the SDK then writes from two threads at once, which before CPython 3.13 may
    # garble the TLS record it sends.
    _alibaba_sdk_posts(twin, start, tmp_path, "mqtts")


def test_alibaba_sdk_logs_in_posts_and_obeys(twin: Twin, start: Any, tmp_path: Path) -> None:
    sdk = _alibaba_sdk_posts(twin, start, tmp_path, "mqtt")
    assert twin.command("alibaba", "set", {"setpoint": 20})["reply"]["code"] == 200
    assert sdk.hear("set")["params"] == {"setpoint": 20}
    answer = twin.command("alibaba", "blink", {"times": 3})
    assert sdk.hear("service") == {"event": "service", "name": "blink", "params": {"times": 3}}
    assert answer["reply"]["data"] == {"done": 1}


@pytest.mark.parametrize("way", ["mqtt", "mqtts"])
def test_watson_sdk_logs_in_publishes_and_obeys(twin: Twin, start: Any, way: str) -> None:
    after = twin.last_id()
    sdk = start("watson_device.py", _given(twin, "watson", way))
    assert sdk.hear("connected")["ok"]
    sdk.hear("acknowledged")
    (event,) = twin.wait_for_messages("watson", 1, after, direction="up")
    assert event["topic"] == "iot-2/evt/status/fmt/json"
    assert json.loads(event["payload"]) == {"temperature": 21.5}
    assert twin.command("watson", "reboot", {"in": 5})["sent"]
    assert sdk.hear("command") == {"event": "command", "name": "reboot", "data": {"in": 5}}


def test_watson_sdk_application_hears_events_and_commands_a_device(twin: Twin, start: Any) -> None:
    application = start("watson_application.py", _given(twin, "watson", "mqtts", "application"))
    assert application.hear("connected")["ok"]
    application.hear("subscribed")
    device = start("watson_device.py", _given(twin, "watson", "mqtts"))
    while application.hear("presence")["action"] != "Connect":
        pass  # the retained message of an earlier visit
    heard = application.hear("heard")
    assert (heard["device"], heard["name"]) == ("board-1", "status")
    assert heard["data"] == {"temperature": 21.5}
    application.tell("command")
    assert device.hear("command")["data"] == {"in": 5}


def test_watson_sdk_application_hears_and_commands_a_device_that_speaks_http(
    twin: Twin, start: Any
) -> None:
    device = WatsonDevice(twin, "h-sdk", "https")
    given = {**_given(twin, "watson", "mqtts", "application"), "device_id": device.name}
    application = start("watson_application.py", given)
    application.hear("subscribed")
    with device.http() as http:
        assert device.event(http, b'{"temperature": 21.5}').status == 200
        heard = application.hear("heard")
        assert (heard["device"], heard["name"]) == ("h-sdk", "status")
        assert heard["data"] == {"temperature": 21.5}
        application.tell("command")
        command = device.poll(http, wait_s=30)
        assert (command.headers["x-commandid"], command.json) == ("reboot", {"in": 5})
