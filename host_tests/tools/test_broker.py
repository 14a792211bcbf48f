"""Does `signet broker` keep the device.json that it finds, and let in nobody else?

That a board gets there by the commands of the README is in test_walk_through.py.
"""

import json
import socket
import subprocess

import pytest

from tools import toolchain
from tools.mosquitto import CONFIG, device_json, plain_broker
from tools.ui import UserError

_THEIRS = {"cloud": "broker", "tls": False, "user": "u", "password": "p"}


def _publish(config, *login):
    command = [toolchain.mosquitto("mosquitto_pub"), "-p", str(config["port"]), *login]
    done = subprocess.run(
        [*command, "-t", "a", "-n"], capture_output=True, text=True, timeout=60, check=False
    )
    return done.stderr.strip()


def test_who_does_not_give_its_user_and_password_is_refused(tmp_path):
    device_json(tmp_path, port=0)
    with plain_broker(tmp_path) as config:
        assert not _publish(config, "-u", config["user"], "-P", config["password"])
        for login in ((), ("-u", config["user"], "-P", "wrong")):
            assert "not authorised" in _publish(config, *login)


def test_a_device_json_that_is_there_keeps_all_but_what_is_given(tmp_path):
    file = device_json(tmp_path, port=0)
    assert file.stat().st_mode & 0o777 == 0o600
    values = json.loads(file.read_text()) | {"client_id": "meter-7", "qos": 0}
    file.write_text(json.dumps(values))
    assert device_json(tmp_path) == file
    assert json.loads(file.read_text()) == values
    device_json(tmp_path, host="192.0.2.7", port=1884)
    assert json.loads(file.read_text()) == values | {"host": "192.0.2.7", "port": 1884}


@pytest.mark.parametrize("wrong", [{"cloud": "enos"}, {"tls": True}, {"user": None}], ids=str)
def test_a_device_json_for_something_else_is_refused(tmp_path, wrong):
    (tmp_path / CONFIG).write_text(json.dumps(_THEIRS | wrong))
    with pytest.raises(UserError, match="is not for a plain broker"), plain_broker(tmp_path):
        pass


def test_a_port_that_is_in_use_is_named(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        device_json(tmp_path, port=port)
        with pytest.raises(UserError, match=rf"port {port} of 127\.0\.0\.1 is in use"):
            plain_broker(tmp_path).__enter__()


@pytest.mark.parametrize("host", ["192.0.2.7", "0.0.0.0"])
def test_what_is_no_address_of_this_machine_is_no_place_to_listen(tmp_path, host):
    with pytest.raises(UserError, match=rf"cannot listen on {host}: .*of this machine"):
        device_json(tmp_path, host=host)
    assert not (tmp_path / CONFIG).exists()
