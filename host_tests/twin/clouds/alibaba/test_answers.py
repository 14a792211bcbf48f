"""What does Alibaba's platform answer a device that asks, step by step, and what does it refuse?

Expected: the samples and tables of help.aliyun.com documents 109807, 89304, 89308, 89299, "OTA
updates", "NTP service", "Device shadow JSON format", "MQTT-based dynamic registration".
"""

import hmac
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tools import signing
from tools.twin.clouds.alibaba.mqtt import Alibaba
from tools.twin.clouds.values import BadCommandError, Client, RefusedError, Way
from tools.twin.registry.store import Device, Store
from tools.twin.wire import topics
from tools.twin.wire.packets import Connect, Publish

_NAMES = {"product_key": "pk", "device_name": "dev"}
_SYS, _SHADOW = "/sys/pk/dev/thing/", "/shadow/update/pk/dev"
_TLS = Way(True, 8883)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Alibaba]:
    """With the devices dev, sub and other of the product pk."""
    store = Store(tmp_path / "twin.db")
    for name in ("dev", "sub", "other"):
        store.add("alibaba", "device", "pk", name, secret=f"secret of {name}")
    yield Alibaba(store)
    store.close()


def _device(cloud: Alibaba, name: str = "dev") -> Device:
    found = cloud.store.device("alibaba", "device", "pk", name)
    assert found is not None
    return found


def _ask(cloud: Alibaba, topic: str, body: Any) -> tuple[str, Any]:
    """Status and reply to what the device dev publishes."""
    client = Client(_device(cloud), "s", names=_NAMES)
    assert cloud.up(client, topic) is not None
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    verdict = cloud.judge(client, Publish(topic, payload))
    return verdict.status, verdict.reply and json.loads(verdict.reply.payload)


def _alink(cloud: Alibaba, topic: str, params: Any, message_id: Any = "1") -> tuple[int, Any]:
    """Code and data of the reply to an Alink request."""
    body = {"id": message_id, "version": "1.0", "params": params}
    _, reply = _ask(cloud, _SYS + topic, body)
    assert reply["id"] == str(message_id)
    return reply["code"], reply["data"]


def test_desired_properties_have_versions_and_can_be_cleared(cloud: Alibaba) -> None:
    def desire(**values: Any) -> None:
        order = cloud.order(_device(cloud), "desired", values, "9")
        assert (order.topic, order.kept) == (_SYS + "service/property/set", True)

    def held() -> Any:
        return _alink(cloud, "property/desired/get", ["power", "heat"])

    assert held() == (200, {})
    desire(power="off")
    desire(power="on", heat=1)
    assert held()[1] == {
        "power": {"value": "on", "version": 2},
        "heat": {"value": 1, "version": 1},
    }
    old, new = {"power": {"version": 1}}, {"power": {"version": 2}, "heat": {}}
    assert _alink(cloud, "property/desired/delete", old) == (200, {})
    assert len(held()[1]) == 2
    _alink(cloud, "property/desired/delete", new)
    assert held() == (200, {})
    desire(power="off")
    assert held()[1] == {"power": {"value": "off", "version": 3}}


def test_a_product_s_configuration_is_pushed_and_asked_for(cloud: Alibaba) -> None:
    wanted = {"configScope": "product", "getType": "file"}
    assert _alink(cloud, "config/get", wanted, 123) == (6710, {})
    given = {"configId": "c", "configSize": 3, "sign": "00", "url": "https://x/y"}
    told = {**given, "signMethod": "Sha256", "getType": "file"}
    order = cloud.order(_device(cloud, "other"), "config", given, "9")
    assert order.topic == "/sys/pk/other/thing/config/push"
    assert json.loads(order.payload)["params"] == told
    assert _alink(cloud, "config/get", wanted, 123) == (200, told)


def test_a_package_is_told_of_until_the_module_has_its_version(cloud: Alibaba) -> None:
    package = {"version": "2", "size": 1, "sign": "00", "url": "https://x", "module": "MCU"}
    cloud.order(_device(cloud), "ota", package, "9")
    inform = "/ota/device/inform/pk/dev"

    def informed(**params: str) -> Any:
        return _ask(cloud, inform, {"id": 1, "params": params})

    assert informed(version="1") == ("stored", None)
    status, told = informed(version="1", module="MCU")
    assert (status, told["code"], told["data"]["url"]) == ("stored", "1000", "https://x")
    assert _alink(cloud, "ota/firmware/get", {"module": "MCU"})[1]["version"] == "2"
    assert informed(version="2", module="MCU") == ("stored", None)
    assert _alink(cloud, "ota/firmware/get", {"module": "MCU"}) == (200, {})
    progress = "/ota/device/progress/pk/dev"
    for step, status in (("50", "stored"), ("-1", "stored"), ("101", "rejected")):
        assert _ask(cloud, progress, {"id": "1", "params": {"step": step}})[0] == status


