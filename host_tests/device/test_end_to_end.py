"""Does a board that has what a user deploys reach each cloud by each way in?"""

import json

import pytest

WAYS = [
    ("enos", "mqtt"),
    ("alibaba", "mqtt"),
    ("alibaba", "mqtts"),
    ("watson", "mqtt"),
    ("watson", "mqtts"),
    ("azure", "mqtts"),
    ("azure", "wss"),
]


def _values(cloud, message):
    """The values of a stored report, in each cloud's own form."""
    body = json.loads(message["payload"])
    if cloud == "azure":
        return body
    if cloud == "enos":
        return body["params"]["measurepoints"]
    if cloud == "alibaba":
        return {name: entry["value"] for name, entry in body["params"].items()}
    return body["d"]


@pytest.mark.parametrize(("cloud", "way"), WAYS)
def test_reports_are_stored_and_a_command_is_obeyed(device, twin, config, cloud, way):
    after = twin.last_id()
    device.run(config(cloud, way))
    count = 3 + (cloud == "azure")  # whose device asks for its twin, too
    stored = twin.wait_for_messages(cloud, count, after, direction="up", status="stored")
    stored = [message for message in stored if message["payload"]]
    # firmware/boards/virtual/board.py: nothing is random
    assert [_values(cloud, message)["humidity"] for message in stored[:3]] == [40, 41, 42]
    assert _values(cloud, stored[0])["temperature"] == 21.5
    device.wait_for("report 3 stored")

    answer = twin.command(cloud, "set", {"led": 1})
    assert device.wait_for(r"^command set: .*$") == "command set: {'led': 1}"
    if cloud in ("alibaba", "enos"):  # others do not answer this one, or not there
        assert answer["reply"]["code"] == 200
        assert answer["reply"]["data"] == {"led": 1}


@pytest.mark.parametrize(
    ("cloud", "method"),
    [
        ("enos", "hmacsha1"),
        ("alibaba", "hmacmd5"),
        ("alibaba", "hmacsha1"),
    ],
)
def test_every_signing_method_logs_in(device, twin, config, cloud, method):
    after = twin.last_id()
    device.run(config(cloud, sign_method=method))
    twin.wait_for_messages(cloud, 1, after, direction="up", status="stored")


def test_alibaba_logs_in_with_a_timestamp(device, twin, config):
    after = twin.last_id()
    device.run(config("alibaba", "mqtts", timestamp=True))
    twin.wait_for_messages("alibaba", 1, after, direction="up", status="stored")


def test_quickstart_needs_no_login(device, twin, config):
    after = twin.last_id()
    values = config("watson", org_id="quickstart", token=None, insecure=None)
    device.run(values)
    found = twin.wait_for_messages("watson", 2, after, direction="up", status="stored")
    assert found[0]["device"].startswith("quickstart/")


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_a_service_is_a_command_and_its_failure_is_answered(device, twin, config, cloud):
    device.run(
        config(cloud),
        main="""
import board, signet

def obey(command):
    if command.name == "divide":
        return {"ratio": command.data["a"] // command.data["b"]}
    raise ValueError("no such service")

link = signet.open("device.json", board)
link.on_command = obey
while True:
    link.poll(1000)
""",
    )
    device.wait_for("^connected")
    reply = twin.command(cloud, "divide", {"a": 7, "b": 2})["reply"]
    assert (reply["code"], reply["data"]) == (200, {"ratio": 3})
    reply = twin.command(cloud, "divide", {"a": 7, "b": 0})["reply"]
    assert reply["code"] == 500 and "divide" in reply["message"]
    reply = twin.command(cloud, "dance")["reply"]
    assert reply["code"] == 500 and "no such service" in reply["message"]


@pytest.mark.parametrize("cloud", ["enos", "alibaba", "watson"])
def test_an_event_has_its_own_topic(device, twin, config, cloud):
    after = twin.last_id()
    device.run(
        config(cloud),
        main="""
import board, signet

link = signet.open("device.json", board)
link.report({"code": 7}, event="alarm")
print("flushed", link.flush(10000))
""",
    )
    device.wait_for("flushed True")
    (message,) = twin.wait_for_messages(cloud, 1, after, direction="up", status="stored")
    topics = {
        "enos": "thing/event/alarm/post",
        "alibaba": "thing/event/alarm/post",
        "watson": "iot-2/evt/alarm/fmt/json",
    }
    assert message["topic"].endswith(topics[cloud])
