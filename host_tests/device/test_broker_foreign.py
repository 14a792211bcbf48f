"""Does a board get on with brokers and SDKs that others wrote?  amqtt, and AWS's own SDK.

AWS IoT Core itself cannot be here: aws.py says what stands for it.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.device.aws import APPLICATION, THING, Aws
from host_tests.portable.host.broker import PASSWORD, USER, Amqtt
from host_tests.twin.mqtt_device import Paho
from host_tests.twin.sdk import Sdk
from tools.pki.authority import Authority
from tools.twin.wire.packets import Connect

_ID = "meter-7"
_REPORTS, _ANSWERS = f"signet/{_ID}/report", f"signet/{_ID}/answer/set"
_STATUS = f"signet/{_ID}/status"
_SHADOW = f"$aws/things/{THING}/shadow/update"


class _Amqtt:
    """One that speaks TLS, lets in who has the password, and lets them publish to signet/#."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder / "ca")
        self.ca = authority.certificate_file
        server = authority.server(["localhost"], folder / "server.pem")
        self._broker = Amqtt(folder, server, ["signet/#"])
        self._end = {"address": "127.0.0.1", "port": self._broker.port}
        self.close = self._broker.close

    def config(self, **changes: Any) -> dict[str, Any]:
        """A device.json."""
        login = {"client_id": _ID, "user": USER, "password": PASSWORD}
        often = {"retry_s": 1, "report_interval_s": 1}
        return {"cloud": "broker", "host": "localhost", **self._end, **login, **often, **changes}

    @contextlib.contextmanager
    def listener(self, topic: str) -> Iterator[Paho]:
        """Somebody else who has the password."""
        login = Connect(4, "listener", True, 60, None, USER, PASSWORD.encode())
        paho = Paho({**self._end, "address": "localhost"}, login, str(self.ca))
        try:
            paho.subscribe(topic)
            yield paho
        finally:
            paho.end()


@pytest.fixture(scope="module")
def amqtt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Amqtt]:
    with contextlib.closing(_Amqtt(tmp_path_factory.mktemp("amqtt"))) as broker:
        yield broker


def _heard(paho: Paho, topic: str) -> str:
    """What comes there next, others passed over."""
    while (message := paho.next()).topic != topic:
        pass
    return message.payload.decode()


def test_a_board_reports_to_amqtt_and_answers_a_command(device, amqtt):
    with amqtt.listener("signet/#") as paho:
        device.run(amqtt.config(), ca=amqtt.ca)
        device.wait_for("^report 3 stored")
        reports = [json.loads(_heard(paho, _REPORTS))["values"] for _ in range(3)]
        assert [each["humidity"] for each in reports] == [40, 41, 42]
        paho.publish(f"signet/{_ID}/command/set", b'{"led": 1}')
        device.wait_for(r"^command set: {'led': 1}$")
        assert json.loads(_heard(paho, _ANSWERS))["result"] == {"led": 1}


def test_amqtt_refuses_a_wrong_password_and_the_board_says_what_to_check(device, amqtt):
    device.run(amqtt.config(password="not-that"), ca=amqtt.ca)
    assert "check user and password" in device.wait_for("^not connected: CONNACK 5: .*$")
    assert "not-that" not in device.output()


def test_amqtt_tells_of_a_board_that_lost_power_by_its_will(device, amqtt, power):
    with amqtt.listener(_STATUS) as paho:
        device.run(amqtt.config(will_topic=_STATUS, qos=0), ca=amqtt.ca)
        device.wait_for("^report 1 stored")
        assert _heard(paho, _STATUS) == "online"
        power.power_cut()
        assert _heard(paho, _STATUS) == "offline"
    power.start()


def test_amqtt_acknowledges_what_its_access_control_denies(device, amqtt):
    """As mosquitto does: "stored" says that the broker has the report, and no more."""
    with amqtt.listener("elsewhere/#") as paho:
        device.run(amqtt.config(topic="elsewhere/{id}"), ca=amqtt.ca)
        device.wait_for("^report 3 stored")
        paho.subscribe("signet/last")
        paho.publish("signet/last", b"")
        assert paho.next().topic == "signet/last"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    with contextlib.closing(Aws(tmp_path_factory.mktemp("aws"))) as aws:
        yield aws


@pytest.fixture
def sdk(aws: Aws, tmp_path: Path) -> Iterator[Sdk]:
    """AWS's SDK as an application that is connected."""
    given = {**aws.way(APPLICATION), "thing": THING, "topic": f"dt/{THING}"}
    sdk = Sdk("aws_application.py", given, tmp_path / "sdk.log")
    sdk.hear("listening")
    yield sdk
    sdk.end()


def _thing(aws: Aws, device: Any, **changes: Any) -> None:
    """Starts the board as a thing."""
    way = aws.way(THING)
    certificate = Path(way.pop("cert")).read_bytes()
    config = {"cloud": "broker", "preset": "aws", "client_id": THING, "cert": "thing.pem", **way}
    config |= {"ca": "ca.pem", "retry_s": 1, "report_interval_s": 1, **changes}
    device.run(config, ca=aws.ca, more={"/thing.pem": certificate})


def _reported(sdk: Sdk, name: str) -> Any:
    """What the shadow says of a value, once it does."""
    for _ in range(50):
        sdk.tell("get")
        reported = sdk.hear("accepted")["state"]["reported"]
        if name in reported:
            return reported[name]
        time.sleep(0.1)
    raise AssertionError(f"{name} is not in {reported}")


def test_what_awss_sdk_desires_is_a_command_whose_answer_it_sees(device, aws, sdk):
    _thing(aws, device, shadow=True)
    device.wait_for("^report 1 stored")
    assert sdk.hear("report")["payload"]["values"]["humidity"] == 40
    sdk.tell('{"led": 1}')
    assert sdk.hear("accepted")["state"] == {"desired": {"led": 1}}
    device.wait_for(r"^command set: {'led': 1}$")
    assert _reported(sdk, "led") == 1


def test_a_report_to_its_shadow_is_stored_when_the_shadow_service_says_so(device, aws, sdk):
    _thing(aws, device, topic=_SHADOW, report_interval_s=60)
    device.wait_for("^report 1 stored")
    assert _reported(sdk, "temperature") == 21.5
