"""Does the page's model say of a journal's records what the documents and RFCs say of them?

Bodies are those of the documents' samples: help.aliyun.com document 89301, EnOS "Upstream
messages", Watson IoT "MQTT connectivity for devices", "Understand and invoke direct methods".
"""

import asyncio
import json

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from host_tests.depth import scaled
from tools.twin.page import messages as kept
from tools.twin.page import stream as streams
from tools.twin.page.boards import STRANGERS
from tools.twin.page.decoding import decode, plain
from tools.twin.page.model import Model
from tools.twin.page.stream import Stream
from tools.twin.wire.packets import Connect, encode

ALINK = "/sys/pk/dn/thing/event/property/post"
POINTS = "/sys/pk/dk/thing/measurepoint/post"
SET = "/sys/pk/dn/thing/service/property/set"
BODY = {"id": "123", "version": "1.0", "method": "thing.event.property.post"}


def _alink(**params):
    return json.dumps(BODY | {"params": params}).encode()


_AT = 1524448722000
_NAMES = st.sampled_from(["params", "method", "id", "code", "value", "time", "d", "ts", "events"])
_SPARSE = (
    b'{"id":"1","version":"1.0","params":{"measurepoints":{"t":{"value":2,"quality":9},'
    b'"gps":{"lat":1.25,"name":"x"}},"time":123456}}'
)


_TWICE = ["d81c82" + 2 * f"d81d{index:02x}" for index in range(23)]
_DOUBLED = bytes.fromhex("9818d81c820102" + "".join(_TWICE))
"""24 values that are shared (CBOR tags 28, 29), each the one before it twice."""


@pytest.mark.parametrize(
    ("topic", "payload", "found"),
    [
        (
            ALINK,
            _alink(Power={"value": 1.5, "time": _AT}, WF=3),
            ("Alink JSON", {"Power": 1.5, "WF": 3}, {"Power": _AT}, "Power=1.5 WF=3"),
        ),
        (
            "/sys/pk/dn/thing/event/health/post",
            _alink(value={"free": 2}, time=_AT),
            ("Alink JSON", {"health.free": 2}, {"health.free": _AT}, "health.free=2"),
        ),
        (
            POINTS,
            _SPARSE,
            (
                "measurepoints",
                {"t": 2, "gps.lat": 1.25},
                {"t": 123456, "gps.lat": 123456},
                "t=2 gps.lat=1.25",
            ),
        ),
        (
            "iot-2/evt/status/fmt/json",
            b'{"d":{"temp":21.5,"ok":true},"ts":"2018-04-23T01:58:42.000Z"}',
            ("JSON", {"temp": 21.5}, {"temp": _AT}, "temp=21.5"),
        ),
        (ALINK + "_reply", b'{"id":"1","code":460,"message":"no"}', ("JSON", {}, {}, "460 no")),
        ("t", cbor2.dumps({"t": 1, 2: b"\xff"}), ("CBOR", {"t": 1}, {}, "t=1")),
        ("t", b"[1,2]", ("JSON", {}, {}, "[1,2]")),
        ("t", b'{"a":NaN,"b":1e999}', ("JSON", {}, {}, '{"a":NaN,"b":Infinity}')),
        ("t", b"[" * 5000 + b"]" * 5000, ("text", {}, {}, "[" * 119 + "…")),
        ("t", b"on\x1b[2J\n", ("text", {}, {}, r"on\x1b[2J\n")),
        ("t", b"\xff\x00", ("bytes", {}, {}, "ff00")),
        ("t", b"\x80\x00", ("bytes", {}, {}, "8000")),  # begins as an empty array
        ("t", cbor2.dumps([2**70, -(2**70)]), ("CBOR", {}, {}, f'["{2**70}","-{2**70}"]')),
        (
            "t",
            cbor2.dumps([1 << 999]),
            ("bytes", {}, {}, cbor2.dumps([1 << 999]).hex()[:119] + "…"),
        ),
        ("t", _DOUBLED, ("bytes", {}, {}, _DOUBLED.hex()[:119] + "…")),
    ],
)
def test_a_payload_is_taken_apart(topic, payload, found):
    decoded = decode(topic, payload)
    assert (decoded.format, decoded.values, decoded.times, decoded.summary) == found
    json.dumps(plain(decoded.value), allow_nan=False)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(10**400),
    lambda inner: st.lists(inner) | st.dictionaries(_NAMES | st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=scaled(500), deadline=None)
@given(
    st.sampled_from([ALINK, POINTS, SET + "_reply", "iot-2/evt/a/fmt/json", "t"]),
    st.binary() | _JSON.map(lambda value: json.dumps(value).encode()) | _JSON.map(cbor2.dumps),
)
def test_anything_can_be_decoded_and_told_as_json(topic, payload):
    decoded = decode(topic, payload)
    json.dumps([plain(decoded.value), decoded.values, decoded.times], allow_nan=False)
    assert len(decoded.summary) <= 120


