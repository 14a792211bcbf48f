"""Does the firmware image do as a board what the virtual board does, and reach each cloud?"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from host_tests.board.conftest import flash, signet_board
from host_tests.device.conftest import Device
from host_tests.support import Twin
from tools import toolchain
from tools.board.virtual import VirtualBoard
from tools.ui import UserError

PROGRAMS = {"/board.py", "/boot.py", "/main.py", "/device.json"}


def test_without_an_image_it_says_how_to_get_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(toolchain, "CACHE", tmp_path)
    with pytest.raises(UserError, match="run `make firmware`"):
        VirtualBoard(tmp_path / "board").create(image=True)
    assert not (tmp_path / "board").exists()


@pytest.mark.usefixtures("image")
def test_a_deployment_sends_all_but_what_is_frozen(
    tmp_path: Path, config: Callable[..., dict[str, Any]]
) -> None:
    folder = tmp_path / "board"
    file = tmp_path / "device.json"
    file.write_text(json.dumps(config("enos")))
    deploy = ("deploy", "--config", file, "--folder", folder)
    signet_board("create", "--image", "--folder", folder)
    assert "4 of 4 files copied" in signet_board(*deploy)
    assert set(flash(folder)) == PROGRAMS | {"/.signet"}
    assert "0 of 4 files copied" in signet_board(*deploy)
    assert "counts before what is in /lib" in signet_board(*deploy, "--plain", status=2)


@pytest.mark.parametrize(
    ("cloud", "way"),
    [
        ("enos", "mqtt"),
        ("alibaba", "mqtts"),
        ("watson", "mqtts"),
        ("watson", "wss"),
        ("watson", "https"),
    ],
)
def test_reports_are_stored_and_a_command_is_obeyed(
    device: Device, twin: Twin, config: Callable[..., dict[str, Any]], cloud: str, way: str
) -> None:
    after = twin.last_id()
    polls = {"command_poll_s": 1} if way == "https" else {}
    device.run(config(cloud, way, **polls))
    device.wait_for("^report 3 stored")
    twin.wait_for_messages(cloud, 3, after, direction="up", status="stored")
    answer = twin.command(cloud, "set", {"led": 1})
    assert device.wait_for(r"^command set: .*(?=\n)") == "command set: {'led': 1}"
    if cloud != "watson":  # Watson's devices do not answer commands
        assert answer["reply"]["data"] == {"led": 1}
    assert "Warning" not in device.output(), "of lwIP's sockets, about an option"


@pytest.mark.parametrize(
    ("way", "modem"),
    [("https", None), ("coap", None), ("coap", "bg95"), ("coaps", "bg95")],
)
def test_reports_are_stored_where_no_command_comes(
    device: Device,
    twin: Twin,
    config: Callable[..., dict[str, Any]],
    way: str,
    modem: str | None,
) -> None:
    after = twin.last_id()
    device.run(config("alibaba", way, modem=modem and {"family": modem}))
    device.wait_for("^report 3 stored")
    twin.wait_for_messages("alibaba", 3, after, direction="up", status="stored")


@pytest.mark.proof  # it waits for the handshake's time-out
def test_dtls_over_lwip_says_in_a_line_what_it_lacks(
    device: Device, config: Callable[..., dict[str, Any]]
) -> None:
    """extmod/modlwip.c keeps one datagram a socket in MicroPython 1.25, four from 1.26 on."""
    device.run(config("alibaba", "coaps"))
    said = device.wait_for(r"^not connected: .*(?=\n)", 60)
    assert re.search(r"keeps one datagram, from MicroPython 1\.26 on four", said)
