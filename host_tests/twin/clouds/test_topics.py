"""Do the topic rules let through what each cloud lets through, and nothing else?

Watson: the cases of eclipse/amlen `server_proxy/test/proxy_test.c` (cvtTopic), the opened proxy of
the platform. EnOS and Alibaba: the topic lists of their documents.
"""

import json
from pathlib import Path

import pytest

from host_tests.support import Twin
from host_tests.twin.coap_device import CoapDevice
from host_tests.twin.http_device import AlibabaDevice
from host_tests.twin.mqtt_device import paho
from tools.twin.clouds import CLOUDS
from tools.twin.clouds.alibaba.topics import Categories
from tools.twin.clouds.values import Client
from tools.twin.clouds.watson.mqtt import Watson
from tools.twin.registry.store import Device, Store
from tools.twin.wire import topics

_VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "watson-rules.json").read_text())[
    "topics"
]

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
        ("alibaba", "up", "/pk/dev/user/pub", True),  # the documents' own examples
        ("alibaba", "up", "/pk/dev/pub", True),
        ("alibaba", "up", "/pk/dev/user/get", False),
        ("alibaba", "up", "/pk/dev/sensor/log", True),
        ("alibaba", "up", "/pk/dev/sensor/log/x", False),
        ("alibaba", "up", "/pk/other/sensor/log", False),
        ("alibaba", "up", "/ota/device/inform/pk/dev", True),
        ("alibaba", "up", "/ota/device/progress/pk/dev", True),
        ("alibaba", "up", "/ota/device/upgrade/pk/dev", False),
        ("alibaba", "up", "/ota/device/inform/pk/other", False),
        ("alibaba", "up", "/shadow/update/pk/dev", True),
        ("alibaba", "up", "/shadow/get/pk/dev", False),
        ("alibaba", "up", "/ext/ntp/pk/dev/request", True),
        ("alibaba", "up", "/ext/ntp/pk/dev/response", False),
        ("alibaba", "up", "/ext/session/pk/dev/combine/login", True),
        ("alibaba", "up", "/ext/session/pk/dev/combine/thing.topo.add", False),
        ("alibaba", "up", "/ext/rrpc/9/pk/dev/user/get", False),  # without `ext` in its client id
        ("alibaba", "up", "/ext/register", False),
        ("alibaba", "up", "/pk/dev/user/" + "x" * 115, True),
        ("alibaba", "up", "/pk/dev/user/" + "x" * 116, False),
        ("alibaba", "up", "/pk/dev/user/a\nb", False),
        ("alibaba", "up", "/sys/pk/other/thing/event/property/post", False),
        ("alibaba", "up", "/pk/other/user/update", False),
        ("alibaba", "down", _SYS + "#", True),
        ("alibaba", "down", "/pk/dev/user/get", True),
        ("alibaba", "down", "/sys/pk/dev/rrpc/request/+", True),
        ("alibaba", "down", "/shadow/get/pk/dev", True),
        ("alibaba", "down", "/shadow/update/pk/dev", False),
        ("alibaba", "down", "/ota/device/upgrade/pk/dev", True),
        ("alibaba", "down", "/ota/device/inform/pk/dev", False),
        ("alibaba", "down", "/ext/ntp/pk/dev/response", True),
        ("alibaba", "down", "/ext/register", False),
        ("alibaba", "down", "/sys/pk/+/thing/#", False),
        ("alibaba", "down", "#", False),
    ],
)
def test_a_device_has_its_own_topics_only(
    tmp_path: Path, cloud: str, direction: str, topic: str, ok: bool
) -> None:
    store = Store(tmp_path / "twin.db")
    Categories(store).add("pk", "sensor/log")
    device = Device(cloud, "device", "pk", "dev", "")
    names = {"product_key": "pk", "device_key": "dev", "device_name": "dev"}
    rules = CLOUDS[cloud](store)
    client = Client(device, "session", names=names)
    mapped = rules.up(client, topic) if direction == "up" else rules.down(client, topic)
    assert (mapped is not None) == ok
    store.close()


def test_a_custom_topic_needs_a_topic_category_by_every_way_in(
    twin: Twin, logged_in: AlibabaDevice, online: CoapDevice
) -> None:
    topic = "/a1SignetPk/board-1/sensor/log"

    def sent() -> list[str]:
        after = twin.last_id()
        logged_in.report(path=f"/topic{topic}")
        online.ask(online.report(b"x", topic))
        with paho(twin, "alibaba") as client:
            client.publish(topic, b"x")
        return [message["status"] for message in twin.messages("alibaba", after)]

    category = ("alibaba", "a1SignetPk", "sensor/log")
    assert sent() == ["refused"] * 3
    twin.cli("topic", "add", *category)
    assert "/a1SignetPk/${deviceName}/sensor/log" in twin.cli("topic", "list", *category[:2])
    assert sent() == ["stored"] * 3
    twin.cli("topic", "remove", *category)
    assert sent() == ["refused"] * 3


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
