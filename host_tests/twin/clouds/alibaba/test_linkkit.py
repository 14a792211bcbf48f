"""Does what a cloud of Alibaba's answers satisfy the vendor's Python SDK, call by call?

aliyun-iot-linkkit from the package index, unchanged: clients/alibaba_calls.py only passes on.
"""

import functools
import hashlib
import json
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from host_tests.support import Twin
from host_tests.twin.sdk import Sdk

_MODEL = {
    "events": [
        {"identifier": "post", "outputData": [{"identifier": "temperature"}]},
        {"identifier": "alarm", "outputData": []},
    ],
    "services": [
        {"identifier": "set", "inputData": [{"identifier": "setpoint"}]},
        {"identifier": "blink", "inputData": []},
    ],
}


class Linkkit:
    """One client of the SDK."""

    def __init__(self, twin: Twin, start: Any, folder: Path, way: str, **client: Any) -> None:
        model = folder / "model.json"
        model.write_text(json.dumps(_MODEL))
        door, https = twin.way("alibaba", way), twin.way("alibaba", "https")
        mqtt = {"port": door["port"], "endpoint": door["address"]}
        mqtt |= {"secure": "TLS" if door["tls"] else ""}
        mqtt |= {"cadata": Path(twin.ready["ca_file"]).read_text()}
        host = ["iot-auth.cn-shanghai.aliyuncs.com", 443, https["address"], https["port"]]
        client = {"host_name": "cn-shanghai", "device_secret": "", **client}
        given = {"client": client, "mqtt": mqtt, "model": str(model), "hosts": [host]}
        self._sdk: Sdk = start("alibaba_calls.py", given)
        self._said: defaultdict[str, list[Any]] = defaultdict(list)

    def call(self, *call: Any) -> Any:
        """What a method returns."""
        self._sdk.tell(json.dumps(call))
        return self.hear("called", "result")

    def hear(self, callback: str, what: str = "args") -> Any:
        """The arguments of the next call of a callback, which may have come before others."""
        while not self._said[callback]:
            said = self._sdk.next(callback)
            self._said[said["event"]].append(said)
        return self._said[callback].pop(0)[what]


@pytest.fixture
def linkkit(twin: Twin, start: Any, tmp_path: Path) -> Any:
    """Makes clients: of a way in, with the SDK's own arguments."""
    return functools.partial(Linkkit, twin, start, tmp_path)


def _names(identity: dict[str, str]) -> dict[str, str]:
    return {key: identity[key] for key in ("product_key", "device_name", "device_secret")}


def test_linkkit_is_answered_whatever_it_asks(twin: Twin, linkkit: Any, tmp_path: Path) -> None:
    board = _names(twin.device("alibaba"))
    client = linkkit("mqtt", **board)
    client.call("connect_async")
    client.hear("on_thing_enable")

    def asked(callback: str, *call: Any) -> Any:
        client.call(*call)
        return client.hear(callback)

    # Reports and tags: request id, code, data, message.
    assert asked("on_thing_prop_post", "thing_post_property", {"temperature": 21.5})[1] == 200
    assert asked("on_thing_event_post", "thing_trigger_event", ["alarm", {"n": 1}])[2] == 200
    updated = asked("on_thing_device_info_update", "thing_update_tags", {"room": "cellar"})
    assert updated[1:3] == [200, {}]
    assert asked("on_thing_device_info_delete", "thing_remove_tags", ["room"])[1] == 200

    # The shadow; -1 empties it.
    empty = asked("on_thing_shadow_get", "thing_update_shadow", {"old": 1}, -1)[0]
    assert empty["payload"] == {"status": "success", "version": 0}
    asked("on_thing_shadow_get", "thing_update_shadow", {"color": "red"}, 1)
    late = asked("on_thing_shadow_get", "thing_update_shadow", {"color": "blue"}, 1)[0]
    assert late["payload"]["content"]["errorcode"] == "409"
    shadow = asked("on_thing_shadow_get", "thing_get_shadow")[0]
    assert (shadow["version"], shadow["payload"]["state"]["reported"]["color"]) == (1, "red")
    twin.command("alibaba", "shadow", {"color": "green"})
    control = client.hear("on_thing_shadow_get")[0]
    assert (control["method"], control["version"]) == ("control", 2)
    assert control["payload"]["state"]["desired"] == {"color": "green"}

    # OTA: pushed, asked for, and after a report of another version.
    firmware = tmp_path / "firmware.bin"
    firmware.write_bytes(b"firmware")
    digest = hashlib.sha256(b"firmware").hexdigest()
    package = {"version": "2", "size": 8, "sign": digest, "url": firmware.as_uri()}
    twin.command("alibaba", "ota", package)
    told = client.hear("on_ota_message_arrived")
    assert told == [1, "2", 8, package["url"], "SHA256", digest, "default", ""]
    assert asked("on_ota_message_arrived", "query_ota_firmware") == [2, *told[1:]]
    assert asked("on_ota_message_arrived", "ota_report_version", "", "1") == told
    got = str(tmp_path / "got.bin")
    fetched = client.call("download_ota_firmware", told[3], got, told[4], told[5])
    assert fetched == "SUCCESS"
    client.call("ota_report_version", "", "2")  # done

    twin.cli("topic", "add", "alibaba", "a1SignetPk", "user/echo")  # as simple_demo says
    own_topic = "/a1SignetPk/board-1/user/echo"
    topic = "/a1SignetPk/board-1/user/get"
    assert client.call("subscribe_rrpc_topic", topic)[0] == 0
    assert client.call("subscribe_topic", own_topic)[0] == 0
    client.hear("on_subscribe_topic")

    # What comes down. A command waits for its answer.
    with ThreadPoolExecutor(1) as apart:
        question = apart.submit(twin.command, "alibaba", f"rrpc:{topic}", {"ask": 1})
        own_id, _, payload, *_ = client.hear("on_topic_rrpc_message")
        assert json.loads(payload) == {"ask": 1}
        client.call("thing_answer_rrpc", own_id, "pong")
        assert question.result()["reply"] == "pong"

        for name, data in (
            ("blink", {"times": 3}),
            (
                "rrpc:/sys/a1SignetPk/board-1/thing/service/blink",
                {"id": "7", "params": {"times": 3}},
            ),
        ):
            question = apart.submit(twin.command, "alibaba", name, data)
            service, own_id, params, _ = client.hear("on_thing_call_service")
            assert (service, params) == ("blink", {"times": 3})
            client.call("thing_answer_service", service, own_id, 200, {"done": 1})
            assert question.result()["reply"]["data"] == {"done": 1}

        question = apart.submit(twin.command, "alibaba", "raw", {"hex": "3031"})
        assert client.hear("on_thing_raw_data_arrived")[0] == "01"
        client.call("thing_raw_data_reply", "10")
        assert question.result()["reply"] == {"hex": "3130"}
    assert twin.command("alibaba", "desired", {"setpoint": 20})["reply"]["code"] == 200
    assert client.hear("on_thing_prop_changed")[0] == {"setpoint": 20}
    assert client.call("publish_topic", own_topic, "x")[0] == 0
    while client.hear("on_topic_message")[:2] != [own_topic, "x"]:
        pass  # RRPCs are told as messages, too
    twin.cli("topic", "remove", "alibaba", "a1SignetPk", "user/echo")
    assert client.call("unsubscribe_topic", own_topic)[0] == 0
    client.hear("on_unsubscribe_topic")
    client.call("disconnect")
    client.hear("on_disconnect")


