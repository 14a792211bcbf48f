"""Do other people's HTTP clients get along with the twin?

curl as in the documents' examples, requests.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests

from host_tests.support import Twin
from host_tests.twin.http_device import AlibabaDevice, Answer, WatsonDevice

_WATSON_WAYS = ("http", "mqtts", "https")


def _curl(twin: Twin, way: dict[str, Any], path: str, *words: str) -> Answer:
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("there is no curl")
    scheme = "https" if way["tls"] else "http"
    there = f"{way['host']}:{way['port']}"
    done = subprocess.run(
        [
            *(curl, "--silent", "--show-error", "--include", "--max-time", "20"),
            *("--cacert", twin.ready["ca_file"], "--noproxy", "*"),
            *("--resolve", f"{there}:{way['address']}", *words, f"{scheme}://{there}{path}"),
        ],
        capture_output=True,
        check=True,
    )
    head, _, body = done.stdout.rpartition(b"\r\n\r\n")
    return Answer(int(head.split(b"\r\n\r\n")[-1].split()[1]), {}, body)


def test_curl_as_in_the_documents_example_posts_an_event(twin: Twin) -> None:
    device = WatsonDevice(twin, "h-curl")
    user = f"use-token-auth:{device.device.secret}"
    event = '{"d": {"myName": "Publish Test", "cputemp": 46, "sine": -10, "cpuload": 1.45}}'
    after = twin.last_id()
    for way in _WATSON_WAYS:
        words = ("-u", user, "-H", "Content-Type: application/json", "-d", event)
        path = device.path + "/events/TestMessage"
        assert _curl(twin, twin.way("watson", way), path, *words).status == 200
    assert [m["payload"] for m in twin.messages("watson", after)] == [event] * 3


def test_curl_sends_a_large_report_and_waits_for_100_continue(twin: Twin, tmp_path: Path) -> None:
    with AlibabaDevice(twin) as device:
        device.login()
        data = tmp_path / "data"
        data.write_bytes(b"x" * 131072)
        words = ("-H", "Content-Type: application/octet-stream", "--data-binary", f"@{data}")
        words += ("-H", f"password: {device.token}", "-H", "Expect: 100-continue")
        answer = _curl(twin, twin.way("alibaba", "https"), device.custom, *words)
        assert answer.json["code"] == 0


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
