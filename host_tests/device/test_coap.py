"""Does a board report to Alibaba over CoAP, whatever network, power and cloud do?"""

import re

import cbor2
import pytest

from host_tests.device.coap_programs import COUNT, DNS, FAST, SLEEP, numbers_of, passed, reports
from host_tests.twin.mqtt_device import wait_until
from tools.pki.authority import Authority

SWALLOWED = "a reply was swallowed"


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
    stored = reports(twin, 3, after)
    assert numbers_of(stored)[:3] == [0, 1, 2]
    assert re.search(r"/sys/\w+/board-1/thing/event/property/post", stored[0]["topic"])
    assert re.search(r"report 1 stored as \d{19}", device.wait_for("report 1 stored.*"))
    assert device.output().count("authenticated") == 1
    assert ("warning: AES hides" in device.output()) == (way == "coap")


@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_cbor_arrives_as_cbor(device, twin, config, way):
    after = twin.last_id()
    device.run(config("alibaba", way, format="cbor"), COUNT)
    for n, message in enumerate(reports(twin, 2, after)[:2]):
        payload = message["payload"]
        data = bytes.fromhex(payload["hex"]) if isinstance(payload, dict) else payload.encode()
        body = cbor2.loads(data)
        assert body["params"]["n"]["value"] == n
        assert data == cbor2.dumps(body, canonical=True)


def test_after_deep_sleep_a_report_is_one_datagram_out_and_one_in(device, twin, config):
    after, before = twin.last_id(), passed(twin, "coap")
    # A busy machine may answer late, which must not be a loss.
    device.run(config("alibaba", "coap", ack_timeout_ms=10_000), SLEEP)
    stored = reports(twin, 4, after)
    assert numbers_of(stored)[:4] == [0, 1, 2, 3]
    assert device.output().count("authenticated") == 1
    device.stop()
    counts = passed(twin, "coap", before)
    count = len(reports(twin, 4, after))
    for side in ("up", "down"):  # /auth, then one for each report
        assert counts[side, "forwarded"] == 1 + count


@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_after_deep_sleep_no_name_is_looked_up(device, twin, config, way):
    after = twin.last_id()
    values = config("alibaba", way, address=None)
    dns = DNS.format(host=values["host"], address=twin.way("alibaba", way)["address"])
    device.run(values, dns + SLEEP, plain=True)
    assert numbers_of(reports(twin, 3, after))[:3] == [0, 1, 2]
    assert device.output().count("DNS was asked for") == 1


def test_after_deep_sleep_dtls_shakes_hands_anew_and_keeps_its_token(device, twin, config):
    after = twin.last_id()
    device.run(config("alibaba", "coaps"), SLEEP)
    assert numbers_of(reports(twin, 3, after))[:3] == [0, 1, 2]
    assert device.output().count("authenticated") == 1


@pytest.mark.parametrize("fault", ["expire_tokens", "forget_tokens"])
@pytest.mark.parametrize("way", ["coap", "coaps"])
def test_a_lost_token_is_renewed_and_no_report_is_lost(device, twin, config, way, fault):
    after = twin.last_id()
    device.run(config("alibaba", way, **FAST), COUNT)
    count = len(reports(twin, 2, after))
    twin.fault(fault)
    numbers = numbers_of(reports(twin, count + 4, after))
    assert numbers == list(range(len(numbers)))
    assert device.output().count("authenticated") == 2
    assert "set aside" not in device.output() and "lost" not in device.output()


def test_a_report_answered_4_02_with_its_seq_renews_the_token_and_arrives(device, twin, config):
    after = twin.last_id()
    device.run(config("alibaba", "coap", **FAST), COUNT)
    count = len(reports(twin, 2, after))
    twin.fault("answer_4_02", n=1)
    numbers = numbers_of(reports(twin, count + 4, after))
    assert numbers == list(range(len(numbers)))
    assert device.output().count("authenticated") == 2
    assert "set aside" not in device.output() and "not connected" not in device.output()


def test_an_auth_server_that_fails_is_asked_again_later(device, twin, config):
    after = twin.last_id()
    twin.fault("fail_auth", n=1)
    device.run(config("alibaba", "coap", **FAST), COUNT)
    device.wait_for(r"not connected: /auth: 5\.00")
    assert numbers_of(reports(twin, 1, after))[:1] == [0]


@pytest.mark.parametrize(("ack_mode", "lost"), [(0, 2), (1, 1)])
def test_a_lost_reply_costs_a_retransmission_and_stores_once(device, twin, config, ack_mode, lost):
    after, before = twin.last_id(), passed(twin, "coap")
    swallowed = twin.output().count(SWALLOWED)
    device.run(config("alibaba", "coap", ack_mode=ack_mode, **FAST), COUNT)
    count = len(reports(twin, 2, after))
    twin.fault("swallow_coap_replies", n=lost)
    reports(twin, count + 3, after)
    device.stop()
    counts = passed(twin, "coap", before)
    stored = reports(twin, count + 3, after)
    assert numbers_of(stored) == list(range(len(stored))), "none is missing, none is there twice"
    wait_until(lambda: twin.output().count(SWALLOWED) == swallowed + lost)
    if ack_mode == 0:  # else the server sends its separate response again
        assert counts["up", "forwarded"] >= 1 + len(stored) + lost


def test_a_dtls_server_that_forgot_the_session_gets_a_new_handshake(device, twin, config):
    after, before = twin.last_id(), passed(twin, "coaps")
    device.run(config("alibaba", "coaps", max_retransmit=1, **FAST), COUNT)
    count = len(reports(twin, 2, after))
    twin.fault("restart_dtls")
    reports(twin, count + 2, after)
    device.stop()
    up = passed(twin, "coaps", before)["up", "forwarded"]
    numbers = numbers_of(reports(twin, count + 2, after))
    assert numbers == list(range(len(numbers)))
    assert "not connected" not in device.output() and "lost" not in device.output()
    # beside /auth and the reports: twice what was not answered, and three for each handshake
    assert up >= 1 + len(numbers) + 2 + 2 * 3


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
