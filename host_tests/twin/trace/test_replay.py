"""Does a trace hold what happened and no secret, and does a replay find what is decided anew?

sample.jsonl is a trace that version 1 wrote, kept as it was: later versions have to read it.
"""

import base64
import contextlib
import json
import re
import shutil
import signal
import stat
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cbor2
import pytest

from host_tests import screens
from host_tests.support import Twin, signet
from host_tests.tools.pki_files import Issued
from host_tests.twin.certified import Sealed, serial_of
from host_tests.twin.coap_device import CBOR, CoapDevice, alink, message
from host_tests.twin.http_device import AlibabaDevice, Http, WatsonDevice, of_application
from host_tests.twin.mqtt_device import Raw, connect_of, paho
from tools import signing
from tools.pki.authority import Authority
from tools.twin.registry import mask
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import open_store
from tools.twin.trace.awaited import Outcome
from tools.twin.trace.file import line, read
from tools.twin.trace.replay import replay
from tools.twin.trace.survey import ordered, survey
from tools.twin.wire import packets

_SAMPLE = Path(__file__).with_name("sample.jsonl")
_OWN = "/sys/a1SignetPk/board-1/thing"
_WRONG = b"a wrong password, of some length"


def _by_mqtt(twin: Twin) -> None:
    """Reports by TLS and WebSocket, a command and its answer; what is wrong, too."""
    for cloud in ("enos", "alibaba", "watson"):
        with Raw(twin.way(cloud)) as raw:
            assert raw.login(connect_of(twin, cloud, password=_WRONG)) != 0
    with Raw(twin.way("watson")) as raw:
        raw.login(connect_of(twin, "watson"))
        raw.publish("iot-2/evt/status", b"{}")  # no such topic
        assert raw.closed()
    with Raw(twin.way("enos")) as raw:
        raw.login(connect_of(twin, "enos"))
        raw.send(b"\x00\x00")  # no packet
        assert raw.closed()
    will = packets.Will("iot-2/evt/w/fmt/json", b'{"token": "%s"}' % _WRONG, 0, False)
    for connect in (None, connect_of(twin, "watson", will=will)):
        with Raw(twin.way("watson")) as raw:
            if connect is not None:
                assert raw.login(connect) == 0
            raw.send(b'0\x7f\x00\x01a{"token": "%s' % _WRONG)  # half a PUBLISH
    with paho(twin, "watson", way="ws") as device:
        device.publish("iot-2/evt/status/fmt/json", '{"d": {"t": 1}}')
    with paho(twin, "alibaba", way="mqtts") as device:

        def obey(client: Any, _data: Any, order: Any) -> None:
            answer = {"id": json.loads(order.payload)["id"], "code": 200, "data": {}}
            client.publish(order.topic + "_reply", json.dumps(answer), 1)

        device.subscribe(f"{_OWN}/#")
        device.client.on_message = obey
        twin.command("alibaba", "reboot", {"delay": 3})
        device.client.on_message = None
        device.publish(f"{_OWN}/event/property/post", json.dumps(alink("1")))
        device.publish(f"{_OWN}/event/property/post", b"\xff no JSON")


def _by_a_gateway_and_a_product_of_enos(twin: Twin) -> None:
    """A device comes behind a gateway, one is registered; message integration."""
    own = twin.device("enos")
    product = own["product_key"]
    behind = json.loads(twin.cli("device", "add", "enos", product, "behind"))
    fields = {"clientId": "c", "deviceKey": "behind", "productKey": product, "timestamp": "1"}
    sign = signing.enos(fields, behind["device_secret"]).signature
    params = {**fields, "signMethod": "sha256", "sign": sign}
    gateway = f"{product}/{own['device_key']}"
    with Raw(twin.way("enos")) as raw:
        assert raw.login(connect_of(twin, "enos")) == 0
        for topic, value in (
            (f"/sys/{gateway}/thing/topo/add", [params]),
            (f"/ext/session/{gateway}/combine/login", params),
            (f"/sys/{gateway}/thing/device/register", [{"productKey": product}]),
        ):
            body = {"id": "1", "version": "1.0", "params": value}
            raw.publish(topic, json.dumps(body).encode(), qos=1, packet_id=3)
            assert raw.receive() is not None
    fields = {"clientId": product, "deviceKey": "%channel%", "productKey": product}
    secret = twin.ready["clouds"]["enos"]["product_secret"]
    password = signing.enos(fields, secret).signature.encode()
    client_id, user = f"{product}|securemode=4,signmethod=sha256|", f"%channel%&{product}"
    with Raw(twin.way("enos")) as raw:
        assert raw.login(packets.Connect(4, client_id, True, 60, None, user, password)) == 0


