"""Does a twin serve its page to a browser on this machine alone, and do what is asked there?

With requests as the browser; boards are paho's, and a virtual one.
"""

import asyncio
import contextlib
import http.client
import json
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from host_tests import screens
from host_tests.support import Twin, signet
from host_tests.twin.coap_device import CoapDevice
from host_tests.twin.mqtt_device import TIMEOUT_S, Raw, connect_of, paho, wait_until
from tools.board.virtual import VirtualBoard
from tools.pki.authority import Authority
from tools.twin.page.model import Model
from tools.twin.page.server import Server
from tools.twin.registry.store import open_store
from tools.ui import UserError

ENOS = "enos signetEnOS/board-1"
POINTS = "/sys/signetEnOS/board-1/thing/measurepoint/post"


class Browser:
    """A page that is open."""

    def __init__(self, address):
        self.address = address
        self.host = urlsplit(address).netloc
        self.origin = f"http://{self.host}"

    def get(self, path, **query):
        """JSON of a GET."""
        answer = requests.get(self.address + "api/" + path, params=query, timeout=TIMEOUT_S)
        answer.raise_for_status()
        return answer.json()

    def post(self, **order):
        """Status and JSON of something to do."""
        answer = requests.post(
            self.address + "api/do",
            json=order,
            headers={"Origin": self.origin},
            timeout=TIMEOUT_S,
        )
        return answer.status_code, answer.json()

    def do(self, **order):
        """The same, which must work."""
        status, answer = self.post(**order)
        assert status == 200, answer
        return answer

    def board(self, wanted=ENOS):
        """A board of the state."""
        return next(board for board in self.get("state")["boards"] if board["id"] == wanted)


class Events:
    """Server-sent events, as they come."""

    def __init__(self, browser):
        self.queue = queue.Queue()
        self._connection = http.client.HTTPConnection(browser.host, timeout=120)
        self._connection.request("GET", urlsplit(browser.address).path + "api/events")
        self._answer = self._connection.getresponse()
        assert self._answer.readline().startswith(b"retry: ")  # it is listening
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        name = ""
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            while line := self._answer.readline():
                word, _, text = line.decode().rstrip().partition(": ")
                if word == "event":
                    name = text
                elif word == "data":
                    data = json.loads(text)
                    for kind in ("message", "board") if name == "many" else ():
                        for each in data[kind + "s"]:
                            self.queue.put((kind, each))
                    self.queue.put((name, data))

    def until(self, fits):
        """The data of the first event that fits."""
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            name, data = self.queue.get(timeout=max(0.01, deadline - time.monotonic()))
            if fits(name, data):
                return data

    def close(self):
        """The page is closed."""
        self._connection.sock.shutdown(socket.SHUT_RDWR)


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """A twin with its page, shared."""
    with Twin(tmp_path_factory.mktemp("page"), "--page-port", "0") as running:
        yield running
        assert "Traceback" not in running.output()


@pytest.fixture
def browser(twin):
    """Its page, open."""
    return Browser(twin.ready["page"])


@pytest.fixture
def events(browser):
    """What the page is told."""
    listening = Events(browser)
    yield listening
    listening.close()


