"""Does the gate stand in front of a broker that exists as it does in front of its own?"""

import asyncio
import contextlib
import subprocess
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import pytest

from host_tests.portable.host.broker import PASSWORD, USER, Amqtt
from host_tests.support import Twin
from host_tests.twin.mqtt_device import (
    Raw,
    application_connect,
    connect_of,
    gateway_connect,
    paho,
    wait_until,
)
from tools import toolchain
from tools.mosquitto import free_port, mosquitto
from tools.pki.authority import Authority
from tools.twin.broker import platform
from tools.twin.broker.existing import ExistingBroker
from tools.twin.hub import hub
from tools.twin.registry.store import open_store
from tools.twin.wire import packets
from tools.ui import UserError

_PASSWORD = "pass/w@rd"
_IN_URL = "pass%2Fw%40rd"
_EVENT = "iot-2/evt/status/fmt/json"


class _Broker(NamedTuple):
    folder: Path
    port: int
    settings: str
    words: tuple[str, ...]

    def serve(self) -> contextlib.AbstractContextManager[None]:
        return mosquitto(self.folder, self.settings, ("127.0.0.1", self.port))


@pytest.fixture(params=["mqtt", "mqtts"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> _Broker:
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "passwords").write_text(f"gate:{_PASSWORD}\n")
    hashed = [toolchain.mosquitto("mosquitto_passwd"), "-U", "passwords"]
    subprocess.run(hashed, cwd=folder, check=True, capture_output=True)
    port = free_port("127.0.0.1")
    settings = f"listener {port} 127.0.0.1\nallow_anonymous false\npassword_file passwords\n"
    words: tuple[str, ...] = ()
    if request.param == "mqtts":
        authority = Authority(folder / "ca")
        pem = authority.server(["127.0.0.1"], folder / "server.pem")
        settings += f"certfile {pem}\nkeyfile {pem}\n"
        words = ("--broker-ca", str(authority.certificate_file))
    url = f"{request.param}://gate:{_IN_URL}@127.0.0.1:{port}"
    return _Broker(folder, port, settings, ("--broker", url, *words))


def _queued(twin: Twin) -> bool:
    with contextlib.suppress(UserError):
        return bool(twin.command("watson", "blink", {"times": 3}).get("queued"))
    return False


def test_reports_and_commands_go_by_it_and_its_password_is_never_shown(
    broker: _Broker, tmp_path: Path
) -> None:
    with broker.serve(), Twin(tmp_path, *broker.words) as twin:
        application = application_connect(twin)
        durable = connect_of(twin, "watson", clean_session=False)
        with paho(twin, "watson", connect=application) as listener:
            listener.subscribe("iot-2/type/+/id/+/evt/+/fmt/+")
            with paho(twin, "watson", connect=durable) as device:
                device.subscribe("iot-2/cmd/+/fmt/+")
                device.publish(_EVENT, b"{}")
                assert listener.next().topic == "iot-2/type/esp32/id/board-1/evt/status/fmt/json"
        wait_until(lambda: _queued(twin))
        with paho(twin, "watson", connect=durable) as device:
            assert "blink" in device.next().topic
        with pytest.raises(UserError, match="not the twin's own; end it where it runs"):
            twin.fault("kill_broker")
        twin.wait_for_output(
            f"used: {broker.words[1].partition(':')[0]}://127.0.0.1:{broker.port}"
        )
        assert _PASSWORD not in twin.output() and _IN_URL not in twin.output()


def test_a_broker_of_other_people_will_do(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    with contextlib.closing(Amqtt(tmp_path / "broker")) as amqtt:
        url = f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{amqtt.port}"
        with (
            Twin(tmp_path, "--broker", url) as twin,
            paho(twin, "watson", connect=application_connect(twin)) as listener,
        ):
            listener.subscribe("iot-2/type/+/id/+/evt/+/fmt/+")
            with paho(twin, "watson") as device:
                device.subscribe("iot-2/cmd/+/fmt/+")
                device.publish(_EVENT, b"{}")
                assert listener.next().payload == b"{}"
                twin.command("watson", "blink")
                assert "blink" in device.next().topic


@pytest.mark.parametrize("broker", ["mqtt"], indirect=True)
def test_when_it_goes_boards_are_closed_and_come_back_with_it(
    broker: _Broker, tmp_path: Path
) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(contextlib.ExitStack())
        first.enter_context(broker.serve())
        twin = stack.enter_context(Twin(tmp_path, *broker.words))
        with Raw(twin.way("watson")) as raw:
            assert raw.login(connect_of(twin, "watson")) == 0
            first.close()
            assert raw.closed()
        with Raw(twin.way("watson")) as raw:
            assert raw.login(connect_of(twin, "watson")) == 3
        stack.enter_context(broker.serve())

        def serves() -> bool:
            with Raw(twin.way("watson")) as raw:
                return raw.login(connect_of(twin, "watson")) == 0

        wait_until(serves)


@pytest.mark.parametrize("broker", ["mqtt"], indirect=True)
def test_two_twins_share_one_where_each_serves_its_own_devices(
    broker: _Broker, tmp_path: Path
) -> None:
    with (
        broker.serve(),
        Twin(tmp_path / "a", *broker.words) as twin,
        Twin(tmp_path / "b", *broker.words) as other,
        paho(twin, "watson", connect=application_connect(twin)) as listener,
    ):
        listener.subscribe("iot-2/type/+/id/+/evt/+/fmt/+")
        with paho(other, "watson", connect=gateway_connect(other)) as gateway:
            own = "iot-2/type/router/id/gateway-1"
            gateway.subscribe(f"{own}/cmd/+/fmt/+")
            gateway.publish(f"{own}/evt/status/fmt/json", b"{}")
            assert listener.next().topic == f"{own}/evt/status/fmt/json"
            listener.publish(f"{own}/cmd/blink/fmt/json", b"{}")
            assert "blink" in gateway.next().topic
        with Raw(twin.way("watson")) as first, Raw(other.way("watson")) as second:
            assert first.login(connect_of(twin, "watson", clean_session=False)) == 0
            first.send(packets.subscribe(1, [("iot-2/cmd/+/fmt/+", 1)]))
            assert first.receive()
            assert second.login(connect_of(other, "watson", clean_session=False)) == 0
            assert first.closed()
            twin.wait_for_output("or another twin in front of it serves the same device")
            other.command("watson", "blink", {})
            packet = second.receive()
            assert packet is not None and b"blink" in packet.body


def test_one_that_falls_silent_is_given_up_within_the_keepalive_until_it_speaks_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "KEEPALIVE_S", 1)
    monkeypatch.setattr(hub, "_AGAIN_S", 0.01)
    heard: list[int] = []
    ended: list[str] = []
    told: list[tuple[str, ...]] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        decoder = packets.Decoder()
        while data := await reader.read(100):
            for packet in decoder.feed(data):
                heard.append(packet.kind)
                if packet.kind == packets.CONNECT:
                    writer.write(packets.connack(0))
                elif heard.count(packets.PINGREQ) == 1:
                    writer.write(packets.encode(packets.PINGRESP, 0, b""))
        writer.close()

    async def end(reason: str, _why: Any) -> None:
        ended.append(reason)

    async def until(condition: Any) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.01)

    async def run() -> None:
        server = await asyncio.start_server(speak, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        existing = ExistingBroker.of(f"mqtt://127.0.0.1:{port}", None)
        with contextlib.closing(open_store(tmp_path)) as store:
            shared = hub.Hub(store, existing, lambda *event: told.append(event))
            shared.connections.add(Mock(is_http=False, end=end))
            await shared.platform.start()
            await until(lambda: told)
            await until(lambda: shared.platform.up)
            await shared.platform.stop()
        server.close()

    asyncio.run(run())
    assert heard[:4] == [packets.CONNECT, packets.PINGREQ, packets.PINGREQ, packets.CONNECT]
    assert told[0] == ("twin", "MQTT broker", "fault", "does not answer any more")
    assert ended == ["the broker is gone"]


@pytest.mark.parametrize("broker", ["mqtt"], indirect=True)
def test_one_that_does_not_answer_or_refuses_is_one_clear_error(
    broker: _Broker, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"the broker mqtt://\S+ does not answer: ") as gone:
        Twin(tmp_path, *broker.words).start()
    url = broker.words[1].replace(_IN_URL, "wr0ng")
    with (
        broker.serve(),
        pytest.raises(UserError, match="refuses the twin: the user may not connect") as refused,
    ):
        Twin(tmp_path, "--broker", url).start()
    for error in (gone, refused):
        assert not any(word in str(error.value) for word in (_IN_URL, "wr0ng", "Traceback"))


@pytest.mark.parametrize(
    ("url", "ca", "words"),
    [
        ("http://h", None, "not of the form mqtt://"),
        ("mqtt://u:5ecret@", None, "not of the form"),
        ("mqtt://u:5ecret@h:port", None, "is no URL"),
        ("mqtt://h/topic", None, "not of the form"),
        ("mqtt://h", Path("ca.pem"), "--broker-ca is for mqtts://"),
        ("mqtts://h", Path("/dev/null"), "holds no CA certificate"),
    ],
)
def test_a_wrong_url_says_what_it_is_to_be(url: str, ca: Path | None, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        ExistingBroker.of(url, ca)
    assert "5ecret" not in str(caught.value)