def _by_a_registration_with_alibaba(twin: Twin) -> None:
    """A device that need not be registered gets client id and token, and logs in with them."""
    product = twin.device("alibaba")["product_key"]
    secret = json.loads(twin.cli("device", "secret", "alibaba", product))["product_secret"]
    fields = {"deviceName": "fresh", "productKey": product, "random": "r"}
    client_id, token = "c", signing.alibaba(fields, secret).signature
    registers = "authType=regnwl,random=r,signmethod=hmacsha256,securemode=2"
    for options in (registers, "authType=connwl,securemode=-2"):
        with Sealed(twin.way("alibaba", "mqtts"), twin.ready["ca_file"]) as raw:
            user, client = f"fresh&{product}", f"{client_id}|{options}|"
            connect = packets.Connect(4, client, True, 60, None, user, token.encode())
            assert raw.login(connect) == 0
            if options == registers:
                packet = raw.receive()
                assert packet is not None
                told = json.loads(packets.Publish.parse(packet).payload)
                client_id, token = told["clientId"], told["deviceToken"]


def _by_azure(twin: Twin) -> None:
    """A registration with DPS, and a report."""
    ready = twin.ready["clouds"]["azure"]
    own, group = ready["device"], ready["group"]
    key = signing.azure_device_key(group["group_key"], "b-7")
    resource = f"{group['id_scope']}/registrations/b-7"
    _login(twin, group["host"], "b-7", f"{resource}/", (resource, key))
    user = f"{own['hub']}/board-1/?"
    resource = f"{own['hub']}/devices/board-1"
    _login(twin, own["hub"], "board-1", user, (resource, own["device_key"]))


def _by_certificates(twin: Twin) -> None:
    """Azure takes two, EnOS its own; handshakes fail on either side."""
    between, stranger = Issued("plant", by=(root := Issued("root"))), Issued("stranger")
    by_thumbprint = Issued("by-1", ca=False, usage=())
    by_chain = Issued("by-2", by=between, ca=False, usage=())
    files = {}
    for name, parts in (
        ("by-1", (by_thumbprint,)),
        ("by-2", (by_chain, between)),
        ("expired", (Issued("board-1", by=stranger, ca=False, days=(-9, -1)), stranger)),
    ):
        files[name] = twin.state / f"{name}.pem"
        files[name].write_bytes(b"".join(each.pem for each in parts) + parts[0].key_bytes())
    root_file = twin.state / "root.pem"
    root_file.write_bytes(root.pem)
    hub = twin.ready["clouds"]["azure"]["device"]["hub"]
    for name, registered in (("by-1", files["by-1"]), ("by-2", root_file)):
        twin.cli("device", "add", "azure", "signet-hub", name, "--certificate", str(registered))
        for client_id in (name, "board-1"):
            user = f"{hub}/{client_id}/?api-version=2021-04-12"
            with _sealed(twin, "azure", files[name], server_name=hub) as raw:
                connect = packets.Connect(4, client_id, True, 60, None, user, None)
                assert (raw.login(connect) == 0) == (client_id == name)
    own = Authority(twin.state / "enos").client("board-1", target=twin.state / "own.pem")
    enos = twin.device("enos")
    with contextlib.closing(open_store(twin.state)) as store:
        whose = enos["product_key"], enos["device_key"]
        Certificates(store).issued(serial_of(own), *whose, 10**13)
    with _sealed(twin, "enos", own) as raw:
        assert raw.login(connect_of(twin, "enos")) == 0
    for file, how in (
        (files["expired"], {}),
        (files["by-1"], {}),
        (None, {}),
        (own, {"ca": root_file}),
        (own, {"suites": "PSK"}),
    ):
        with pytest.raises(OSError, match=r"alert|CERTIFICATE|CIPHER"):
            _sealed(twin, "enos", file, **how)
    for sent in (b"", b"\x10\x10\0\4MQTT" + _WRONG, b"\x16\x03\x01\0\x05\x01"):
        with Raw(twin.way("enos", "mqtts")) as raw:
            raw.send(sent)


