"""Do the topic rules let through what each cloud lets through, and nothing else?

Watson: the cases of eclipse/amlen `server_proxy/test/proxy_test.c` (cvtTopic), the opened proxy of
the platform. EnOS and Alibaba: the topic lists of their documents.
"""

import json
from pathlib import Path

import pytest

from tools.twin import topics
from tools.twin.clouds import CLOUDS
from tools.twin.clouds.base import Client
from tools.twin.clouds.watson import Watson
from tools.twin.store import Device

_VECTORS = json.loads(
    (Path(__file__).parent.parent / "vectors" / "watson-rules.json").read_text()
)["topics"]

_WATSON = [
    (key, verdict, topic)
    for key, cases in _VECTORS.items()
    if "/" in key
    for verdict, found in cases.items()
    for topic in found
]


@pytest.mark.parametrize(("key", "verdict", "topic"), _WATSON)
def test_watson_topic_of_the_opened_proxy(key: str, verdict: str, topic: str) -> None:
    kind, direction = key.split("/")
    rules = Watson.subscribe_rules if direction == "sub" else Watson.publish_rules
    assert topics.allowed(topic, rules[kind], {}) == (verdict == "ok")


_SYS = "/sys/pk/dev/thing/"


@pytest.mark.parametrize(
    ("cloud", "direction", "topic", "ok"),
    [
        ("enos", "up", _SYS + "measurepoint/post", True),
        ("enos", "up", _SYS + "measurepoint/post/batch", True),
        ("enos", "up", _SYS + "measurepoint/resume", True),
        ("enos", "up", _SYS + "event/alarm/post", True),
        ("enos", "up", _SYS + "service/blink_reply", True),
        ("enos", "up", _SYS + "service/measurepoint/set_reply", True),
        ("enos", "up", _SYS + "service/blink", False),
        ("enos", "up", "/sys/pk/other/thing/measurepoint/post", False),
        ("enos", "up", "/sys/other/dev/thing/measurepoint/post", False),
        ("enos", "up", "my/own/topic", False),
        ("enos", "down", _SYS + "measurepoint/post_reply", True),
        ("enos", "down", _SYS + "service/+", True),
        ("enos", "down", _SYS + "service/measurepoint/set", True),
        ("enos", "down", "/sys/pk/other/thing/service/+", False),
        ("enos", "down", "/sys/pk/+/thing/service/blink", False),
        ("enos", "down", "#", False),
        ("alibaba", "up", _SYS + "event/property/post", True),
        ("alibaba", "up", _SYS + "service/property/set_reply", True),
        ("alibaba", "up", "/pk/dev/user/update", True),
        ("alibaba", "up", "/ota/device/inform/pk/dev", True),
        ("alibaba", "up", "/pk/dev/user/" + "x" * 115, True),
        ("alibaba", "up", "/pk/dev/user/" + "x" * 116, False),
        ("alibaba", "up", "/pk/dev/user/a\nb", False),
        ("alibaba", "up", "/sys/pk/other/thing/event/property/post", False),
        ("alibaba", "up", "/pk/other/user/update", False),
        ("alibaba", "down", _SYS + "#", True),
        ("alibaba", "down", "/pk/dev/user/get", True),
        ("alibaba", "down", "/sys/pk/+/thing/#", False),
        ("alibaba", "down", "#", False),
    ],
)
def test_a_device_has_its_own_topics_only(
    cloud: str, direction: str, topic: str, ok: bool
) -> None:
    device = Device(cloud, "device", "pk", "dev", "")
    names = {"product_key": "pk", "device_key": "dev", "device_name": "dev"}
    rules = CLOUDS[cloud](None)  # type: ignore[arg-type]
    client = Client(device, "session", names=names)
    mapped = rules.up(client, topic) if direction == "up" else rules.down(client, topic)
    assert (mapped is not None) == ok


@pytest.mark.parametrize(
    ("topic_filter", "topic", "ok"),
    # MQTT 3.1.1, section 4.7.1, its own examples.
    [
        ("sport/tennis/player1/#", "sport/tennis/player1", True),
        ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", True),
        ("sport/#", "sport", True),
        ("#", "sport/tennis", True),
        ("sport/tennis/+", "sport/tennis/player1", True),
        ("sport/tennis/+", "sport/tennis/player1/ranking", False),
        ("sport/+", "sport", False),
        ("sport/+", "sport/", True),
        ("+/+", "/finance", True),
        ("/+", "/finance", True),
        ("+", "/finance", False),
    ],
)
def test_filters_match_as_in_section_4_7_1(topic_filter: str, topic: str, ok: bool) -> None:
    assert topics.matches(topic_filter, topic) == ok


def test_watson_maps_a_device_topic_to_the_application_topic_and_back() -> None:
    rules = Watson(None)
    names = {"org": "org123", "type": "T", "id": "D", "app": "D"}
    device = Client(Device("watson", "device", "org123/T", "D", ""), "s", "d", names)
    application = Client(
        Device("watson", "application", "org123", "key", ""), "t", "a", {"org": "org123"}
    )
    event = rules.up(device, "iot-2/evt/E/fmt/F")
    assert event is not None
    assert rules.local(application, event) == "iot-2/type/T/id/D/evt/E/fmt/F"
    command = rules.up(application, "iot-2/type/T/id/D/cmd/C/fmt/F")
    assert command is not None
    assert rules.local(device, command) == "iot-2/cmd/C/fmt/F"
    wanted = rules.down(device, "iot-2/cmd/+/fmt/+")
    assert wanted is not None
    assert topics.matches(wanted, command)