def _post(t, number="1"):
    points = {"measurepoints": {"t": t}, "time": 1700000000000}
    method = "thing.measurepoint.post"
    return json.dumps({"id": number, "version": "1.0", "method": method, "params": points})


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "", {}, 200),
        ("GET", "", {"Origin": "{origin}"}, 200),
        ("GET", "", {"Origin": "https://evil.example"}, 403),
        ("GET", "", {"Origin": "null"}, 403),
        ("GET", "", {"Host": "evil.example:{port}"}, 403),
        ("GET", "", {"Host": "127.0.0.1"}, 403),
        ("GET", "", {"Host": "localhost:{port}"}, 200),
        ("GET", "/api/state", {}, 404),
        ("GET", "/wrong/api/state", {}, 404),
        ("GET", "nothing.js", {}, 404),
        ("GET", "..%2Fserver.py", {}, 404),
        ("GET", "api/messages?limit=x", {}, 400),
        ("GET", "api/messages/99999999", {}, 404),
        ("GET", "api/axis?board=x", {}, 404),
        ("POST", "api/do", {"Content-Type": "application/json"}, 403),
        ("POST", "api/do", {"Origin": "{origin}", "Content-Type": "text/plain"}, 415),
        ("POST", "api/do", {"Origin": "{origin}", "Content-Type": "application/json"}, 400),
        (
            *("POST", "api/do"),
            {"Origin": "{origin}", "Content-Type": "application/json; charset=none"},
            400,
        ),
        ("OPTIONS", "api/do", {"Origin": "https://evil.example"}, 403),
    ],
)
def test_the_page_is_for_who_has_its_address_on_this_machine(
    browser, method, path, headers, status
):
    if path == "":
        path = "api/state"  # what a page may read
    port = browser.host.rpartition(":")[2]
    given = {name: text.format(origin=browser.origin, port=port) for name, text in headers.items()}
    url = browser.origin + path if path.startswith("/") else browser.address + path
    answer = requests.request(method, url, headers=given, data=b"[]", timeout=TIMEOUT_S)
    assert answer.status_code == status
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'self';")
    for name, value in (
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Resource-Policy", "same-origin"),
    ):
        assert answer.headers[name] == value
    assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_it_listens_on_loopback_alone(browser):
    port = int(browser.host.rpartition(":")[2])
    with socket.socket() as other, pytest.raises(OSError, match="refused"):
        other.connect(("127.0.0.5", port))


def test_it_is_at_the_port_that_was_chosen_or_says_that_it_is_taken():
    async def run():
        first = await Server(Model()).start()
        await first.stop()
        port = urlsplit(first.address).port
        second = await Server(Model()).start(port)
        assert urlsplit(second.address).port == port
        with pytest.raises(UserError, match=f"127.0.0.1:{port} for the page: Address already in"):
            await Server(Model()).start(port)
        await second.stop()

    asyncio.run(run())


def test_a_report_is_told_with_its_reply_and_its_board(twin, browser, events):
    with paho(twin, "enos") as board:
        events.until(lambda name, data: name == "board" and data["id"] == ENOS and data["online"])
        board.subscribe(POINTS + "_reply")
        board.publish(POINTS, _post(21.5))
        told = events.until(lambda name, data: name in ("message", "marked") and data["reply"])
        asked = browser.get(f"messages/{told['id']}")
        assert asked["values"] == {"t": 21.5} and asked["format"] == "measurepoints"
        assert asked["took_ms"] == told["took_ms"] >= 0
        reply = browser.get(f"messages/{told['reply']}")
        assert reply["answers"] == told["id"] and reply["decoded"]["code"] == 200
        assert browser.get("values", board=ENOS)["series"][0]["name"] == "t"
        assert POINTS in [each["topic"] for each in browser.get("topics", board=ENOS)["topics"]]
        kinds = [line["kind"] for line in browser.get("axis", board=ENOS)["lines"]]
        assert {"connected", "report", "answer"} <= set(kinds)


def test_no_secret_is_in_what_is_read(twin, browser, events):
    with paho(twin, "enos") as board:
        board.publish(POINTS, _post(1))
        with Raw(twin.way("alibaba")) as raw:
            assert raw.login(connect_of(twin, "alibaba", password=b"wrong")) == 4
        data = events.until(lambda name, data: name == "board" and data["refusal"])
    seen = [json.dumps(data)]
    seen += [json.dumps(browser.get(path)) for path in ("state", "messages", "topics")]
    for board in browser.get("state")["boards"]:
        seen += [json.dumps(browser.get(path, board=board["id"])) for path in ("axis", "values")]
    seen += [json.dumps(browser.get(f"messages/{m['id']}")) for m in twin.messages()]
    with contextlib.closing(open_store(twin.state)) as store:
        secrets = [device.secret for device in store.devices() if device.secret]
    assert len(secrets) >= 5
    assert not [secret for secret in secrets if secret in "".join(seen)]


