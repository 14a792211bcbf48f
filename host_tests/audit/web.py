"""What does a request by HTTP get? Asked by curl."""

import json
import subprocess
import time
from collections.abc import Sequence
from typing import Any

from host_tests.audit.place import Place
from host_tests.audit.row import Probe, here
from host_tests.twin.coap_device import login_body
from tools import toolchain

ALIBABA = "iot-as-http.cn-shanghai.aliyuncs.com"
SAMPLE = ("a1GFjLPXXXX", "device123")


def curl(
    place: Place,
    way: tuple[str, str],
    url: str,
    body: bytes | str | None = None,
    headers: Sequence[str] = (),
    *,
    method: str = "POST",
    more: tuple[str, ...] = (),
) -> tuple[str, str]:
    """Status and body; without an answer "curl N", its exit status, and what it printed."""
    door = place.twin.way(*way)
    command = [here(toolchain.curl), "--silent", "--show-error", "--max-time", "20"]
    command += ["--cacert", place.ca, "--noproxy", "*", "-X", method, "-w", "\n%{http_code}"]
    command += ["--connect-to", f"::{door['address']}:{door['port']}", *more]
    command += [word for header in headers for word in ("-H", header)]
    command += [] if body is None else ["--data-binary", "@-"]
    data = body.encode() if isinstance(body, str) else body
    done = subprocess.run([*command, url], input=data or b"", capture_output=True, check=False)
    if done.returncode:
        return f"curl {done.returncode}", done.stderr.decode(errors="replace")
    text, _, status = done.stdout.decode(errors="replace").rpartition("\n")
    return status, text


def _code(answer: tuple[str, str]) -> str:
    """The status, and Alibaba's `code` where there is one."""
    status, text = answer
    try:
        return f"{status} {json.loads(text)['code']}"
    except (ValueError, KeyError, TypeError):
        return status


def signed(device: tuple[str, str], secret: str, digest: str = "md5", **fields: Any) -> dict:
    """The fields of /auth with their signature; None leaves one out."""
    own = {"productKey": device[0], "deviceName": device[1], "clientId": "c1"}
    return login_body({**own, **fields}, secret, digest)


def auth(
    digest: str = "md5",
    *,
    device: tuple[str, str] = SAMPLE,
    age_s: float | None = None,
    content_type: str = "application/json",
    method: str = "POST",
    upper: bool = False,
    host: str = "",
    **fields: Any,
) -> Probe:
    """Status and code of /auth.

    age_s: of the timestamp; default: none is sent. host: a Host that the URL does not have.
    """

    def ask(place: Place) -> str:
        if age_s is not None:
            fields["timestamp"] = str(int((time.time() - age_s) * 1000))
        body = signed(device, "secret", digest, **fields)
        if upper:
            body["sign"] = body["sign"].upper()
        answer = curl(
            place,
            ("alibaba", "https"),
            f"https://{ALIBABA}/auth",
            json.dumps(body),
            (
                f"Content-Type: {content_type}" if content_type else "Content-Type:",
                *((f"Host: {host}",) if host else ()),
            ),
            method=method,
        )
        return _code(answer)

    return Probe("curl", ask)


def _token(place: Place) -> str:
    """The token of the sample device, asked for once."""
    if "https token" not in place.kept:
        place.kept["https token"] = json.loads(_login(place))["info"]["token"]
    return str(place.kept["https token"])


def _login(place: Place) -> str:
    """What /auth answers the sample device."""
    body, headers = json.dumps(signed(SAMPLE, "secret")), ["Content-Type: application/json"]
    return curl(place, ("alibaba", "https"), f"https://{ALIBABA}/auth", body, headers)[1]


def topic(
    path: str = "/a1GFjLPXXXX/device123/user/pub",
    body: bytes = b"21.5",
    *,
    content_type: str = "application/octet-stream",
    token: str | None = None,
    method: str = "POST",
    order: dict[str, Any] | None = None,
) -> Probe:
    """Status and code of /topic.

    token: default that of /auth. order: a fault of the twin first.
    """

    def ask(place: Place) -> str:
        given = _token(place) if token is None else token
        if order:
            place.twin.fault(**order)
            place.kept.clear()
        headers = (f"Content-Type: {content_type}" if content_type else "Content-Type:",)
        headers += (f"password:{given}",) if given else ()
        url = f"https://{ALIBABA}/topic{path}"
        return _code(curl(place, ("alibaba", "https"), url, body, headers, method=method))

    return Probe("curl", ask)


def ordered(fault: dict[str, Any], probe: Probe, *after: dict[str, Any]) -> Probe:
    """What is seen after a fault of the twin. after: faults that mend it."""

    def ask(place: Place) -> object:
        place.twin.fault(**fault)
        try:
            return probe.ask(place)
        finally:
            for mend in after:
                place.twin.fault(**mend)

    return Probe(probe.client, ask)


def answers(path: str) -> Probe:
    """The body that Alibaba answers with, as text."""

    def ask(place: Place) -> str:
        if path == "/auth":
            return _login(place)
        headers = ("Content-Type: application/octet-stream", f"password: {_token(place)}")
        return curl(place, ("alibaba", "https"), f"https://{ALIBABA}{path}", "21.5", headers)[1]

    return Probe("curl", ask)


def event(
    url: str,
    user: str = "use-token-auth:token-of-devid",
    way: str = "https",
) -> Probe:
    """The status of an event that is posted to Watson."""

    def ask(place: Place) -> str:
        more = ("--user", user) if user else ()
        headers = ["Content-Type: application/json"]
        return curl(place, ("watson", way), url, '{"t": 21.5}', headers, more=more)[0]

    return Probe("curl", ask)


def plain(cloud: str, way: str, url: str) -> Probe:
    """What a request without TLS gets at a port."""
    return Probe("curl", lambda place: curl(place, (cloud, way), url, "{}")[0])
