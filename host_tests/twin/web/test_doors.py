"""Where are the HTTP ways in, and how is a device told?

Ports and hosts: Alibaba Cloud, "Establish connections over HTTP"; "Connecting applications,
devices, and gateways" (Watson).
"""

import errno
import json
import socket
import subprocess

import pytest

from host_tests.support import Twin
from tools.twin import listen
from tools.twin.clouds.doors import DOORS
from tools.ui import UserError


def test_the_ready_file_has_watsons_plain_port_twice(twin: Twin) -> None:
    assert twin.way("watson", "http") == twin.way("watson", "mqtt")
    assert not twin.way("watson", "http")["tls"]
    assert twin.way("watson", "https")["tls"]
    assert twin.way("alibaba", "https")["host"] == "iot-as-http.cn-shanghai.aliyuncs.com"
    assert "http" not in twin.ready["clouds"]["alibaba"]["ways"]


@pytest.mark.parametrize(
    ("cloud", "way", "tls"),
    [("alibaba", "https", True), ("watson", "https", True), ("watson", "http", False)],
)
def test_config_prints_a_device_json_for_http(twin: Twin, cloud: str, way: str, tls: bool) -> None:
    config = json.loads(twin.cli("config", cloud, "--way", way))
    assert config == twin.device_config(cloud, way)
    assert (config["way"], config["tls"], config["insecure"]) == ("http", tls, not tls)
    assert config["port"] == twin.way(cloud, way)["port"]


def test_watson_speaks_http_where_it_speaks_mqtt_and_on_443() -> None:
    doors = [d for d in DOORS if d.cloud == "watson" and "http" in d.speaks]
    assert {(door.port, door.tls) for door in doors} == {(443, True), (8883, True), (1883, False)}


def _forbid(monkeypatch: pytest.MonkeyPatch) -> None:
    bind = listen.bind

    def forbidden(kind: socket.SocketKind, address: str, port: int) -> socket.socket:
        if port == 443:
            raise OSError(errno.EACCES, "Permission denied")
        return bind(kind, address, port)

    monkeypatch.setattr(listen, "bind", forbidden)


_DOOR = next(door for door in DOORS if door.key == "alibaba-https")


def test_without_the_right_to_443_a_free_port_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    _forbid(monkeypatch)
    listener, why = listen.listen(_DOOR, None)
    with listener:
        assert listener.getsockname()[1] not in (0, 443)
    assert why == "not permitted"


def test_443_that_was_asked_for_without_the_right_to_it_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _forbid(monkeypatch)
    with pytest.raises(UserError, match=r"127.0.0.2:443 for alibaba-https: Permission denied, as"):
        listen.listen(_DOOR, 443)


def test_config_with_tls_for_http_names_the_way_with_tls(twin: Twin) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        twin.cli("config", "watson", "--way", "http", "--tls")
    assert "HTTP over TLS is --way https" in refused.value.stderr