def _sealed(twin: Twin, cloud: str, file: Path | None, **how: Any) -> Sealed:
    ca = how.pop("ca", twin.ready["ca_file"])
    return Sealed(twin.way(cloud, "mqtts"), ca, file, **{"server_name": "mqtt.enos.test", **how})


def _login(twin: Twin, host: str, client_id: str, user: str, signed: tuple[str, str]) -> None:
    ends_s = int(time.time()) + 3600
    signature = signing.azure(*signed, ends_s).signature
    sr, sig = (urllib.parse.quote(each, safe="") for each in (signed[0], signature))
    password = f"SharedAccessSignature sr={sr}&sig={sig}&se={ends_s}".encode()
    user += "api-version=2021-04-12"
    with Sealed(twin.way("azure", "mqtts"), twin.ready["ca_file"], server_name=host) as raw:
        assert raw.login(packets.Connect(4, client_id, True, 60, None, user, password)) == 0
        if client_id == "board-1":
            raw.publish("devices/board-1/messages/events/", b'{"t": 1}', qos=1, packet_id=3)
            assert raw.receive() is not None


def _by_http(twin: Twin) -> None:
    with AlibabaDevice(twin) as device:
        device.auth(device.body(sign="0" * 32))
        device.login(timestamp=str(time.time_ns() // 1_000_000))
        device.report()
        device.report(path="/topic/another/board/user/update")
        twin.fault("expire_tokens")
        device.report()
    with Http(twin, "watson", "https", "signet.internetofthings.ibmcloud.com") as http:
        http.ask("/api/v0002/device/types", b"", of_application(twin), method="GET")
    device = WatsonDevice(twin, "by-http")
    with device.http(way="https") as http:
        device.event(http)
        twin.command("watson", "set", {"led": 1}, "esp32/by-http")
        device.poll(http)
    device.authorized = {
        "Authorization": "Basic " + base64.b64encode(b"use-token-auth:no").decode()
    }
    with device.http() as http:
        device.event(http)


def _by_coap(twin: Twin) -> None:
    device = CoapDevice(twin)
    device.ask(message("auth", json.dumps(device.body(sign="0" * 32)).encode()))
    device.login()
    reports = [device.report(alink("7")), device.report(b"\xa0", form=CBOR), device.report(seq=1)]
    device.ask_all(reports)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a twin that has ended: its registry, and trace.jsonl."""
    folder = tmp_path_factory.mktemp("recorded")
    with Twin(folder, "--record", str(folder / "trace.jsonl")) as twin:
        _by_mqtt(twin)
        _by_azure(twin)
        _by_certificates(twin)
        _by_a_gateway_and_a_product_of_enos(twin)
        _by_a_registration_with_alibaba(twin)
        _by_http(twin)
        _by_coap(twin)
    assert "Traceback" not in twin.output()
    yield folder
    shutil.rmtree(folder)


def _replayed(trace: Path, folder: Path) -> Outcome:
    return replay(trace, survey(read(trace)), folder, fast=True)


def test_a_replay_of_a_run_decides_all_as_it_was(run: Path, tmp_path: Path) -> None:
    outcome = _replayed(run / "trace.jsonl", tmp_path)
    assert not outcome.differences
    assert not outcome.left_out
    assert outcome.decisions > 60


def test_a_device_that_is_denied_now_differs_and_a_reply_that_its_goodbye_overtook_does_not(
    run: Path, tmp_path: Path
) -> None:
    last = "payload is not JSON"  # to Alibaba's, right before it leaves
    records = [
        record
        for record in read(run / "trace.jsonl")
        if last not in record.get("payload", "") and last.encode().hex() not in str(record)
    ]
    (enos,) = (row for row in records[1]["put"]["devices"] if row["cloud"] == "enos")
    enos["enabled"] = 0
    changed = tmp_path / "changed.jsonl"
    changed.write_bytes(b"".join(map(line, records)))
    outcome = _replayed(changed, tmp_path)
    told = {(each.then, each.now) for each in outcome.differences}
    assert ("CONNACK 0", "CONNACK 5") in told
    assert {each.record["cloud"] for each in outcome.differences} == {"enos"}


def test_what_a_missing_request_led_to_is_not_asked_for_where_a_trace_breaks_off(
    run: Path,
) -> None:
    records = list(read(run / "trace.jsonl"))
    (request, *_) = (
        number
        for number, record in enumerate(records)
        if record["what"] == "coap" and records[number - 1]["what"] == "event"
    )
    assert request - 1 in dict(ordered(records, ended=True))
    assert request - 1 not in dict(ordered(records[:request], ended=False))


def test_no_secret_is_in_a_trace(run: Path) -> None:
    text = (run / "trace.jsonl").read_bytes()
    assert stat.S_IMODE((run / "trace.jsonl").stat().st_mode) == 0o600
    store = open_store(run / "twin")
    found = [device.secret.encode() for device in store.devices()]
    found += [
        row[0].encode() for row in store.database.execute("SELECT key FROM azure_enrollments")
    ]
    store.close()
    assert len(found) > 8
    for secret in [*found, _WRONG]:
        coded = base64.b64encode(b"use-token-auth:" + secret)
        for form in (secret, secret.hex().encode(), base64.b64encode(secret)[:-4], coded[20:-4]):
            assert form not in text
    for name in (b'"token":"', b"&sig=", b'"sign":"', b'"sign": "'):  # of JSON as it went
        assert all(each.startswith(b"2a") for each in text.split(name.hex().encode())[1:])
    assert all(each.startswith(b"*") for each in text.split(b'"password":"')[1:])


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b'{"sign": "0123456789", "t": 1}', rb'{"sign": "\*\d+\*+", "t": 1}'),
        (b'{"deviceSecret":"a\\"b56789"}', rb'{"deviceSecret":"\*\d+\*+"}'),
        (b"/topic?_token=0123456789&n=1", rb"/topic\?_token=\*\d+\*+&n=1"),
        (b"sign=0123456789&n=1", rb"sign=\*\d+\*+&n=1"),
        (b"DeviceId=x;SharedAccessKey=0123456789", rb"DeviceId=x;SharedAccessKey=\*\d+\*+"),
        (rb'{"x": "{\"token\": \"0123456789\"}"}', rb'.*token\\": \\"\*\d+\*+\\"}"}'),
        (b'{"signal": "0123456789"}', rb'{"signal": "0123456789"}'),
        (
            cbor2.dumps({"productKey": "a1SignetPk", "seq": "10", "sign": "a" * 40, "t": 1}),
            rb".*dsignx\x28\*\d+\*+at\x01",
        ),
        (
            cbor2.dumps({"productKey": "a1SignetPk", "deviceName": "b", "sign": "c" * 9}),
            rb"\xa3jproductKeyja1SignetPkjdeviceNameabdsigni\*\d+\*+",
        ),
        (cbor2.dumps({"token": "a" * 300}), rb"\xa1etokeny\x01\x2c\*\d+\*+"),
        (cbor2.dumps([{"token": b"a" * 9}]), rb"\x81\xa1etoken\x49\*\d+\*+"),
        (b'{"apiKey":"0123456789"}', rb'{"apiKey":"\*\d+\*+"}'),
        (cbor2.dumps({"xSecondary_Key": "0123456789"}), rb"\xa1nxSecondary_Keyj\*\d+\*+"),
        (b"\xa1" * 300 + cbor2.dumps("a" * 99_999) + b"\x60" * 300, rb"\xa1+z.*"),  # in no time
        (b"\xbf" + b"etokeny\xff\xff" * 9_999, rb"\xbfetokeny\xff\xff\*\d+\*+.*"),
    ],
)
def test_what_proves_who_it_is_is_covered_in_place(sent: bytes, shown: bytes) -> None:
    covered = mask.body(sent)
    assert re.fullmatch(shown, covered, re.DOTALL)
    assert len(covered) == len(sent)


def test_a_trace_is_looked_through_for_what_and_for_secrets(run: Path) -> None:
    trace = run / "trace.jsonl"
    shown = signet("twin", "trace", trace, "--state", run / "twin")
    screens.look("twin trace", shown.stdout)
    assert "It holds no secret of this twin's registry." in shown.stdout
    store = open_store(run / "twin")
    secret = store.devices("azure")[0].secret
    store.close()
    leaky = run / "leaky.jsonl"
    event = {"what": "event", "ms": 1, "cloud": "azure", "device": "x", "kind": "k"}
    coded = base64.b64encode(b"x" + secret.encode()).hex()  # as in a PUBLISH
    leaky.write_text(trace.read_text() + json.dumps({**event, "text": coded}) + "\n")
    shown = signet("twin", "trace", leaky, "--state", run / "twin")
    lines = len(leaky.read_text().splitlines())
    assert f"line {lines}: A SECRET of azure device signet-hub board-1" in shown.stdout
    assert (shown.returncode, secret in shown.stdout + shown.stderr) == (2, False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is empty"),
        (b"PNG\n", "line 1 of FILE is not JSON"),
        (b'{"what": "event", "ms": 1}\n', "line 1 of FILE is not the head of a trace"),
        (b'{"what": "trace", "ms": 1, "version": 9}\n', "version 9"),
        (b"HEAD[]\n", "line 2 of FILE is no record"),
        (b'HEAD{"what": "packet", "ms": 1}\n', "line 2 of FILE"),
        (b"HEADLONG", "line 2 of FILE is longer than any of a trace"),
        (b'HEAD{"what": "end", "ms": "now"}\n', "line 2 of FILE: 'ms' is not what it is"),
    ],
)
def test_what_is_no_trace_is_one_error_with_its_line(
    tmp_path: Path, text: bytes, said: str
) -> None:
    head = _SAMPLE.read_bytes().splitlines(keepends=True)[0]
    file = tmp_path / "FILE"
    file.write_bytes(text.replace(b"HEAD", head).replace(b"LONG", bytes(1 << 25)))
    for command in ("trace", "replay"):
        shown = signet("twin", command, file)
        assert shown.returncode == 2
        assert said in shown.stderr.replace(str(file), "FILE")


def test_a_killed_twin_leaves_a_trace_that_can_be_read(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    twin = Twin(tmp_path, "--record", str(trace)).start()
    with Raw(twin.way("watson")) as raw:
        raw.login(connect_of(twin, "watson"))
        raw.send(b"\xc0\x00")
        assert raw.receive() is not None  # PINGRESP: what was before it is written
        assert twin.process is not None
        twin.process.send_signal(signal.SIGKILL)
        twin.process.wait(20)
    with trace.open("ab") as file:
        file.write(b'{"what":"pack')
    head, *records = read(trace)
    assert head["what"] == "trace"
    assert "CONNACK" in {record.get("name") for record in records}  # as it came to the device
    assert "breaks off" in signet("twin", "trace", trace, "--state", twin.state).stdout


def test_a_trace_of_an_earlier_version_is_played() -> None:
    shown = signet("twin", "replay", "--fast", _SAMPLE)
    screens.look("twin replay", shown.stdout + shown.stderr)
    assert shown.stdout.endswith("decisions the same, 0 differ\n")
    assert shown.returncode == 0
