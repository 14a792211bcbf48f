"""Does every report reach the cloud when the network, the broker or the cloud fails?"""

import json
import time

import paho.mqtt.client as paho
import pytest

from host_tests.device.conftest import COUNTER
from tools import signing

CLOUDS = ["enos", "alibaba", "watson"]


def _numbers(cloud, messages):
    """The count that each stored report of COUNTER carries."""
    numbers = []
    for message in messages:
        body = json.loads(message["payload"])
        if cloud == "enos":
            numbers.append(body["params"]["measurepoints"]["n"])
        elif cloud == "alibaba":
            numbers.append(body["params"]["n"]["value"])
        else:
            numbers.append(body["d"]["n"])
    return numbers


def _stored(twin, cloud, after, count):
    return twin.wait_for_messages(cloud, count, after, direction="up", status="stored")


def _wait_until_stored(twin, cloud, after, number, timeout_s=30):
    """Waits until the cloud has the report `number`; returns all numbers in order of arrival."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = [m for m in twin.messages(cloud, after) if m["direction"] == "up"]
        numbers = _numbers(
            cloud, [m for m in found if m["status"] == "stored" and '"n"' in m["payload"]]
        )
        if number in numbers:
            return numbers
        assert time.monotonic() < deadline, numbers
        time.sleep(0.05)


def _none_missing(numbers):
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))


def _goes_on_without_a_gap(device, twin, cloud, after):
    device.wait_for("^connected\n(?s:.*)^connected")
    last = max(_numbers(cloud, _stored(twin, cloud, after, 4)))
    _none_missing(_wait_until_stored(twin, cloud, after, last + 25))


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_dropped_connection_loses_no_report(device, twin, config, cloud):
    after = twin.last_id()
    device.run(config(cloud, outbox_limit=200), COUNTER)
    _wait_until_stored(twin, cloud, after, 3)
    twin.fault("drop_connections")
    device.wait_for("^connection lost: .*; next try in")
    _goes_on_without_a_gap(device, twin, cloud, after)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_broker_killed_and_restarted_loses_no_report(device, twin, config, cloud):
    after = twin.last_id()
    device.run(config(cloud, outbox_limit=200), COUNTER)
    _wait_until_stored(twin, cloud, after, 3)
    twin.fault("kill_broker")
    device.wait_for("^connection lost: ")
    device.wait_for("^not connected: ")
    twin.fault("start_broker")
    _goes_on_without_a_gap(device, twin, cloud, after)


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_a_report_whose_reply_is_lost_goes_again_with_the_same_id(device, twin, config, cloud):
    after = twin.last_id()
    twin.fault("swallow_replies", n=1)
    device.run(config(cloud, ack_timeout_s=2))
    device.wait_for("^report 1 stored", 30)
    found = _stored(twin, cloud, after, 3)
    ids = [json.loads(message["payload"])["id"] for message in found]
    assert ids.count(ids[0]) == 2, "the cloud sees by the id that it is the same report"


def test_what_is_not_acknowledged_goes_again_with_dup(device, twin, config):
    after = twin.last_id()
    twin.fault("swallow_pubacks", n=1)
    device.run(config("watson", ack_timeout_s=2), COUNTER)
    deadline = time.monotonic() + 60
    while not any(m["dup"] for m in twin.messages("watson", after)):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    last = max(_numbers("watson", _stored(twin, "watson", after, 1)))
    _none_missing(_wait_until_stored(twin, "watson", after, last + 10))


def _login(cloud, values):
    """What the thief logs in with: signed by the standard library, not by signet."""
    if cloud == "watson":
        names = ("org_id", "type_id", "device_id")
        return "d:" + ":".join(values[name] for name in names), "use-token-auth", values["token"]
    fields = {"clientId": "thief", "productKey": values["product_key"]}
    if cloud == "enos":
        fields.update(deviceKey=values["device_key"], timestamp="1")
        password = signing.enos(fields, values["device_secret"]).signature
        user = f"{values['device_key']}&{values['product_key']}"
        return "thief|securemode=2,signmethod=sha256,timestamp=1|", user, password
    fields["deviceName"] = values["device_name"]
    password = signing.alibaba(fields, values["device_secret"]).signature
    user = f"{values['device_name']}&{values['product_key']}"
    return "thief|securemode=3,signmethod=hmacsha256|", user, password


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_stolen_client_id_is_noticed_and_no_report_is_lost(device, twin, config, cloud):
    after = twin.last_id()
    values = config(cloud, outbox_limit=200)
    device.run(values, COUNTER)
    _wait_until_stored(twin, cloud, after, 3)
    client_id, user, password = _login(cloud, values)
    for times in (1, 2):
        thief = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id)
        thief.username_pw_set(user, password)
        thief.connect(values["address"], values["port"])
        thief.loop_start()
        device.wait_for(rf"(?s:.*?connection lost){{{times}}}")
        thief.disconnect()
        thief.loop_stop()
        device.wait_for(rf"(?s:.*?next try.*?\nconnected){{{times}}}")
    assert "is another device using this identity?" in device.output()
    last = max(_numbers(cloud, _stored(twin, cloud, after, 1)))
    _none_missing(_wait_until_stored(twin, cloud, after, last + 10))


def test_a_report_to_a_wrong_topic_is_set_aside_and_the_next_one_stored(device, twin, config):
    after = twin.last_id()
    device.run(
        config("watson"),
        main="""
import board, signet

link = signet.open("device.json", board)
link.report(b"x", topic="iot-2/cmd/own/fmt/json")
link.report({"n": 1})
print("flushed", link.flush(10000), len(link.outbox.dead))
""",
    )
    device.wait_for("^flushed True 1")
    assert "report 1 set aside: may publish to iot-2/evt/NAME/fmt/NAME only" in device.output()
    assert _numbers("watson", _stored(twin, "watson", after, 1)) == [1]
    assert "connection lost" not in device.output()


def test_watson_hangs_up_on_a_wrong_topic_and_the_board_goes_on(device, twin, config):
    """What the check before sending spares: with it switched off, the cloud closes."""
    after = twin.last_id()
    device.run(
        config("watson"),
        main="""
import board, signet

link = signet.open("device.json", board)
link._session.dialect.check_topic = lambda topic: None
link.report(b"x", topic="iot-2/cmd/own/fmt/json")
link.report({"n": 1})
while not link.handed_over:
    link.poll(100)
print("passed")
""",
    )
    device.wait_for("^connection lost: closed by the peer")
    device.wait_for("^report 1: closed by the peer, 3 times; it goes last and alone", 30)
    device.wait_for("^passed", 30)
    assert _numbers("watson", _stored(twin, "watson", after, 1)) == [1]


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_a_raw_topic_of_another_device_does_not_stop_the_reports(device, twin, config, cloud):
    after = twin.last_id()
    device.run(
        config(cloud),
        main="""
import board, signet

link = signet.open("device.json", board)
link.report(b"x", topic="/sys/other/device/thing/event/property/post")
link.report({"n": 1})
link.flush(10000)
while True:
    link.poll(1000)
""",
    )
    assert _wait_until_stored(twin, cloud, after, 1) == [1]
    refused = [m for m in twin.messages(cloud, after) if m["status"] == "refused"]
    assert [m["topic"] for m in refused] == ["/sys/other/device/thing/event/property/post"]
