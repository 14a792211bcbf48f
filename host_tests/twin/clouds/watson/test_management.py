"""What does Watson's device management answer, and when may an action be ordered?

Source: the platform's docs, `devices/device_mgmt/` (index, requests, custom_actions).
"""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.twin.clouds.values import BadCommandError, Verdict
from tools.twin.clouds.watson.login import client_of
from tools.twin.clouds.watson.mqtt import Watson
from tools.twin.registry.store import Device, Store
from tools.twin.wire.packets import Publish

_SUPPORTS = {"deviceActions": True, "firmwareActions": True, "bundle": True}
_MANAGE = {"lifetime": 0, "supports": _SUPPORTS, "deviceInfo": {"model": "m"}}


class Board:
    """A device and a gateway, and what management makes of what they publish."""

    def __init__(self, store: Store) -> None:
        self.rules = Watson(store)
        self.device = store.add("watson", "device", "org/t", "d")
        self.gateway = store.add("watson", "gateway", "org/r", "g")

    def publish(self, topic: str, body: Any, of: Device | None = None) -> Verdict:
        """One message of the device, or of another."""
        device = of or self.device
        client = client_of(device, "g" if device.kind == "gateway" else "d", "s")
        return self.rules.judge(client, Publish(topic, json.dumps(body).encode()))

    def ask(self, what: str, d: Any = None) -> int:
        """The `rc` that a request gets."""
        verdict = self.publish(f"iotdevice-1/{what}", {"reqId": "r"} | ({"d": d} if d else {}))
        assert verdict.reply is not None
        reply = json.loads(verdict.reply.payload)
        assert (verdict.reply.topic, reply["reqId"]) == ("iotdm-1/response", "r")
        code: int = reply["rc"]
        return code

    def answer(self, step: Publish, code: int) -> Publish | None:
        """What comes next when the device has answered a step."""
        body = {"rc": code, "reqId": json.loads(step.payload)["reqId"]}
        return self.publish("iotdevice-1/response", body).reply


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with contextlib.closing(Store(tmp_path / "twin.db")) as store:
        yield Board(store)


@pytest.mark.parametrize(
    ("code", "what", "d"),
    [
        (200, "mgmt/manage", None),
        (200, "mgmt/manage", _MANAGE),
        (200, "mgmt/manage", _MANAGE | {"lifetime": 3600}),
        (200, "mgmt/manage", _MANAGE | {"lifetime": 10**400}),
        (400, "mgmt/manage", _MANAGE | {"lifetime": 60}),
        (400, "mgmt/manage", _MANAGE | {"supports": ["deviceActions"]}),
        (200, "mgmt/unmanage", None),
        (200, "device/update/location", {"longitude": 100, "latitude": 78, "accuracy": 100}),
        (400, "device/update/location", {"longitude": 100}),
        (400, "device/update/location", {"longitude": 100, "latitude": 91}),
        (200, "add/diag/errorCodes", {"errorCode": 5}),
        (400, "add/diag/errorCodes", {"errorCode": "5"}),
        (200, "clear/diag/errorCodes", None),
        (200, "add/diag/log", {"message": "hot", "severity": 1}),
        (400, "add/diag/log", {"message": "hot", "severity": 3}),
        (200, "clear/diag/log", None),
        (200, "notify", {"fields": [{"field": "mgmt.firmware", "value": {"state": 1}}]}),
        (400, "notify", {"field": "mgmt.firmware", "value": {"state": 1}}),
        (400, "add/diag/other", {"a": 1}),
        (400, "add/diag/log", ["hot"]),
    ],
)
def test_a_request_of_a_managed_device(board: Board, code: int, what: str, d: Any) -> None:
    board.ask("mgmt/manage", _MANAGE)
    assert board.ask(what, d) == code


def test_a_device_that_is_not_managed_gets_404(board: Board) -> None:
    assert board.ask("add/diag/errorCodes", {"errorCode": 5}) == 404
    board.ask("mgmt/manage", _MANAGE)
    board.ask("mgmt/unmanage")
    assert board.ask("add/diag/errorCodes", {"errorCode": 5}) == 404


def test_without_a_request_id_there_is_no_answer(board: Board) -> None:
    assert board.publish("iotdevice-1/mgmt/manage", {"d": _MANAGE}).reply is None


def test_a_gateway_manages_a_device_behind_it_by_the_long_topic(board: Board) -> None:
    head = "type/t/id/behind/"
    verdict = board.publish(f"iotdevice-1/{head}mgmt/manage", {"reqId": "r"}, board.gateway)
    assert verdict.reply is not None
    assert verdict.reply.topic == f"iotdm-1/{head}response"


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("device/reboot", "mgmt/initiate/device/reboot"),
        ("device/factoryReset", "mgmt/initiate/device/factory_reset"),
        ("device/update", "device/update"),
        ("bundle/action", "mgmt/custom/bundle/action"),
    ],
)
def test_an_action_has_its_documents_topic(board: Board, name: str, topic: str) -> None:
    board.ask("mgmt/manage", _MANAGE)
    assert board.rules.order(board.device, name, {}, "9").topic == f"iotdm-1/{topic}"


@pytest.mark.parametrize(
    ("manage", "name", "reason"),
    [
        (None, "device/reboot", "not managed"),
        ({"supports": {"deviceActions": True}}, "firmware/update", "does not support"),
        ({"supports": {"deviceActions": True}}, "other/action", "does not support other"),
        (_MANAGE, "firmware/download", "takes"),
    ],
)
def test_what_a_device_does_not_do_is_not_ordered(
    board: Board, manage: Any, name: str, reason: str
) -> None:
    if manage:
        board.ask("mgmt/manage", manage)
    with pytest.raises(BadCommandError, match=reason):
        board.rules.order(board.device, name, {}, "9")


def test_firmware_is_downloaded_in_the_documents_steps(board: Board) -> None:
    board.ask("mgmt/manage", _MANAGE)
    first = board.rules.order(board.device, "firmware/download", {"uri": "https://x"}, "9")
    step = Publish(first.topic, first.payload)
    other = Device("watson", "device", "org/t", "other", "")
    answer = {"rc": 204, "reqId": json.loads(step.payload)["reqId"]}
    assert board.publish("iotdevice-1/response", answer, other).reply is None
    topics = []
    for code in (204, 200, 202):
        topics.append(step.topic)
        following = board.answer(step, code)
        if following is not None:
            step = following
    assert following is None
    assert topics == [
        "iotdm-1/device/update",
        "iotdm-1/observe",
        "iotdm-1/mgmt/initiate/firmware/download",
    ]
    told = {"d": {"fields": [{"field": "mgmt.firmware", "value": {"state": 1}}]}}
    assert board.publish("iotdevice-1/notify", told).reply is None
    told["d"]["fields"][0]["value"] = {"state": 2}
    done = board.publish("iotdevice-1/notify", told).reply
    assert done is not None
    assert done.topic == "iotdm-1/cancel"


def test_a_step_that_fails_ends_the_action(board: Board) -> None:
    board.ask("mgmt/manage", _MANAGE)
    first = board.rules.order(board.device, "firmware/download", {"uri": "https://x"}, "9")
    assert board.answer(Publish(first.topic, first.payload), 500) is None
    body = {"rc": 500, "reqId": "9-update"}
    last = board.rules.reply(Publish("iotdevice-1/response", json.dumps(body).encode()))
    assert last == (("iotdevice-1/response", "9"), body)
