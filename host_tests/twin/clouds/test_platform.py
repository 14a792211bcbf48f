"""What does the platform side of each cloud answer, and how do its commands look?

Codes: EnOS docs `common_param` (460, 1220, 1251, 1260); Alibaba document 89301 (460).
"""

import functools
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest

from tools.twin.clouds import CLOUDS
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import BadCommandError, Client, Verdict
from tools.twin.registry.store import Device, Store
from tools.twin.trace.registry import difference, tables
from tools.twin.wire.packets import Publish

_NAMES = {"product_key": "pk", "device_key": "dev", "device_name": "dev"}
_POST = {
    "id": "1",
    "version": "1.0",
    "method": "thing.measurepoint.post",
    "params": {"measurepoints": {"t": 1.5}, "time": 1700000000000},
}
_ALINK = {
    "id": "123",
    "version": "1.0",
    "params": {"t": 1.5},
    "method": "thing.event.property.post",
}
_DAYS_AHEAD_MS = 2 * 24 * 60 * 60 * 1000


@functools.cache
def _store() -> Store:
    return Store(Path(tempfile.mkdtemp()) / "twin.db")


def _rules(cloud: str) -> Cloud:
    return CLOUDS[cloud](_store())


def _verdict(cloud: str, topic: str, payload: bytes) -> Verdict:
    rules = _rules(cloud)
    client = Client(Device(cloud, "device", "pk", "dev", ""), "s", names=_NAMES)
    return rules.judge(client, Publish(topic, payload))


def _reply(cloud: str, topic: str, payload: bytes) -> tuple[str, dict[str, Any]] | None:
    reply = _verdict(cloud, topic, payload).reply
    return None if reply is None else (reply.topic, json.loads(reply.payload))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("code", "payload"),
    [
        (200, _json(_POST)),
        (200, _json(_POST | {"params": {"measurepoints": {"t": {"value": 1, "quality": 0}}}})),
        (1251, b""),
        (1220, b"not json"),
        (1220, b"[" * 100_000),
        (1220, b"\xff\xfe"),
        (1220, b"[1]"),
        (1220, b'{"id": "\\ud800", "version": "1.0"}'),
        (1220, b'{"id": "1", "version": "1.0", "params": NaN}'),
        (1220, b'{"id": "1", "version": "1.0", "params": 1e999}'),
        (460, _json(_POST | {"id": 1})),
        (460, _json({k: v for k, v in _POST.items() if k != "version"})),
        (1260, _json(_POST | {"method": "thing.event.property.post"})),
        (460, _json(_POST | {"params": []})),
        (460, _json(_POST | {"params": {"measurepoints": {}}})),
        (460, _json(_POST | {"params": {"measurepoints": {"t": 1}, "time": "now"}})),
    ],
)
def test_enos_measurepoint_post_reply(code: int, payload: bytes) -> None:
    topic = "/sys/pk/dev/thing/measurepoint/post"
    reply = _reply("enos", topic, payload)
    assert reply is not None
    assert reply[0] == topic + "_reply"
    assert reply[1]["code"] == code


def test_enos_late_batch_is_replied_on_its_own_topic_and_filed_as_its_reports() -> None:
    topic = "/sys/pk/dev/thing/measurepoint/resume/batch"
    entries = [{"measurepoints": {"t": 1}, "time": 1}, {"measurepoints": {"t": 2}, "time": 2}]
    body = _POST | {"method": "thing.measurepoint.resume.batch", "params": entries, "id": "77"}
    verdict = _verdict("enos", topic, _json(body))
    assert verdict.reply is not None
    reply = json.loads(verdict.reply.payload)
    assert (verdict.reply.topic, reply["code"], reply["id"]) == (topic + "_reply", 200, "77")
    assert [json.loads(part)["params"] for part in verdict.parts] == entries


_ON = {"value": "on", "time": 1524448722000}
_WF = ({"value": 3, "time": 1524448722000}, {"value": 4, "time": 1524448722009})
_BATCH = {"properties": {"Power": [_ON], "WF": [*_WF]}, "events": {"alarm": [_ON]}}


