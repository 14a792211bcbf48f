"""Does a board report to Alibaba over CoAP, whatever network, power and cloud do?"""

import json
import re
from pathlib import Path

import cbor2
import pytest

from tools.board.deploy import deploy, project_files
from tools.board.virtual import VirtualBoard
from tools.pki.authority import Authority

# Retransmission at loopback's pace; the RFC's own figures are in test_exchange.py.
_FAST = {"ack_timeout_ms": 200}

# The flash is shared by the tests: what the one before kept must go, unless this is a wake.
_FRESH = """
import machine, os
if machine.reset_cause() != machine.DEEPSLEEP_RESET:
    for name in ("signet.state", "n"):
        try:
            os.remove(name)
        except OSError:
            pass
"""

# Counts its reports, each only when the cloud has the one before.
COUNT = (
    _FRESH
    + """
import board, signet
from signet import clock

clock.while_waiting = board.feed
link = signet.open("device.json", board)
n = 0
while True:
    link.report({"n": n})
    n += 1
    while not link.flush(1000):
        pass
    link.poll(50)
"""
)

# Reports once, sleeps deeply, and so on; which report it is is told by a file.
SLEEP = (
    _FRESH
    + """
import board, signet
from signet import clock

clock.while_waiting = board.feed
try:
    with open("n") as file:
        n = int(file.read())
except (OSError, ValueError):
    n = 0
link = signet.open("device.json", board)
link.report({"n": n})
while not link.flush(5000):
    pass
with open("n", "w") as file:
    file.write(str(n + 1))
link.close()
board.deep_sleep(50)
"""
)


def _numbers(messages):
    return [json.loads(m["payload"])["params"]["n"]["value"] for m in messages if not m["dup"]]


def _reports(twin, count, after, **values):
    return twin.wait_for_messages(
        "alibaba", count, after, direction="up", status="stored", **values
    )


@pytest.mark.parametrize(
    ("way", "changes"),
    [
        ("coap", {}),
        ("coap", {"profile": "documented"}),
        ("coap", {"ack_mode": 1}),
        ("coap", {"sign_method": "hmacmd5", "timestamp": True}),
        ("coap", {"sign_method": "hmacsha1", "ack_mode": 1, "profile": "documented"}),
        ("coaps", {}),
        ("coaps", {"ack_mode": 1, "profile": "documented"}),
    ],
)
def test_a_board_reports_by_coap(device, twin, config, way, changes):
    after = twin.last_id()
    device.run(config("alibaba", way, **changes), COUNT)
    stored = _reports(twin, 3, after)
    assert _numbers(stored)[:3] == [0, 1, 2]
    assert re.search(r"/sys/\w+/board-1/thing/event/property/post", stored[0]["topic"])
    assert re.search(r"report 1 stored as \d{19}", device.wait_for("report 1 stored.*"))
    assert device.output().count("authenticated") == 1
    assert ("warning: AES hides" in device.output()) == (way == "coap")


@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_cbor_arrives_as_cbor(device, twin, config, way):
    after = twin.last_id()
    device.run(config("alibaba", way, format="cbor"), COUNT)
    for n, message in enumerate(_reports(twin, 2, after)[:2]):
        payload = message["payload"]
        data = bytes.fromhex(payload["hex"]) if isinstance(payload, dict) else payload.encode()
        body = cbor2.loads(data)
        assert body["params"]["n"]["value"] == n
        assert data == cbor2.dumps(body, canonical=True)


def test_after_deep_sleep_a_report_needs_no_auth(device, twin, config):
    after = twin.last_id()
    device.run(config("alibaba", "coap", **_FAST), SLEEP)
    stored = _reports(twin, 4, after)
    assert _numbers(stored)[:4] == [0, 1, 2, 3]
    assert device.output().count("authenticated") == 1


def test_after_deep_sleep_dtls_shakes_hands_anew_and_keeps_its_token(device, twin, config):
    after = twin.last_id()
    device.run(config("alibaba", "coaps"), SLEEP)
    assert _numbers(_reports(twin, 3, after))[:3] == [0, 1, 2]
    assert device.output().count("authenticated") == 1