def test_what_is_done_on_the_page_is_done_to_the_board(twin, browser):
    with paho(twin, "enos") as board:
        got = queue.Queue()

        def command():
            got.put(browser.post(do="command", board=ENOS, name="set", data={"led": 1}))

        threading.Thread(target=command, daemon=True).start()
        order = board.next()
        body = json.loads(order.payload)
        assert body["params"] == {"led": 1}
        board.publish(order.topic + "_reply", json.dumps({"id": body["id"], "code": 200}))
        status, answer = got.get(timeout=TIMEOUT_S)
        assert status == 200 and answer["reply"]["code"] == 200
        browser.do(do="drop", board=ENOS)
        board.disconnects.get(timeout=TIMEOUT_S)
    with paho(twin, "enos") as board:
        browser.do(do="deny", board=ENOS)
        board.disconnects.get(timeout=TIMEOUT_S)
        with Raw(twin.way("enos")) as raw:
            assert raw.login(connect_of(twin, "enos")) != 0
        assert browser.board()["enabled"] is False
        assert "is disabled" in json.dumps(browser.get("state")["boards"])
    browser.do(do="allow", board=ENOS)
    with paho(twin, "enos") as board:
        browser.do(do="drop_all", cloud="enos")
        board.disconnects.get(timeout=TIMEOUT_S)
    with paho(twin, "enos") as board:
        browser.do(do="swallow", what="replies", n=1)
        board.subscribe(POINTS + "_reply")
        board.publish(POINTS, _post(1, "lost"))
        board.publish(POINTS, _post(1, "answered"))
        assert json.loads(board.next().payload)["id"] == "answered"


def test_what_an_operator_sets_there_holds(twin, browser, events, tmp_path):
    added = browser.do(do="add", cloud="enos", product="signetEnOS", name="board-7")["board"]
    assert added["id"] == "enos signetEnOS/board-7" and not added["online"]
    shown = browser.do(do="device_json", board=added["id"], way="mqtts")
    config = shown["device_json"]
    assert shown["ca"] and config["port"] == twin.way("enos", "mqtts")["port"]
    names = {key: config[key] for key in ("product_key", "device_key", "device_secret")}
    assert browser.do(do="secret", board=added["id"])["secret"] == names["device_secret"]
    usual = dict(twin.ready["clouds"]["enos"]["device"])
    twin.ready["clouds"]["enos"]["device"] = names
    try:
        with Raw(twin.way("enos")) as raw:
            assert raw.login(connect_of(twin, "enos")) == 0
    finally:
        twin.ready["clouds"]["enos"]["device"] = usual

    browser.do(do="policy", product="signet", policy="certificate")
    with Raw(twin.way("watson")) as raw:
        assert raw.login(connect_of(twin, "watson")) != 0
    told = events.until(lambda name, data: name == "board" and data["policy"] == "certificate")
    assert told["cloud"] == "watson"
    browser.do(do="policy", product="signet", policy="tls-optional")

    ca = Authority(tmp_path / "ca", "a CA").certificate_file.read_text()
    browser.do(do="add", cloud="watson", product="other/esp32", name="board-1")
    shown = browser.do(do="device_json", board="watson other/esp32/board-1", way="wss")
    host = "other.messaging.internetofthings.ibmcloud.com"  # a name of its own for each org
    assert shown["device_json"]["host"] == host
    assert browser.do(do="ca", org="other", pem=ca)["name"] == "a CA"
    assert "a CA" in signet("pki", "list", "--state", twin.state).stdout

    browser.do(do="loss", share=0.3)
    assert browser.get("state")["faults"]["loss"] == 0.3
    browser.do(do="loss", share=0)
    browser.do(do="expire_tokens")


