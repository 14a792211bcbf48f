"""Do other people's HTTP clients get along with the twin?

curl as in the documents' examples, requests.
"""

import subprocess
from collections.abc import Mapping

import pytest
import requests

from host_tests.support import Twin
from host_tests.twin.http_device import JSON, AlibabaDevice, Answer, WatsonDevice, code_of
from tools import toolchain
from tools.ui import UserError


def _curl(twin: Twin, door: str, path: str, data: bytes, headers: Mapping[str, str]) -> Answer:
    try:
        curl = toolchain.curl()
    except UserError as error:
        pytest.skip(str(error))
    way = twin.way(*door.split("-"))
    scheme = "https" if way["tls"] else "http"
    there = f"{way['host']}:{way['port']}"
    lines = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    done = subprocess.run(
        [
            *(curl, "--silent", "--show-error", "--include", "--max-time", "20"),
            *("--cacert", twin.ready["ca_file"], "--noproxy", "*", "--data-binary", "@-"),
            *("--resolve", f"{there}:{way['address']}", *lines, f"{scheme}://{there}{path}"),
        ],
        input=data,
        capture_output=True,
        check=True,
    )
    return _answer(done.stdout)


def _answer(got: bytes) -> Answer:
    head, _, body = got.rpartition(b"\r\n\r\n")
    return Answer(int(head.split(b"\r\n\r\n")[-1].split()[1]), {}, body)


@pytest.mark.parametrize("way", ["http", "mqtts", "https"])
def test_curl_as_in_the_documents_example_posts_an_event(twin: Twin, way: str) -> None:
    device = WatsonDevice(twin, "h-curl")
    event = '{"d": {"myName": "Publish Test", "cputemp": 46, "sine": -10, "cpuload": 1.45}}'
    after = twin.last_id()
    path = device.path + "/events/TestMessage"
    headers = {**device.authorized, **JSON}
    assert _curl(twin, f"watson-{way}", path, event.encode(), headers).status == 200
    assert [m["payload"] for m in twin.messages("watson", after)] == [event]


def test_curl_sends_a_large_report_and_waits_for_100_continue(
    twin: Twin, logged_in: AlibabaDevice
) -> None:
    headers = {
        "Content-Type": "application/octet-stream",
        "password": logged_in.token,
        "Expect": "100-continue",
    }
    data = b"x" * 131072
    assert code_of(_curl(twin, "alibaba-https", logged_in.custom, data, headers)) == 0


def test_requests_logs_in_and_reports_on_one_connection(twin: Twin) -> None:
    with AlibabaDevice(twin) as device, requests.Session() as session:
        session.trust_env = False
        session.verify = twin.ready["ca_file"]
        way = twin.way("alibaba", "https")
        url = f"https://{way['address']}:{way['port']}"
        before = twin.http()["alibaba"]["connections"]
        token = session.post(f"{url}/auth", json=device.body(), timeout=20).json()["info"]["token"]
        headers = {"Content-Type": "application/octet-stream", "password": token}
        for data in (b"1", b"2"):
            reply = session.post(url + device.custom, data, headers=headers, timeout=20)
            assert reply.json()["message"] == "success"
        assert twin.http()["alibaba"]["connections"] == before + 1