@pytest.mark.parametrize("fault", ["expire_tokens", "forget_tokens"])
@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_a_lost_token_is_renewed_and_no_report_is_lost(device, twin, config, way, fault):
    after = twin.last_id()
    device.run(config("alibaba", way, **_FAST), COUNT)
    count = len(_reports(twin, 2, after))
    twin.fault(fault)
    numbers = _numbers(_reports(twin, count + 4, after))
    assert numbers == list(range(len(numbers)))
    assert device.output().count("authenticated") == 2
    assert "set aside" not in device.output() and "lost" not in device.output()


def test_an_auth_server_that_fails_is_asked_again_later(device, twin, config):
    after = twin.last_id()
    twin.fault("fail_auth", n=1)
    device.run(config("alibaba", "coap", **_FAST), COUNT)
    device.wait_for(r"not connected: /auth: 5\.00")
    assert _numbers(_reports(twin, 1, after))[:1] == [0]


@pytest.mark.parametrize("ack_mode", [0, 1])
def test_a_lost_reply_costs_a_retransmission_and_stores_once(device, twin, config, ack_mode):
    after = twin.last_id()
    device.run(config("alibaba", "coap", ack_mode=ack_mode, **_FAST), COUNT)
    count = len(_reports(twin, 2, after))
    twin.fault("swallow_coap_replies", n=2)
    stored = _reports(twin, count + 3, after)
    assert _numbers(stored) == list(range(len(stored))), "none is missing, none is there twice"


def test_a_dtls_server_that_forgot_the_session_gets_a_new_handshake(device, twin, config):
    after = twin.last_id()
    device.run(config("alibaba", "coaps", max_retransmit=1, **_FAST), COUNT)
    count = len(_reports(twin, 2, after))
    twin.fault("restart_dtls")
    numbers = _numbers(_reports(twin, count + 2, after))
    assert numbers == list(range(len(numbers)))
    assert "not connected" not in device.output()


def test_a_wrong_secret_is_refused_and_not_hammered(device, config):
    device.run(config("alibaba", "coap", device_secret="00112233445566778899aabbccddeeff"), COUNT)
    device.wait_for(r"not connected: /auth: 4\.01 .*check device_secret.*next try in \d\d s")


def test_dtls_with_a_foreign_ca_is_refused(device, config, tmp_path):
    other = Authority(tmp_path)
    device.run(config("alibaba", "coaps"), COUNT, ca=other.certificate_file)
    device.wait_for("not connected: .*not signed by the CA in `ca`.*next try in .. s")


def test_dtls_with_another_name_is_refused(device, config):
    device.run(config("alibaba", "coaps", host="other.example.com"), COUNT)
    device.wait_for("not connected: .*is for another name.*next try in .. s")


@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_with_30_percent_loss_duplicates_and_reordering_each_report_arrives_once(
    device, twin, config, way
):
    after = twin.last_id()
    device.run(config("alibaba", way, max_retransmit=10, **_FAST), COUNT)
    _reports(twin, 1, after)
    twin.fault("set_losses", drop=0.3, duplicate=0.2, reorder=0.2, seed=7252)
    try:
        stored = _reports(twin, 15, after, timeout_s=90)
    finally:
        twin.fault("set_losses")
    assert _numbers(stored) == list(range(len(stored)))
    assert not [m for m in stored if m["dup"]]


def test_a_board_that_loses_power_at_any_moment_never_repeats_a_seq(tmp_path, twin, config):
    """Power fails in the middle of each of the first writes, and then between reports."""
    after = twin.last_id()
    files = project_files(config("alibaba", "coap", **_FAST), Path(twin.ready["ca_file"]))
    board = VirtualBoard(tmp_path)
    with board.create() as running:
        deploy(running.device, files | {"/main.py": COUNT.replace(_FRESH, "").encode()})
        running.wait_for("report 2 stored", 20)
        running.power_cut()
        for write in range(1, 25):
            before = len(running.output())
            running.start(cut_at_write=write)
            if not running.wait_for_cut(0.7):
                running.wait_for("report 1 stored", 20, before)
                running.power_cut()
        before = len(running.output())
        running.start()
        running.wait_for("report 2 stored", 20, before)
        assert "Traceback" not in running.output()
    messages = [m for m in twin.messages("alibaba", after) if m["direction"] == "up"]
    assert len(messages) > 20
    assert not [m["reason"] for m in messages if m["status"] != "stored"]