@pytest.mark.parametrize(
    ("order", "error"),
    [
        ({"do": "fly"}, "nothing is called 'fly'"),
        ({"do": "drop", "board": "enos x/y"}, "the registry has no 'enos x/y'"),
        ({"do": "drop"}, "there is no 'board'"),
        ({"do": "drop", "board": ENOS}, "board-1 has no connection"),
        ({"do": "loss", "share": 3}, "a share, 0 to 1"),
        ({"do": "swallow", "what": "x"}, "cannot be swallowed"),
        ({"do": "policy", "product": "signet", "policy": "x"}, "there is no policy 'x'"),
        ({"do": "policy", "product": "o", "policy": "token"}, "there is no org 'o'"),
        ({"do": "ca", "org": "signet", "pem": "x"}, "neither PEM nor DER"),
        ({"do": "add", "cloud": "enos", "product": "a/b", "name": "n"}, "not of the form"),
        ({"do": "device_json", "board": ENOS, "way": "coap"}, "enos has no way 'coap'"),
        ({"do": "command", "board": ENOS, "name": "set", "data": [1]}, "are a JSON object"),
        ({"do": "command", "board": ENOS, "name": "set"}, "is not connected"),
    ],
)
def test_what_cannot_be_done_is_said(browser, order, error):
    status, answer = browser.post(**order)
    assert status == 400 and error in answer["error"]


def test_what_the_command_line_does_to_the_registry_is_told(twin, events):
    for do, enabled in (("add", True), ("disable", False)):
        signet("twin", "device", do, "enos", "signetEnOS", "late", "--state", twin.state)
        events.until(
            lambda name, data, enabled=enabled: (
                (name, data.get("label"), data.get("enabled"))
                == ("board", "signetEnOS/late", enabled)
            )
        )


def test_a_page_that_does_not_read_holds_nobody_up(twin, browser):
    host, _, port = browser.host.partition(":")
    path = urlsplit(browser.address).path
    with socket.create_connection((host, int(port)), TIMEOUT_S) as silent:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        request = f"GET {path}api/events HTTP/1.1\r\nHost: {browser.host}\r\n\r\n"
        silent.sendall(request.encode())
        with paho(twin, "enos") as board:
            for _ in range(1000):
                board.client.publish(POINTS, _post("x" * 2000), 0)
            board.publish(POINTS, _post(1, "last"))
            assert browser.board()["reports"] >= 1001


def test_a_boards_own_lines_stand_beside_what_its_cloud_has_without_secrets(
    twin, browser, tmp_path
):
    board = VirtualBoard(tmp_path / "board").create()
    secret = twin.ready["clouds"]["enos"]["device"]["device_secret"]
    prints = (
        *("it is " + secret, {"wifi_password": "hunter2"}, "wifi password: hunter2"),
        *("connect(key=1,password='hunter2')", {"token": None}, "report 7 stored"),
    )
    main = f"for each in {prints!r}: print(each)\nimport time\ntime.sleep(600)\n"
    board.fill({"/main.py": main.encode()})
    program = Path(sys.executable).with_name("signet")
    command = [program, "board", "boot", "--folder", board.folder, "--twin", "enos/board-1"]
    with subprocess.Popen(
        [*command, "--state", twin.state],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as boot:
        try:
            deadline = time.monotonic() + 120
            while True:
                lines = browser.get("axis", board=ENOS)["lines"]
                if any(line["text"] == "report 7 stored" for line in lines):
                    break
                assert boot.poll() is None and time.monotonic() < deadline, lines
                time.sleep(0.1)
        finally:
            boot.send_signal(signal.SIGINT)
            boot.wait(60)
    assert {line["side"] for line in lines if line["text"] == "report 7 stored"} == {"board"}
    shown = json.dumps(lines)
    for covered in ("it is *", "'wifi_password': '*", "wifi password: *", "1,password='*"):
        assert covered in shown
    assert "{'token': None}" in shown
    assert secret not in shown and "hunter2" not in shown


def test_lines_of_a_board_that_the_twin_does_not_know_are_refused_at_once(twin, tmp_path):
    state = ("--state", twin.state)
    done = signet("board", "boot", "--folder", tmp_path, "--twin", "enos/nobody", *state)
    assert done.returncode == 2 and "no device named 'nobody'" in done.stderr


def test_a_command_opens_the_page_or_says_how_to_have_one(twin, tmp_path, monkeypatch):
    done = signet("twin", "page", "--no-open", "--state", twin.state)
    assert done.stdout.strip() == twin.ready["page"]
    screens.look("twin page --no-open", done.stdout + done.stderr)
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$@" >{opened}\n')
    browser.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(browser))
    signet("twin", "page", "--state", twin.state)
    leads = twin.state / "page.html"  # who lists processes sees its name alone
    assert opened.read_text().strip() == leads.as_uri()
    assert f'href="{twin.ready["page"]}"' in leads.read_text()
    assert {file.stat().st_mode & 0o777 for file in (leads, twin.ready_file)} == {0o600}
    trace = tmp_path / "x.jsonl"
    head = '{"what":"trace","ms":1,"version":1,"signet":"","python":"","mosquitto":"",'
    head += '"options":{},"clouds":{}}\n'
    for text, error in (("", "is empty"), (head + '{"what":"line","ms":2}\n', "line 2 of")):
        trace.write_text(text)
        done = signet("twin", "page", "--trace", trace)
        assert done.returncode == 2 and error in done.stderr