@pytest.mark.parametrize(
    ("parts", "params"),
    [
        ([{"Power": _ON, "WF": _WF[0]}, {"WF": _WF[1]}, _ON], _BATCH),
        ([{"WF": _ON}, {"WF": _ON}], {"properties": {"WF": [_ON, _ON]}}),
        ([], []),
        ([], {}),
        ([], {"t": [_ON]}),
        ([], {"properties": {}}),
        ([], {"properties": {"t": _ON}}),
        ([], {"properties": {"t": []}}),
        ([], {"properties": {"t": [1.5]}}),
        ([], {"properties": {"t": [{"value": 1.5}]}}),
        ([], {"properties": {"t": [{"value": 1.5, "time": "now"}]}}),
    ],
)
def test_alibaba_batch_is_filed_as_its_reports(parts: list[Any], params: Any) -> None:
    topic = "/sys/pk/dev/thing/event/property/batch/post"
    body = _ALINK | {"method": "thing.event.property.batch.post", "params": params}
    verdict = _verdict("alibaba", topic, _json(body))
    assert verdict.reply is not None
    assert verdict.reply.topic == topic + "_reply"
    assert json.loads(verdict.reply.payload)["code"] == (200 if parts else 460)
    assert [json.loads(part)["params"] for part in verdict.parts] == parts


def test_enos_does_not_reply_to_a_reply() -> None:
    answer = _json({"id": "1", "code": 200, "data": {}})
    assert _reply("enos", "/sys/pk/dev/thing/service/blink_reply", answer) is None


@pytest.mark.parametrize(
    ("code", "payload"),
    [
        (200, _json(_ALINK)),
        (200, _json(_ALINK | {"params": {"t": {"value": 1.5, "time": 1524448722000}}})),
        (200, _json({k: v for k, v in _ALINK.items() if k != "method"})),
        (460, b"not json"),
        (460, b"[" * 100_000),
        (460, b"7"),
        (460, _json(_ALINK | {"id": 123})),
        (460, _json(_ALINK | {"params": "t=1"})),
        (460, _json(_ALINK | {"method": "thing.measurepoint.post"})),
        (460, _json(_ALINK | {"params": {"t": {"value": 1, "time": "now"}}})),
        (
            460,
            _json(
                _ALINK
                | {"params": {"t": {"value": 1, "time": int(time.time() * 1000) + _DAYS_AHEAD_MS}}}
            ),
        ),
    ],
)
def test_alibaba_property_post_reply(code: int, payload: bytes) -> None:
    topic = "/sys/pk/dev/thing/event/property/post"
    reply = _reply("alibaba", topic, payload)
    assert reply is not None
    assert reply[0] == topic + "_reply"
    assert reply[1]["code"] == code
    assert reply[1]["method"] == "thing.event.property.post"


def test_alibaba_reply_carries_the_id_of_the_request() -> None:
    reply = _reply("alibaba", "/sys/pk/dev/thing/event/property/post", _json(_ALINK))
    assert reply is not None
    assert reply[1]["id"] == "123"


def test_alibaba_does_not_reply_when_ack_is_0() -> None:
    body = _json(_ALINK | {"sys": {"ack": 0}})
    assert _reply("alibaba", "/sys/pk/dev/thing/event/property/post", body) is None


def test_alibaba_does_not_reply_on_custom_topics() -> None:
    assert _reply("alibaba", "/pk/dev/user/update", b"anything") is None


@pytest.mark.parametrize(
    ("cloud", "name", "topic", "reply", "method"),
    [
        ("enos", "set", "thing/service/measurepoint/set", "{}_reply", "measurepoint.set"),
        ("enos", "blink", "thing/service/blink", "{}_reply", "blink"),
        ("enos", "rrpc:blink", "rrpc/request/9", "/sys/pk/dev/rrpc/response/9", "blink"),
        ("alibaba", "set", "thing/service/property/set", "{}_reply", "property.set"),
        ("alibaba", "led.blink", "thing/service/led/blink", "{}_reply", "led.blink"),
    ],
)
def test_a_command_has_its_documents_topics_and_method(
    cloud: str, name: str, topic: str, reply: str, method: str
) -> None:
    rules = _rules(cloud)
    order = rules.order(Device(cloud, "device", "pk", "dev", ""), name, {"a": 1}, "9")
    body = json.loads(order.payload)
    assert order.topic == f"/sys/pk/dev/{topic}"
    assert order.reply_topic == reply.format(order.topic)
    assert (body["id"], body["params"]) == ("9", {"a": 1})
    assert body["method"] == f"thing.service.{method}"


@pytest.mark.parametrize("cloud", ["enos", "alibaba"])
def test_a_trace_has_no_secret_of_a_product(cloud: str) -> None:
    rules = _rules(cloud)
    told = rules.product_secret("pk")
    assert told is not None
    assert told["product_secret"] not in json.dumps(difference({}, tables(_store().database)))


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("name", ["", "a/b", "a+", "#"])
def test_a_command_name_cannot_leave_its_level(cloud: str, name: str) -> None:
    rules = _rules(cloud)
    with pytest.raises(BadCommandError):
        rules.order(Device(cloud, "device", "pk/t", "dev", ""), name, {}, "9")