class Fed:
    """A model that is fed as a twin feeds it, a millisecond later each time."""

    def __init__(self):
        self.model = Model()
        self.now_ms = 1000
        self.number = 0

    def add(self, what, **facts):
        self.now_ms += 1
        return self.model.feed({"what": what, "ms": self.now_ms, **facts})

    def message(self, topic, body, direction="up", **facts):
        self.number += 1
        payload = body if isinstance(body, str | dict) else body.decode()
        filed = {
            "id": self.number,
            "cloud": "c",
            "device": "pk/dn",
            "direction": direction,
            "topic": topic,
            "payload": payload,
            "qos": 0,
            "retain": False,
            "dup": False,
            "status": "stored" if direction == "up" else "sent",
            "reason": "",
        }
        self.add("message", **(filed | facts))
        return self.number

    def told(self, number):
        return self.model.messages.whole(number)

    def board(self, label="pk/dn"):
        return self.model.boards.find("c", label).told(self.now_ms)


@pytest.mark.parametrize(
    ("asking", "ask", "answering", "answer", "up"),
    [
        (ALINK, _alink(t=1), ALINK + "_reply", b'{"id":"123","code":200}', True),
        (SET, _alink(t=1), SET + "_reply", b'{"id":"123","code":200}', False),
        ("$iothub/twin/GET/?$rid=7", b"", "$iothub/twin/res/200/?$rid=7", b"{}", True),
        (
            "$iothub/methods/POST/led/?$rid=8",
            b"{}",
            "$iothub/methods/res/200/?$rid=8",
            b"{}",
            False,
        ),
        ("/sys/pk/dn/rrpc/request/99", b"x", "/sys/pk/dn/rrpc/response/99", b"y", False),
    ],
)
def test_a_reply_is_found_by_topic_and_id_both_ways(asking, ask, answering, answer, up):
    fed = Fed()
    ways = ("up", "down") if up else ("down", "up")
    first = fed.message(asking, ask, ways[0])
    fed.message(answering.replace("7", "0"), answer.replace(b"123", b"124"), ways[1], device="x/y")
    second = fed.message(answering, answer, ways[1])
    assert (fed.told(first)["reply"], fed.told(first)["took_ms"]) == (second, 2)
    assert fed.told(second)["answers"] == first
    assert (fed.board()["reports"], fed.board()["commands"]) == ((1, 0) if up else (0, 1))


def test_a_command_without_a_reply_took_until_it_was_acknowledged():
    fed = Fed()
    sent = fed.message("iot-2/cmd/led/fmt/json", b"{}", "down", qos=1)
    fed.now_ms += 40
    told = fed.add("marked", id=sent, status="acked")
    assert told == [("marked", {"id": sent, "status": "acked", "took_ms": 41, "reply": None})]


def _opened(fed, number, **facts):
    usual = {"way": "mqtts", "tls": None, "server_name": None, "certificate": None}
    fed.add("opened", connection=number, cloud="c", peer=f"127.0.0.1:{number}", **usual | facts)


def _login(fed, number, **facts):
    fed.add(
        "login", connection=number, cloud="c", device="pk/dn", kind="device", client_id="id",
        keepalive_s=60, clean=True, policy="token", **facts,
    )  # fmt: skip


def _packet(fed, number, name, data, direction="up"):
    return fed.add(
        "packet", connection=number, cloud="c", device=None, direction=direction, name=name,
        bytes=data.hex(),
    )  # fmt: skip


def test_reports_took_until_the_puback_of_their_own_packet():
    fed = Fed()
    _opened(fed, 1)
    _login(fed, 1)
    first, second = (fed.message("up", b"a", qos=1, packet_id=n) for n in (1, 2))
    fed.now_ms += 10
    (told,) = _packet(fed, 1, "PUBACK", encode(4, 0, b"\x00\x02"), "down")
    assert told[1]["id"] == second and told[1]["took_ms"] == 11
    assert fed.told(first)["took_ms"] is None