def test_linkkit_registers_and_logs_in_devices_behind_it(twin: Twin, linkkit: Any) -> None:
    product = "a1SignetPk"
    secret = json.loads(twin.cli("device", "secret", "alibaba", product))["product_secret"]
    gateway = json.loads(twin.cli("device", "add", "alibaba", product, "gw-linkkit"))
    twin.cli("device", "add", "alibaba", product, "sub-linkkit")
    client = linkkit("mqtt", **_names(gateway))
    client.call("connect_async")
    client.hear("on_thing_enable")

    def asked(what: str, *device: str) -> Any:
        assert client.call(f"gateway_{what}", [[product, "sub-linkkit", *device]])[0] == 0
        _, code, data, *_ = client.hear(f"on_gateway_{what}_reply")
        return code, data

    after = twin.last_id()
    assert asked("register_subdev")[1][0]["deviceSecret"]
    code, data = asked("product_register_subdev", secret)
    own = data["successes"][0]["deviceSecret"]
    assert code == 200
    names = {"productKey": product, "deviceName": "sub-linkkit"}
    assert asked("login_subdev", own)[0] == 6401
    assert asked("add_subdev_topo", own) == (200, [names])
    assert asked("login_subdev", own) == (200, names)
    post = f"/sys/{product}/sub-linkkit/thing/event/property/post"
    body = json.dumps({"id": "1", "version": "1.0", "params": {"t": 1}})
    client.call("subscribe_topic", f"{post}_reply")
    client.hear("on_subscribe_topic")
    client.call("publish_topic", post, body)
    assert json.loads(client.hear("on_topic_message")[1])["code"] == 200
    service = f"/sys/{product}/sub-linkkit/thing/service/blink"
    client.call("subscribe_topic", service)
    client.hear("on_subscribe_topic")
    with ThreadPoolExecutor(1) as apart:
        command = apart.submit(twin.command, "alibaba", "blink", {}, "sub-linkkit")
        asked_of, request, *_ = client.hear("on_topic_message")
        reply = {"id": json.loads(request)["id"], "code": 200, "data": {}}
        client.call("publish_topic", f"{asked_of}_reply", json.dumps(reply))
        assert command.result()["reply"] == reply
    twin.command("alibaba", "topo", {"status": 0, "subList": [names]}, "gw-linkkit")
    assert client.hear("on_gateway_topo_change")[1] == {"status": 0, "subList": [names]}
    assert asked("logout_subdev") == (200, names)
    assert asked("delete_subdev_topo") == (200, [names])
    assert own not in json.dumps(twin.messages("alibaba", after)) + twin.output()


@pytest.mark.parametrize("kind", [None, "register", "regnwl"])
def test_linkkit_registers_with_its_product_secret_and_logs_in(
    twin: Twin, linkkit: Any, kind: str | None
) -> None:
    product, name = "a1SignetPk", f"new-{kind}"
    secret = json.loads(twin.cli("device", "secret", "alibaba", product))["product_secret"]
    if kind != "regnwl":
        twin.cli("device", "add", "alibaba", product, name)
    after = twin.last_id()
    own = {"product_key": product, "device_name": name}
    # By HTTPS it goes on by itself. What registers or logs in over TLS does nothing else: the SDK
    # then writes from two threads at once, which before CPython 3.13 may garble a TLS record.
    client = linkkit("mqtts" if kind else "mqtt", **own, product_secret=secret, auth_type=kind)
    client.call("connect_async")
    if kind == "regnwl":
        code, client_id, user, made = client.hear("on_device_dynamic_register_nwl_reply")
        login = {"client_id": client_id, "username": user, "password": made}
    else:
        code, made, *_ = client.hear("on_device_dynamic_register")
        login = {"device_secret": made}
    assert code == 0
    if kind:
        client = linkkit("mqtts", **own, **login)
        client.call("connect_async")
    client.hear("on_thing_enable")
    assert made not in json.dumps(twin.messages("alibaba", after)) + twin.output()
