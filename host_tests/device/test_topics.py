"""Which topics do reports take by MQTT that are late, many, or of the program's own choice?"""

import json

import cbor2
import pytest

LATE = """
import board, signet
from signet import clock

link = signet.open("device.json", board)
link.report({"n": 1})
now = clock.unix_ms
clock.unix_ms = lambda: now() + 61_000  # as after a minute without a network
print("flushed", link.flush(10000), len(link.outbox.dead))
"""

MANY = """
import board, signet

link = signet.open("device.json", board)
for n in range(41):
    link.report({"n": n})
print("flushed", link.flush(20000), len(link.outbox.dead))
"""

RAW = """
import board, signet

link = signet.open("device.json", board)
link.report(b"\\x00\\xffraw", topic="TOPIC")
print("flushed", link.flush(10000), len(link.outbox.dead))
"""


def _stored(device, twin, values, program):
    """The message that the program's one report has become."""
    after = twin.last_id()
    device.run(values, main=program)
    device.wait_for("^flushed True 0")
    (message,) = twin.wait_for_messages(values["cloud"], 1, after, direction="up", status="stored")
    return message


def test_enos_gets_a_report_that_is_a_minute_old_as_resumed(device, twin, config):
    message = _stored(device, twin, config("enos"), LATE)
    assert message["topic"].endswith("/thing/measurepoint/resume")
    body = json.loads(message["payload"])
    assert body["method"] == "thing.measurepoint.resume"
    assert body["params"]["measurepoints"] == {"n": 1}


def _body(message):
    payload = message["payload"]
    if isinstance(payload, dict):
        return cbor2.loads(bytes.fromhex(payload["hex"]))
    return json.loads(payload)


@pytest.mark.parametrize(
    ("way", "changes"),
    [
        ("enos mqtt", {}),
        ("alibaba mqtt", {}),
        ("alibaba https", {}),
        ("alibaba coap", {}),
        ("alibaba coap", {"format": "cbor"}),
        ("alibaba coaps", {"profile": "documented"}),
    ],
)
def test_what_waits_beyond_a_window_comes_in_few_messages(device, twin, config, way, changes):
    cloud, way = way.split()
    topic = "measurepoint/post/batch" if cloud == "enos" else "event/property/batch/post"
    after = twin.last_id()
    device.run(config(cloud, way, **changes), main=MANY)
    device.wait_for("^flushed True 0")
    messages = twin.wait_for_messages(cloud, 41, after, direction="up", status="stored")
    assert {message["topic"].partition("/thing/")[2] for message in messages[:40]} == {topic}
    bodies = [_body(message) for message in messages]
    points = [body["params"].get("measurepoints", body["params"])["n"] for body in bodies]
    assert [n if cloud == "enos" else n["value"] for n in points] == [*range(41)]
    assert len({body["id"] for body in bodies}) <= 3


@pytest.mark.parametrize(
    ("cloud", "topic"),
    [
        ("enos", "/sys/{product_key}/{device_key}/thing/model/up_raw"),
        ("alibaba", "/{product_key}/{device_name}/user/raw"),
        ("watson", "iot-2/evt/raw/fmt/bin"),
    ],
)
def test_bytes_arrive_as_they_are_at_a_topic_of_the_program_s(device, twin, config, cloud, topic):
    values = config(cloud)
    topic = topic.format(**values)
    message = _stored(device, twin, values, RAW.replace("TOPIC", topic))
    assert message["topic"].endswith(topic)
    assert message["payload"] == {"hex": "00ff726177"}