def test_the_time_is_answered_with_what_was_sent(cloud: Alibaba) -> None:
    before_ms = time.time_ns() // 1_000_000
    status, told = _ask(cloud, "/ext/ntp/pk/dev/request", {"deviceSendTime": "1571724098000"})
    assert (status, told["deviceSendTime"]) == ("answered", "1571724098000")
    assert before_ms <= int(told["serverRecvTime"]) <= int(told["serverSendTime"])
    assert _ask(cloud, "/ext/ntp/pk/dev/request", {}) == ("rejected", None)


def test_the_shadow_keeps_what_was_reported_and_desired(cloud: Alibaba) -> None:
    def ask(**body: Any) -> Any:
        _, reply = _ask(cloud, _SHADOW, body)
        assert reply["method"] == "reply"
        assert "timestamp" in reply
        return reply["payload"]

    def state() -> Any:
        return ask(method="get")["state"]

    good = {"status": "success", "version": 1}
    reported = {"color": "red", "heat": 1}
    assert ask(method="update", state={"reported": reported}, version=1) == good
    order = cloud.order(_device(cloud), "shadow", {"color": "green"}, "9")
    control = json.loads(order.payload)
    assert (order.topic, control["method"], control["version"]) == (
        "/shadow/get/pk/dev",
        "control",
        2,
    )
    assert control["payload"]["metadata"]["desired"]["color"]["timestamp"] > 0
    assert state() == {"reported": reported, "desired": {"color": "green"}}
    ask(method="update", state={"desired": "null"}, version=3)
    ask(method="delete", state={"reported": {"heat": "null"}}, version=4)
    assert state() == {"reported": {"color": "red"}}
    assert ask(method="update", state={"reported": {"n": 1}}, version=-1)["version"] == 0
    assert state() == {"reported": {"n": 1}}


_ONE = {"reported": {"a": 1}}


@pytest.mark.parametrize(
    ("code", "body"),
    [
        ("407", b""),
        ("400", b"{"),
        ("401", {"state": _ONE, "version": 1}),
        ("402", {"method": "update", "version": 1}),
        ("403", {"method": "update", "state": _ONE, "version": "1"}),
        ("404", {"method": "update", "state": {}, "version": 1}),
        ("405", {"method": "update", "state": {"reported": {}}, "version": 1}),
        ("406", {"method": "patch", "state": _ONE, "version": 1}),
        (
            "408",
            {
                "method": "update",
                "state": {"reported": {f"a{n}": n for n in range(129)}},
                "version": 1,
            },
        ),
        ("409", {"method": "update", "state": _ONE, "version": 0}),
    ],
)
def test_each_error_of_the_shadow_has_its_code(cloud: Alibaba, code: str, body: Any) -> None:
    status, reply = _ask(cloud, _SHADOW, body)
    assert (status, reply["payload"]["status"]) == ("rejected", "error")
    assert reply["payload"]["content"]["errorcode"] == code


_TIMED = {"value": 1, "time": 1524448722000}
_OWN = {"productKey": "pk", "deviceName": "dev"}


@pytest.mark.parametrize(
    ("topic", "params", "code"),
    [
        ("event/alarm/post", {"value": {"n": 1}}, 200),
        ("event/property/post", [], 460),
        (
            "event/property/history/post",
            [{"identity": _OWN, "properties": [{"t": _TIMED}], "events": [{"alarm": _TIMED}]}],
            200,
        ),
        ("event/property/history/post", [{"properties": [{"t": _TIMED}]}], 460),
        ("event/property/history/post", [{"identity": _OWN, "properties": [{"t": 1}]}], 460),
        ("deviceinfo/update", [{"attrKey": "a", "attrValue": "b"}], 200),
        ("deviceinfo/update", [{"attrKey": "a"}], 460),
        ("deviceinfo/update", [{"attrKey": str(n), "attrValue": ""} for n in range(201)], 460),
        ("deviceinfo/update", [{"attrKey": str(n), "attrValue": ""} for n in range(101)], 460),
        ("deviceinfo/delete", [{"attrKey": "a"}], 200),
        ("deviceinfo/delete", [], 460),
        ("property/desired/get", "power", 460),
        ("property/desired/delete", ["power"], 460),
        ("config/get", {}, 460),
        ("ota/firmware/get", {"module": ["MCU"]}, 200),
        ("log/post", [{"utcTime": "", "logLevel": "INFO"}], 200),
        ("topo/get", {}, 200),
        ("topo/add", [{**_OWN}], 6402),
        ("topo/add", [{"productKey": "pk", "deviceName": "none"}], 6100),
        ("topo/add", {}, 460),
        ("topo/delete", [{"productKey": "pk", "deviceName": "sub"}], 6401),
        ("sub/register", [{"productKey": "pk", "deviceName": "sub"}], 460),  # not turned on
    ],
)
def test_a_request_has_its_documents_params(
    cloud: Alibaba, topic: str, params: Any, code: int
) -> None:
    assert _alink(cloud, topic, params)[0] == code


