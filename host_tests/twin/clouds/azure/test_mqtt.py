"""Does the twin's IoT hub treat devices as Microsoft's documents say, and the vendor's SDK well?

The SDK runs as test_foreign_clients.py runs the others'; what no SDK sends comes from `wire.Raw`.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.tools.pki_files import Issued, device
from host_tests.twin.certified import Sealed
from host_tests.twin.mqtt_device import wait_until
from tools import signing
from tools.pki.authority import Authority
from tools.twin.clouds.azure import token as azure_token
from tools.twin.clouds.azure.registry import CA_SIGNED, Registry
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Store, open_store
from tools.twin.wire import packets
from tools.twin.wire.packets import Connect, Publish
from tools.ui import UserError

_DPS = "global.azure-devices-provisioning.net"
_EVENTS = "devices/board-1/messages/events/"
_TWIN = "$iothub/twin/res/#"


def _entry(twin: Twin, name: str = "device") -> dict[str, str]:
    entry: dict[str, str] = twin.ready["clouds"]["azure"][name]
    return entry


def _given(twin: Twin, name: str = "device", way: str = "mqtts") -> dict[str, Any]:
    return {**twin.way("azure", way), **_entry(twin, name), "ca": twin.ready["ca_file"]}


def _token(resource: str, key: str, life_s: float = 3600, more: str = "") -> bytes:
    sr, se = resource.replace("/", "%2F"), int(time.time() + life_s)
    sig = azure_token.signature(key, f"{sr}\n{se}")
    for plain, coded in (("+", "%2B"), ("/", "%2F"), ("=", "%3D")):
        sig = sig.replace(plain, coded)
    return f"SharedAccessSignature sr={sr}&sig={sig}&se={se}{more}".encode()


def _connect(twin: Twin, life_s: float = 3600, **changes: Any) -> Connect:
    own = _entry(twin)
    fields: dict[str, Any] = {
        "level": 4,
        "client_id": "board-1",
        "clean_session": True,
        "keepalive_s": 240,
        "will": None,
        "user": f"{own['hub']}/board-1/?api-version=2021-04-12",
        "password": _token(f"{own['hub']}/devices/board-1", own["device_key"], life_s),
    }
    return Connect(**(fields | changes))


def _sealed(twin: Twin, certificate: Path | None = None, host: str = "") -> Sealed:
    return Sealed(
        twin.way("azure", "mqtts"),
        twin.ready["ca_file"],
        certificate,
        server_name=host or _entry(twin)["hub"],
    )


@contextlib.contextmanager
def _device(twin: Twin, *filters: str, **changes: Any) -> Iterator[Sealed]:
    with _sealed(twin) as raw:
        assert raw.login(_connect(twin, **changes)) == 0
        _subscribe(raw, *filters)
        yield raw


def _subscribe(raw: Sealed, *filters: str) -> None:
    if filters:
        raw.send(packets.subscribe(1, [(each, 1) for each in filters]))
        answer = raw.receive()
        assert answer is not None
        assert answer.kind == packets.SUBACK


def _next(raw: Sealed) -> Publish:
    packet = raw.receive()
    assert packet is not None
    return Publish.parse(packet)


@contextlib.contextmanager
def _registry(twin: Twin) -> Iterator[tuple[Store, Registry]]:
    with contextlib.closing(open_store(twin.state)) as store:
        yield store, Registry(store)


# Microsoft's SDK.


@pytest.mark.parametrize("way", ["mqtts", "wss"])
def test_microsofts_sdk_reports_obeys_and_keeps_a_twin(twin: Twin, start: Any, way: str) -> None:
    after = twin.last_id()
    given = {**_given(twin, way=way), "se": 1764374400}
    sdk = start("azure_device.py", given)
    signed = f"{given['hub']}%2Fdevices%2Fboard-1\n1764374400"
    token = azure_token.Token.parse(sdk.hear("token")["text"])
    assert token.signature == azure_token.signature(given["device_key"], signed)
    ours = signing.azure(f"{given['hub']}/devices/board-1", given["device_key"], 1764374400)
    assert token.signature == ours.signature  # what `signet sign azure` shows
    assert sdk.hear("connected")["ok"]
    sdk.hear("sent")
    (event,) = twin.wait_for_messages("azure", 1, after, direction="up", status="stored")[:1]
    assert event["topic"] == _EVENTS + (
        "%24.mid=m%201&%24.ct=application%2Fjson&%24.ce=utf-8&place=roof%20%26%20cellar"
    )
    assert json.loads(event["payload"]) == {"temperature": 21.5}
    reported = sdk.hear("twin")["data"]["reported"]
    assert (reported["firmware"], reported["led"]) == ("1.0", {"on": True})
    answer = twin.command("azure", "multiply", {"left": 6, "right": 7})
    assert sdk.hear("method")["name"] == "multiply"
    assert answer["reply"] == {"status": 201, "payload": {"result": 42}}
    assert "queued" not in twin.command("azure", "set", {"led": 1})
    assert sdk.hear("desired")["data"]["led"] == 1
    twin.command("azure", "message", {"text": "hello"})
    assert sdk.hear("message")["data"] == {"text": "hello"}


def test_microsofts_sdk_is_refused_with_another_key(twin: Twin, start: Any) -> None:
    given = {**_given(twin), "device_key": "a2tra2tra2tra2tra2tra2tra2s="}
    assert start("azure_device.py", given).hear("refused")["error"] == "CredentialError"


@pytest.mark.parametrize("how", ["key", "group", "certificate"])
def test_microsofts_sdk_registers_and_logs_in(
    twin: Twin, start: Any, tmp_path: Path, how: str
) -> None:
    given = _given(twin, "enrollment")
    if how == "group":
        key = azure_token.derived(_entry(twin, "group")["group_key"], "g-1")
        given |= {"registration_id": "g-1", "device_key": key}
    elif how == "certificate":
        ca = Authority(tmp_path / "ca", "CA of the scope")
        given |= {"registration_id": "x-1", "certificate": str(_certificate(ca, tmp_path, "x-1"))}
        with _registry(twin) as (store, registry):
            for owner in (given["id_scope"], "signet-hub"):
                _add_ca(store, owner, ca)
            registry.enroll(given["id_scope"], "x-1", "signet-hub", thumbprint=CA_SIGNED)
    sdk = start("azure_device.py", given)
    registered = sdk.hear("registered")
    assert registered["status"] == "assigned"
    assert registered["hub"] == _entry(twin)["hub"]
    assert registered["id"] == given["registration_id"]
    assert sdk.hear("connected")["ok"]


def _certificate(ca: Authority, folder: Path, name: str) -> Path:
    return ca.client(name, target=folder / f"{name}.pem")


def _add_ca(store: Store, owner: str, ca: Authority) -> None:
    Certificates(store).add_ca(owner, ca.certificate_file.read_bytes(), "for tests")


# What a hub does to those that break its rules.


def _publish(topic: str, qos: int = 0, size: int = 2) -> bytes:
    return Publish(topic, b" " * size, qos, packet_id=1 if qos else 0).encode()


def _wants(topic_filter: str) -> bytes:
    return packets.subscribe(2, [(topic_filter, 0)])


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        (_publish("other"), "may not publish to 'other'"),
        (_publish("devices/board-2/messages/events/"), "may not publish"),
        (_publish(_EVENTS, qos=2), "QoS 2; at most 1"),
        (_publish(_EVENTS, size=256 * 1024 + 1), "at most 262144"),
        (_wants("#"), "may not subscribe to '#'"),
        (_wants("devices/board-2/messages/devicebound/#"), "may not subscribe"),
        (_wants("devices/board-1/messages/events/#"), "may not subscribe"),
        (_wants("$iothub/methods/POST/reboot/#"), "may not subscribe"),
    ],
)
def test_a_hub_closes_the_connection(twin: Twin, sent: bytes, words: str) -> None:
    before = len(twin.output())
    with _device(twin) as raw:
        raw.send(sent)
        assert raw.closed()
    twin.wait_for_output(words, since=before)


def test_a_sixth_filter_is_none_of_the_documented_ones(twin: Twin) -> None:
    known = (
        "devices/board-1/messages/devicebound/#",
        "$iothub/methods/POST/#",
        "$iothub/twin/res/#",
        "$iothub/twin/PATCH/properties/desired/#",
    )
    with _device(twin, *known, known[0]) as raw:
        raw.send(_wants("devices/board-1/#"))
        assert raw.closed()


def test_a_connection_ends_with_its_token(twin: Twin) -> None:
    with _device(twin, life_s=2) as raw:
        assert raw.closed()
    with _device(twin) as raw:
        twin.fault("expire_logins")
        assert raw.closed()
    twin.wait_for_output("its token has ended")


def test_the_same_device_id_ends_the_older_connection(twin: Twin) -> None:
    with _device(twin) as older, _device(twin) as newer:
        assert older.closed()
        newer.publish(_EVENTS, b"{}", qos=1, packet_id=7)
        answer = newer.receive()
        assert answer is not None
        assert (answer.kind, answer.packet_id()) == (packets.PUBACK, 7)


def test_a_message_is_on_file_before_its_puback_and_retain_is_a_property(twin: Twin) -> None:
    after = twin.last_id()
    with _device(twin) as raw:
        raw.publish(_EVENTS, b"{}", qos=1, packet_id=7, retain=True)
        assert raw.receive() is not None
        (event,) = twin.messages("azure", after)
    assert (event["status"], event["reason"]) == ("stored", "mqtt-retain=true")


# Twin, methods and messages.


def test_a_reported_patch_is_answered_204_with_its_version_or_400(twin: Twin) -> None:
    topic = "$iothub/twin/PATCH/properties/reported/?$rid="
    with _device(twin, _TWIN) as raw:
        raw.publish("$iothub/twin/GET/?$rid=1", b"")
        version = json.loads(_next(raw).payload)["reported"]["$version"]
        raw.publish(topic + "a-2", b'{"fan": 3}')
        assert _next(raw).topic == f"$iothub/twin/res/204/?$rid=a-2&$version={version + 1}"
        raw.publish(topic + "3", b'{"fan": 3')
        assert _next(raw).topic == "$iothub/twin/res/400/?$rid=3"


def test_desired_properties_wait_for_a_device_that_is_away(twin: Twin) -> None:
    assert twin.command("azure", "set", {"speed": 5})["queued"]
    with _device(twin, _TWIN, "$iothub/twin/PATCH/properties/desired/#") as raw:
        raw.publish("$iothub/twin/GET/?$rid=1", b"")
        assert json.loads(_next(raw).payload)["desired"]["speed"] == 5
        twin.command("azure", "set", {"speed": None})
        patch = json.loads(_next(raw).payload)
        assert patch.keys() == {"speed", "$version"}


def test_a_direct_method_does_not_wait_and_a_message_does(twin: Twin) -> None:
    down = "devices/board-1/messages/devicebound/#"
    with _device(twin, down, "$iothub/methods/POST/#", clean_session=False):
        pass
    wait_until(lambda: not twin.ask({"do": "online"})["online"]["azure"])
    with pytest.raises(UserError, match="not connected"):
        twin.command("azure", "reboot")
    assert twin.command("azure", "message", {"n": 1})["queued"]
    with _device(twin, clean_session=False) as raw:
        assert json.loads(_next(raw).payload) == {"n": 1}
    with _device(twin):  # and ends the session
        pass


def test_the_command_line_adds_a_device_and_writes_its_device_json(twin: Twin) -> None:
    added = json.loads(twin.cli("device", "add", "azure", "signet-hub", "c-1"))
    user = f"{added['hub']}/c-1/?api-version=2021-04-12"
    password = _token(f"{added['hub']}/devices/c-1", added["device_key"])
    with _device(twin, client_id="c-1", user=user, password=password):
        pass
    config = json.loads(twin.cli("config", "azure"))
    assert config.items() >= {"way": "mqtt", "tls": True, **_entry(twin)}.items()
    registers = json.loads(twin.cli("config", "azure", "--role", "enrollment"))
    assert registers.items() >= _entry(twin, "enrollment").items()
    assert "role" not in registers


# DPS, and certificates.


def test_dps_answers_what_it_is_asked_wrongly(twin: Twin) -> None:
    own = _entry(twin, "enrollment")
    resource = f"{own['id_scope']}/registrations/{own['registration_id']}"
    password = _token(resource, own["device_key"], more="&skn=registration")
    connect = _connect(
        twin,
        client_id=own["registration_id"],
        user=f"{resource}/api-version=2019-03-31",
        password=password,
    )
    register = "$dps/registrations/PUT/iotdps-register/?$rid="
    status = "$dps/registrations/GET/iotdps-get-operationstatus/?$rid="
    with _sealed(twin, host=_DPS) as raw:
        assert raw.login(connect) == 0
        _subscribe(raw, "$dps/registrations/res/#")
        raw.publish(register + "1", b'{"registrationId": "other"}')
        assert _next(raw).topic == "$dps/registrations/res/400/?$rid=1"
        raw.publish(status + "2&operationId=none", b"")
        assert _next(raw).topic == "$dps/registrations/res/404/?$rid=2"
        raw.publish(register + "3", json.dumps({"registrationId": "board-2"}).encode())
        begun = _next(raw)
        assert begun.topic == "$dps/registrations/res/202/?$rid=3&retry-after=1"
        operation = json.loads(begun.payload)["operationId"]
        raw.publish(f"{status}4&operationId={operation}", b"")
        assert _next(raw).topic == "$dps/registrations/res/429/?$rid=4&retry-after=1"
        raw.publish(_EVENTS, b"{}")
        assert raw.closed()


@pytest.mark.parametrize("by", ["thumbprint", "ca", "chain"])
def test_the_command_line_adds_a_device_with_a_certificate(
    twin: Twin, tmp_path: Path, by: str
) -> None:
    ca, stranger = (Authority(tmp_path / name, name) for name in ("ca", "stranger"))
    name = f"by-{by}"
    own, other = (
        _certificate(ca, tmp_path, name),
        _certificate(stranger, tmp_path / "stranger", name),
    )
    file = own if by == "thumbprint" else ca.certificate_file
    if by == "chain":
        root = Issued("root")
        between = Issued("plant", by=root)
        mine = device(name, by=between)
        file = tmp_path / "root.pem"
        file.write_bytes(root.pem)
        own.write_bytes(mine.pem + between.pem + mine.key_bytes())
    words = ("device", "add", "azure", "signet-hub", name, "--certificate", str(file))
    assert "device_key" not in json.loads(twin.cli(*words))
    user = f"{_entry(twin)['hub']}/{name}/?api-version=2021-04-12"
    connect = _connect(twin, client_id=name, user=user, password=None)
    for shown, code in ((own, 0), (other, 5), (None, 5)):
        with _sealed(twin, shown) as raw:
            assert raw.login(connect) == code
