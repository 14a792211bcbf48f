"""Does `signet bench twin` count what boards meet?  No timing is judged here."""

import contextlib
import queue
import re
from pathlib import Path

import paho.mqtt.client as mqtt

from host_tests import screens
from host_tests.support import signet
from tools.bench.broker import broker
from tools.bench.twin_load import load

_BOARDS = 5


def test_a_few_boards_are_measured_and_the_screen_fits():
    done = signet("bench", "twin", "--boards", _BOARDS, "--reports", 60, "--durable")
    assert done.returncode == 0, done.stderr
    screens.look("bench twin", done.stdout)
    for server in ("twin", "mosquitto"):
        assert re.search(rf"\b{server} +\d+ +\d\.\d\d +\d+ +\d\.\d\d +\d", done.stdout)
    assert re.search(r"Reports lost, of all +≤ 0 +0 +met", done.stdout)


def test_a_number_of_boards_that_is_none_is_refused():
    done = signet("bench", "twin", "--boards", "1000,many")
    assert done.returncode == 2
    assert "--boards is '1000,many'" in done.stderr


def test_each_report_of_the_boards_is_what_another_client_receives_once(tmp_path: Path):
    heard: queue.Queue[bytes] = queue.Queue()
    granted: queue.Queue[None] = queue.Queue()
    logins = [[f"board-{number}", "user", "password"] for number in range(_BOARDS)]
    with broker(tmp_path) as port, load("127.0.0.1", port, "a/b", logins) as boards:
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
        client.on_message = lambda c, u, message: heard.put(message.payload)
        client.on_subscribe = lambda *_: granted.put(None)
        client.connect("127.0.0.1", port)
        client.loop_start()
        with contextlib.ExitStack() as stack:
            stack.callback(client.loop_stop)
            client.subscribe("a/b", 1)
            granted.get(timeout=60)
            assert boards.ask("connect", at_once=2)["codes"] == {"0": _BOARDS}
            found = [boards.ask("flood", reports=40), boards.ask("pace", per_s=200, reports=20)]
            assert [each["acknowledged"] for each in found] == [40, 20]
            payloads = [heard.get(timeout=60) for _ in range(60)]
        assert sorted(payloads) == sorted(b'{"d":{"t":21.5,"n":%d}}' % n for n in range(60))
        assert heard.empty()
