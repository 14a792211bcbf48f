"""Does a board report to Alibaba and to Watson over HTTPS, and hear Watson's commands?"""

import json
import re

import pytest

from host_tests.device.coap_programs import COUNT, FRESH, SLEEP
from host_tests.device.http_programs import POWER, Seen, counts

LARGEST = 131_072  # bytes; both clouds' documents

# Makes a file larger than the heap on the flash, and reports it.
FILE = """
import board, signet

piece = bytearray(b"0123456789abcdef" * 64)
with open("big", "wb") as file:
    for _ in range({size} // 1024):
        file.write(piece)
    file.write(piece[: {size} % 1024])
link = signet.open("device.json", board)
file = open("big", "rb")
link.report(file, topic="{topic}")
link.report({{"n": 0}})
print("flushed", link.flush(10000), link.counters["set_aside"])
"""


# Both clouds.


@pytest.mark.parametrize(
    ("cloud", "door"),
    [("alibaba", "https"), ("watson", "https"), ("watson", "mqtts"), ("watson", "http")],
)
def test_reports_are_stored_over_one_kept_connection(device, twin, config, cloud, door):
    seen = Seen(twin, cloud)
    device.run({**config(cloud, door), "way": "http"}, COUNT)  # "mqtts": the port 8883
    assert counts(seen.numbers(4))
    assert seen.count("connections") == 1
    assert seen.beside_stored() == 1, "/auth, or the question for a command"
    assert ("warning: " in device.output()) == (door == "http")
    device.wait_for("report 4 stored")


@pytest.mark.parametrize("timestamp", [None, False])
@pytest.mark.parametrize("method", ["hmacmd5", "hmacsha1", "hmacsha256"])
def test_alibaba_takes_every_signature(device, twin, config, method, timestamp):
    seen = Seen(twin, "alibaba")
    device.run(config("alibaba", "https", sign_method=method, timestamp=timestamp), COUNT)
    assert counts(seen.numbers(1))
    twin.wait_for_output(f"HTTPS, {method}, token")


def test_alibabas_message_id_is_printed_exact(device, twin, config):
    """It is near 2**60, where a double has no odd numbers."""
    seen = Seen(twin, "alibaba")
    device.run(config("alibaba", "https"), COUNT)
    printed = [int(device.wait_for(f"^report {n} stored as .*$").split()[-1]) for n in (1, 2)]
    assert printed == [(1 << 60) + message["id"] for message in seen.stored(2)[:2]]


def test_alibabas_info_may_be_spelled_as_in_the_document(device, twin, config):
    seen = Seen(twin, "alibaba")
    twin.fault("spell_info", word="Info")
    try:
        device.run(config("alibaba", "https"), COUNT)
        assert re.search(r"as \d{19}$", device.wait_for("^report 2 stored.*$"))
    finally:
        twin.fault("spell_info", word="info")
    assert counts(seen.numbers(2))


@pytest.mark.parametrize(
    ("cloud", "topic"),
    [
        ("alibaba", "thing/event/alarm/post"),
        ("watson", "iot-2/evt/alarm/fmt/json"),
    ],
)
def test_an_event_has_its_own_topic(device, twin, config, cloud, topic):
    seen = Seen(twin, cloud)
    once = COUNT.replace("n = 0\n", 'link.report({"n": 7}, event="alarm")\nn = 0\n')
    device.run(config(cloud, "https"), once)
    first = seen.stored(2)[0]
    assert first["topic"].endswith(topic) and "7" in first["payload"]


_TOPICS = {
    "alibaba": "/a1SignetPk/board-1/user/update",
    "watson": "iot-2/evt/picture/fmt/bin",
}