def _signed(device: Device) -> dict[str, str]:
    """What a device hands to its gateway."""
    own = {"clientId": "c", "productKey": "pk", "deviceName": device.name, "timestamp": "1"}
    return {**own, "sign": signing.alibaba(own, device.secret, "hmacsha1").signature}


@pytest.mark.parametrize("name", ["signmethod", "signMethod"])
def test_a_topology_is_changed_by_coap_and_https_too_where_no_reply_comes(
    cloud: Alibaba, name: str
) -> None:
    params = [{**_signed(_device(cloud, "sub")), name: "hmacSha1"}]
    request = {"id": "1", "version": "1.0", "params": params}
    assert cloud.uplink.judge("pk/dev", _SYS + "topo/add", request)[0].status == "stored"
    behind = [{"productKey": "pk", "deviceName": "sub"}]
    assert _alink(cloud, "topo/get", {}) == (200, behind)


def test_a_device_behind_a_gateway_hears_there_until_either_connects_or_leaves(
    cloud: Alibaba,
) -> None:
    sub, own, via = _device(cloud, "sub"), "alibaba:pk/sub", "alibaba:pk/dev"
    post = "/sys/pk/sub/thing/event/property/post"
    gateway = Client(_device(cloud), via, names=_NAMES)
    fields = _signed(sub)
    assert _alink(cloud, "topo/add", [{**fields, "signmethod": "hmacSha1"}])[0] == 200

    def log_in() -> None:
        request = {"id": "1", "params": {**fields, "signMethod": "hmacSha1"}}
        assert _ask(cloud, "/ext/session/pk/dev/combine/login", request)[1]["code"] == 200
        assert cloud.session_of(sub) == via
        assert cloud.up(gateway, post) is not None

    log_in()
    cloud.presence(gateway, _TLS, "Disconnect", None, "")
    assert (cloud.session_of(sub), cloud.up(gateway, post)) == (own, None)
    log_in()
    login = signing.alibaba({**fields, "clientId": "c"}, sub.secret, "hmacsha1").signature
    client_id = "c|securemode=2,signmethod=hmacsha1,timestamp=1|"
    connect = Connect(4, client_id, True, 60, None, "sub&pk", login.encode())
    assert cloud.login(connect, _TLS).session == own
    assert cloud.up(gateway, post) is None


def test_a_history_is_filed_as_its_reports(cloud: Alibaba) -> None:
    topic = _SYS + "event/property/history/post"
    body = {"id": "1", "params": [{"identity": _OWN, "properties": [{"t": _TIMED}] * 2}]}
    client = Client(_device(cloud), "s", names=_NAMES)
    verdict = cloud.judge(client, Publish(topic, json.dumps(body).encode()))
    assert [json.loads(part)["params"] for part in verdict.parts] == [{"t": _TIMED}] * 2


@pytest.mark.parametrize(
    ("name", "data", "topic", "answer"),
    [
        ("rrpc", {"a": 1}, "/sys/pk/dev/rrpc/request/9", "/sys/pk/dev/rrpc/response/9"),
        ("rrpc:/pk/dev/user/get", {}, "/ext/rrpc/9/pk/dev/user/get", None),
        ("raw", {"hex": "01ff"}, _SYS + "model/down_raw", _SYS + "model/down_raw_reply"),
    ],
)
def test_what_has_no_alink_id_is_answered_all_the_same(
    cloud: Alibaba, name: str, data: Any, topic: str, answer: str | None
) -> None:
    order = cloud.order(_device(cloud), name, data, "9")
    assert order.topic == topic
    reply = cloud.reply(Publish(answer or topic, b"\xff"))
    assert reply is not None
    assert reply[0] == (order.reply_topic, order.message_id or "")