def test_a_board_is_as_its_connection_and_its_login_say():
    fed = Fed()
    day_ms = 86_400_000
    tls = {"version": "TLSv1.2", "suite": "ECDHE-ECDSA-AES128-GCM-SHA256"}
    certificate = {"subject": "CN=d:t:dn", "serial": "1f", "not_after_ms": 30 * day_ms}
    _opened(fed, 1, tls=tls, server_name="o.example", certificate=certificate)
    fed.add("event", cloud="c", device="pk/dn", kind="connected", text="TLS, keepalive 60 s")
    _login(fed, 1)
    board = fed.board()
    assert board["online"] and board["reconnects"] == 0 and board["tls"] == tls
    assert (board["way"], board["peer"], board["client_id"]) == ("mqtts", "127.0.0.1:1", "id")
    assert board["certificate"] == certificate | {"days_left": 29}
    assert (board["policy"], board["keepalive_s"], board["clean"]) == ("token", 60, True)
    _opened(fed, 2)
    _login(fed, 2)  # it came again before the first was known to be gone
    fed.add("closed", connection=1, cloud="c", device="pk/dn", reason="gone")
    assert fed.board()["online"] and fed.board()["reconnects"] == 1
    fed.add("closed", connection=2, cloud="c", device="pk/dn", reason="gone")
    assert not fed.board()["online"]
    health = {"waiting": 7, "free_heap": 9000}
    fed.message("/sys/pk/dn/thing/event/health/post", _alink(value=health))
    assert fed.board()["outbox"] == 7


def test_a_board_by_mqtt_and_https_at_once_has_both_ways_that_of_its_connection_first():
    fed = Fed()
    _opened(fed, 1)
    _login(fed, 1)
    _opened(fed, 2, way="https")
    asks = {"cloud": "c", "device": "pk/dn", "path": "/topic", "body_hex": ""}
    fed.add("http", connection=2, direction="up", **asks)
    board = fed.board()
    assert (board["way"], board["also"], board["peer"]) == ("mqtts", ["https"], "127.0.0.1:1")
    fed.add("closed", connection=1, cloud="c", device="pk/dn", reason="gone")
    assert (fed.board()["way"], fed.board()["also"], fed.board()["online"]) == ("https", [], True)
    fed.now_ms += 3_600_000
    assert (fed.board()["way"], fed.board()["online"]) == ("mqtts", False)


def _connect(client_id, user):
    return Connect(4, client_id, True, 60, None, user, b"*").encode()


@pytest.mark.parametrize(
    ("known", "said", "text", "label"),
    [
        ("pk/dn", ("c1|securemode=3|", "dn&pk"), "CONNACK 4: signature differs", "pk/dn"),
        ("org/t/dn", ("d:org:t:dn", "use-token-auth"), "CONNACK 5: wrong token", "org/t/dn"),
        ("hub/dn", ("dn", "hub.example.net/dn/?api-version=2021"), "CONNACK 5: no", "hub/dn"),
        ("org/t/dn", None, "TLS: certificate d:t:dn expired on 2020-01-01", "org/t/dn"),
        ("org/t/dn", None, "TLS: BAD: no; it showed certificate d:t:dn", "org/t/dn"),
        ("pk/dn", ("c1", "other&pk"), "CONNACK 5: no device 'other' in 'pk'", "127.0.0.1"),
        ("pk/dn", None, "TLS: no version in common", "127.0.0.1"),
    ],
)
def test_a_refusal_is_of_the_board_that_the_client_says_it_is(known, said, text, label):
    fed = Fed()
    fed.model.know("c", known, "device", True, "")
    fed.model.know("c", "org/another/dn", "device", True, "")
    if said:
        _opened(fed, 5)
        _packet(fed, 5, "CONNECT", _connect(*said))
    fed.add("event", cloud="c", device="127.0.0.1:5", kind="refused", text=text)
    board = fed.board(label)
    assert board["refusal"]["text"] == text
    assert board["kind"] == ("unknown" if label == "127.0.0.1" else "device")
    assert bool(board["refusal"]["mend"]) == ("signature" in text or "no device" in text)


def _coap(fed, **facts):
    usual = {
        "connection": "127.0.0.1:7", "cloud": "c", "way": "coap", "device": "pk/dn",
        "direction": "up", "type": "CON", "code": "0.02", "mid": 1, "token": "aa",
        "options": [[11, "topic"], *([11, part] for part in ALINK.split("/")[1:])],
        "payload_hex": "c0de", "plain_hex": None, "again": False, "seq": None,
    }  # fmt: skip
    return fed.add("coap", **(usual | facts))


def test_a_report_by_coap_has_token_seq_transmissions_and_what_went_over_the_wire():
    fed = Fed()
    filed = fed.message(ALINK, _alink(t=1))
    _coap(fed, seq=3, plain_hex=_alink(t=1).hex())
    _coap(fed, again=True)
    _coap(fed, direction="down", type="ACK", code="0.00", token="")
    fed.now_ms += 20
    _coap(fed, direction="down", type="CON", code="2.05", mid=9)
    told = fed.told(filed)
    assert told["coap"] == {"token": "aa", "mid": 1, "seq": 3, "sent": 2}
    assert told["aes"] == {"cipher_hex": "c0de"} and told["took_ms"] == 24
    assert fed.board()["way"] == "coap" and fed.board()["online"]
    fed.now_ms += 3_600_000  # no connection tells that it is gone
    assert not fed.board()["online"]