@pytest.mark.parametrize("cloud", ["alibaba", "watson"])
def test_a_file_larger_than_the_heap_arrives_whole(device, twin, config, cloud):
    seen = Seen(twin, cloud)
    device.run(config(cloud, "https"), FRESH + FILE.format(size=LARGEST, topic=_TOPICS[cloud]))
    device.wait_for("^flushed True 0")
    file, report = seen.stored(2)
    assert file["topic"] == _TOPICS[cloud]
    assert file["payload"] == "0123456789abcdef" * (LARGEST // 16)
    assert counts([json.loads(report["payload"])["n"]] if "n" in report else [0])
    assert seen.count("connections") == 1


@pytest.mark.parametrize("cloud", ["alibaba", "watson"])
def test_of_a_file_of_a_byte_more_nothing_is_sent(device, twin, config, cloud):
    seen = Seen(twin, cloud)
    device.run(config(cloud, "https"), FRESH + FILE.format(size=LARGEST + 1, topic=_TOPICS[cloud]))
    device.wait_for("^flushed True 1")
    assert "report -1 set aside: 131073 bytes are more than this cloud takes" in device.output()
    assert counts(seen.numbers(1))
    assert seen.beside_stored() == 1, "/auth, or the question for a command"


def test_a_report_of_bytes_goes_to_a_topic_of_alibaba_as_it_is(device, twin, config):
    seen = Seen(twin, "alibaba")
    raw = f"""link.report(b"\\x00\\xffraw", topic="{_TOPICS["alibaba"]}")\n"""
    device.run(config("alibaba", "https"), COUNT.replace("n = 0\n", raw + "n = 0\n"))
    first = seen.stored(1)[0]
    assert (first["topic"], first["payload"]) == (_TOPICS["alibaba"], {"hex": "00ff726177"})


# Alibaba's token and deep sleep.


def test_after_deep_sleep_alibabas_token_is_still_good(device, twin, config):
    seen = Seen(twin, "alibaba")
    device.run(config("alibaba", "https"), SLEEP)
    assert counts(seen.numbers(4))
    assert device.output().count("authenticated") == 1
    assert seen.beside_stored() == 1


def test_another_device_json_gets_another_token(device, twin, config):
    values = config("alibaba", "https", app={"test": "another"})
    device.run(values, COUNT)
    device.wait_for("^authenticated")
    device.wait_for("^report 2 stored")
    kept = COUNT.replace(FRESH, "")
    device.run(values, kept)
    device.wait_for("^report 2 stored")
    assert "authenticated" not in device.output()
    device.run({**values, "app": {"test": "changed"}}, kept)
    device.wait_for("^report 2 stored")
    assert device.output().count("authenticated") == 1


def test_the_token_outlives_resets_and_no_report_is_missing(device, twin, config):
    seen = Seen(twin, "alibaba")
    device.run(config("alibaba", "https", app={"test": "resets"}), FRESH.split("if")[0] + POWER)
    first = seen.numbers(1)[0]  # the flash may know of an earlier run
    for _ in range(4):
        seen.more(2)
        device.reset()
    seen.more(2)
    numbers = seen.numbers()
    assert sorted(set(numbers)) == list(range(first, max(numbers) + 1))
    assert seen.beside_stored() == 1, "one /auth"


# Watson: forms and names.


@pytest.mark.parametrize(
    ("form", "payload"),
    [("xml", b"<t>21</t>"), ("text", b"t=21"), ("bin", b"\x00\xff"), ("json", b'{"t":21}')],
)
def test_a_raw_event_has_the_form_that_its_topic_names(device, twin, config, form, payload):
    seen = Seen(twin, "watson")
    topic = f"iot-2/evt/own/fmt/{form}"
    raw = f"link.report({payload!r}, topic='{topic}')\nn = 0\n"
    device.run(config("watson", "https"), COUNT.replace("n = 0\n", raw))
    first = seen.stored(1)[0]
    stored = {"hex": payload.hex()} if form == "bin" else payload.decode()
    assert (first["topic"], first["payload"]) == (topic, stored)


def test_a_form_that_has_no_content_type_is_set_aside(device, twin, config):
    seen = Seen(twin, "watson")
    raw = "link.report(b'x', topic='iot-2/evt/own/fmt/yaml')\nn = 0\n"
    device.run(config("watson", "https"), COUNT.replace("n = 0\n", raw))
    line = device.wait_for("^report 1 set aside: .*$")
    assert line.endswith("over HTTPS the format yaml cannot be sent; take json")
    assert counts(seen.numbers(2))


def test_quickstart_needs_no_login_and_asks_for_no_commands(device, twin, config):
    seen = Seen(twin, "watson")
    values = config("watson", "http", org_id="quickstart", token=None, insecure=None)
    values["host"] = "quickstart" + values["host"][values["host"].index(".") :]
    device.run(values, COUNT)
    stored = seen.stored(3)
    assert stored[0]["device"].startswith("quickstart/")
    assert counts(seen.numbers()) and seen.beside_stored() == 0


def test_the_host_of_the_older_document_is_as_good(device, twin, config):
    seen = Seen(twin, "watson")
    values = config("watson", "https")
    device.run({**values, "host": values["host"].replace(".messaging.", ".")}, COUNT)
    assert counts(seen.numbers(2))


def test_a_gateway_reports_for_itself_and_for_a_device_behind_it(device, twin, config):
    seen = Seen(twin, "watson")
    topic = "iot-2/type/pump/id/p-1/evt/own/fmt/text"
    raw = f"link.report(b'x', topic='{topic}')\nn = 0\n"
    device.run(config("watson", "https", role="gateway"), COUNT.replace("n = 0\n", raw))
    behind, own = seen.stored(2)[:2]
    assert (behind["topic"], behind["payload"]) == (topic, "x")
    assert own["topic"] == "iot-2/type/router/id/gateway-1/evt/status/fmt/json"
    assert seen.count("connections") == 1