@pytest.mark.parametrize("name", ["ota", "config", "raw", "rrpc:/a/+", "rrpc:/a//b"])
def test_a_command_that_lacks_something_says_so(cloud: Alibaba, name: str) -> None:
    with pytest.raises(BadCommandError):
        cloud.order(_device(cloud), name, {}, "9")


def test_an_rrpc_reaches_its_own_device_alone_and_who_asked_for_it_by_ext(cloud: Alibaba) -> None:
    asked = cloud.broker_order(_device(cloud), "/ext/rrpc/9/light")
    for name in ("dev", "other"):
        names = {"product_key": "pk", "device_name": name}
        client = Client(_device(cloud, name), "s", names=names)
        assert cloud.down(client, "/ext/rrpc/+/light") is None
        client.names = {**names, "rrpc": "rrpc"}
        heard = cloud.down(client, "/ext/rrpc/+/light")
        assert heard is not None
        assert topics.matches(heard, asked) == (name == "dev")
    assert cloud.local(Client(_device(cloud), "s"), asked) == "/ext/rrpc/9/light"


def _connect(kind: str, name: str, secret: str, **changes: str) -> Connect:
    """A CONNECT that registers, as "MQTT-based dynamic registration" has it."""
    options = {
        "securemode": "2",
        "authType": kind,
        "random": "r",
        "signmethod": "hmacsha256",
        **changes,
    }
    client_id = "c|" + ",".join(f"{k}={v}" for k, v in options.items()) + "|"
    content = f"deviceName{name}productKeypkrandomr"
    signature = hmac.new(secret.encode(), content.encode(), "sha256").hexdigest()
    return Connect(4, client_id, True, 0, None, f"{name}&pk", signature.encode())


def test_a_device_registers_until_it_has_logged_in_and_again_after_a_reset(
    cloud: Alibaba,
) -> None:
    def register(
        kind: str = "register", name: str = "dev", way: Way = _TLS, **changes: str
    ) -> Any:
        connect = _connect(kind, name, changes.pop("secret", secret), **changes)
        client = cloud.login(connect, way)
        told = cloud.presence(client, way, "Connect", None, "")
        assert told is not None
        assert cloud.hides(cloud.local(client, told.topic))
        assert cloud.up(client, "/pk/dev/user/update") is None
        assert topics.matches(cloud.broker_down(client, client.pushed[0]), told.topic)
        return json.loads(told.payload)

    def refused(*given: Any, **changes: Any) -> str:
        with pytest.raises(RefusedError) as caught:
            register(*given, **changes)
        assert secret not in str(caught.value)
        return caught.value.mistake

    secret = "not made yet"
    assert refused() == "product"
    made = cloud.product_secret("pk")
    assert made == cloud.product_secret("pk")
    assert made is not None
    secret = made["product_secret"]
    assert refused(secret="wrong") == "signature"
    assert refused(signmethod="hmacmd4") == "form"
    assert refused(random="") == "form"
    assert refused(name="nobody") == "unknown"
    assert refused(way=Way(False, 1883)) == "mode"
    assert refused(kind="regnwl") == "active"  # it is registered
    assert refused(kind="regnwl", name="a/+") == "form"
    older = cloud.login(_connect("register", "dev", secret), _TLS)
    newer = cloud.login(_connect("register", "dev", secret), _TLS)
    assert cloud.presence(older, _TLS, "Disconnect", None, "") is None
    assert cloud.presence(newer, _TLS, "Connect", None, "") is not None
    first, second = register(), register()
    assert first["deviceSecret"] != second["deviceSecret"] == _device(cloud).secret
    cloud.registration.activated(_device(cloud))
    assert refused() == "active"
    cloud.reset(_device(cloud))
    assert register()["deviceName"] == "dev"

    new = register("regnwl", "new")
    login = Connect(
        4, new["clientId"] + "|authType=connwl,securemode=-2|", True, 60, None, "", b""
    )
    login.user, login.password = "new&pk", new["deviceToken"].encode()
    assert cloud.login(login, _TLS).device.name == "new"
    for change in ({"client_id": "c|authType=connwl,securemode=-2|"}, {"password": b"x"}):
        with pytest.raises(RefusedError):
            cloud.login(Connect(**{**_fields(login), **change}), _TLS)


def _fields(connect: Connect) -> dict[str, Any]:
    return {name: getattr(connect, name) for name in Connect.__slots__}