def test_a_trace_shows_what_its_twin_showed_and_nothing_can_be_done_to_it(tmp_path):
    trace = tmp_path / "monday.jsonl"
    with Twin(tmp_path / "recorded", "--page", "--record", str(trace)) as recorded:
        with paho(recorded, "enos") as board:
            board.publish(POINTS, _post(21.5))
        wait_until(lambda: not Browser(recorded.ready["page"]).board()["online"])
        live = Browser(recorded.ready["page"])
        live.do(do="expire_tokens")  # a replay needs it
        boards, messages = live.get("state")["boards"], live.get("messages")
    assert not (recorded.state / "page.html").exists()
    assert '"fault":"expire_tokens"' in trace.read_text()
    program = Path(sys.executable).with_name("signet")
    command = [program, "twin", "page", "--no-open", "--trace", trace]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as showing:
        try:
            browser = Browser(showing.stdout.readline().strip())
            state = browser.get("state")
            assert (state["live"], state["title"]) == (False, trace.name)
            assert browser.get("messages") == messages
            of_policy = [board | {"policy": None} for board in boards]
            shown = {board["id"]: board | {"policy": None} for board in state["boards"]}
            assert [shown[board["id"]] for board in boards] == of_policy
            assert browser.post(do="drop_all")[0] == 400
        finally:
            showing.send_signal(signal.SIGINT)
            assert showing.wait(60) == 0


def test_connections_packets_and_datagrams_tell_whose_and_how(twin, browser):
    with paho(twin, "watson", way="mqtts"):
        board = browser.board("watson signet/esp32/board-1")
        assert board["online"] and board["way"] == "mqtts" and board["keepalive_s"] == 60
        assert board["client_id"] == "d:signet:esp32:board-1" and board["policy"] == "tls-optional"
        assert board["tls"]["version"] == "TLSv1.2"
    with Raw(twin.way("alibaba")) as raw:
        assert raw.login(connect_of(twin, "alibaba", password=b"wrong")) == 4
    refusal = browser.board("alibaba a1SignetPk/board-1")["refusal"]
    assert "signature differs" in refusal["text"] and "signet sign" in refusal["mend"]
    device = CoapDevice(twin)
    device.login()
    request = device.report()
    device.ask(request)
    filed = browser.get("messages", board="alibaba a1SignetPk/board-1")["messages"][-1]
    assert filed["coap"]["token"] == request.token.hex() and filed["coap"]["sent"] == 1
    assert filed["took_ms"] is not None
    whole = browser.get(f"messages/{filed['id']}")
    assert whole["aes"]["cipher_hex"] == request.payload.hex()