def test_a_login_that_coap_refuses_is_of_the_device_that_its_payload_names():
    fed = Fed()
    fed.model.know("c", "pk/dn", "device", True, "")
    event = {"cloud": "c", "device": "127.0.0.1:7", "kind": "refused", "text": "4.01: no"}
    fed.add("event", **event)
    body = json.dumps({"productKey": "pk", "deviceName": "dn", "sign": "**"}).encode()
    _coap(fed, device=None, options=[[11, "auth"]], payload_hex=body.hex())
    assert fed.board()["refusal"]["text"] == "4.01: no"


def test_both_sides_stand_on_one_axis_in_the_order_of_time():
    fed = Fed()
    fed.add("line", cloud="c", device="pk/dn", text="connecting")
    fed.add("event", cloud="c", device="pk/dn", kind="connected", text="TCP, keepalive 60 s")
    number = fed.message(ALINK, _alink(t=1))
    fed.add("event", cloud="c", device="pk/dn", kind="report", text="told as a message")
    fed.add("line", cloud="c", device="pk/dn", text="report 1 stored")
    lines = fed.model.axis(fed.model.boards.find("c", "pk/dn"))
    assert [(line["side"], line["kind"], line["message"]) for line in lines] == [
        ("board", "log", None),
        ("cloud", "connected", None),
        ("cloud", "report", number),
        ("board", "log", None),
    ]


def test_values_stand_at_the_times_at_which_they_were_taken():
    fed = Fed()
    for value, time_ms in ((2, 2000), (1, 1000)):  # a backlog came late
        fed.message(ALINK, _alink(t={"value": value, "time": time_ms}))
    fed.message(ALINK, _alink(t={"value": 9, "time": 1}), status="rejected")
    board = fed.model.boards.find("c", "pk/dn")
    values = asyncio.run(fed.model.messages.values(board))
    assert values == [{"name": "t", "points": [(1000, 1), (2000, 2)]}]


def test_the_newest_messages_are_kept_and_no_more_of_anything(monkeypatch):
    monkeypatch.setattr(kept, "MESSAGES", 100)
    fed = Fed()
    for n in range(1000):
        _opened(fed, n)
        fed.message(f"topic/{n % 150}?$rid={n}", _alink(t=n), device=f"pk/{n % 3}")
        fed.add("event", cloud="c", device="pk/0", kind="refused", text="x" * 5000)
        fed.add("event", cloud="c", device=f"127.0.0.1:{n}", kind="refused", text="TLS: no")
        fed.add("event", cloud="c", device=f"pk/no{n}", kind="refused", text="no device")
    found, more = asyncio.run(fed.model.messages.select(None))
    assert [message["id"] for message in found] == list(range(901, 1001)) and not more
    assert len(fed.model.messages.topics(None)) == 100
    every = fed.model.boards.by_id.values()
    known = [board.label for board in every if board.kind == "device"]
    assert sum(len(board.ids) for board in every) == 100 and len(known) == 3
    assert len(every) == 3 + STRANGERS and fed.board("pk/no999")["refusal"]
    assert len(fed.model.boards.find("c", "pk/0").events) == 200


@pytest.mark.parametrize(
    ("query", "ids", "more"),
    [
        ({"limit": 3}, [8, 9, 10], True),
        ({"limit": 3, "after": 2}, [3, 4, 5], True),
        ({"limit": 3, "before": 3}, [1, 2], False),
        ({"topic": "even/"}, [2, 4, 6, 8, 10], False),
        ({"text": "N=3"}, [3], False),
        ({"cloud": "none"}, [], False),
    ],
)
def test_messages_are_selected_page_by_page(query, ids, more):
    fed = Fed()
    for n in range(1, 11):
        fed.message(("odd/x", "even/x")[n % 2 == 0], json.dumps({"n": n}))
    found, others = asyncio.run(fed.model.messages.select(None, **query))
    assert ([message["id"] for message in found], others) == (ids, more)


def test_a_page_that_reads_slowly_is_told_what_it_lost_and_holds_up_nothing():
    fed = Fed()

    async def run():
        stream = Stream(lambda board: {"id": board}, lambda number: {"id": number})
        reading, written = asyncio.Event(), []

        async def write(data):
            written.append(data)
            await reading.wait()

        writing = asyncio.create_task(stream.run(write))
        for n in range(streams.QUEUED + 10):
            stream.put([("message", {"id": n}), ("board", {"id": "c pk/dn"})])
        await asyncio.sleep(0)
        assert len(written) <= 1
        reading.set()
        stream.end()
        await writing
        return b"".join(written)

    written = asyncio.run(run())
    assert b'event: lost\ndata: {"count":10}' in written and written.endswith(b"data: {}\n\n")
    assert fed.model.feed({"what": "of a later version", "ms": 1}) == []
