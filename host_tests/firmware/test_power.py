"""Does a device on the firmware image live through what only a real reset does?

Deep sleep, power that fails at any moment, a program that hangs, and a clock that begins in 2000.
test_machine.py has what `machine` promises; here signet, frozen, has to go on.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.board.conftest import TimeServer
from host_tests.device import test_deep_sleep
from host_tests.device.coap_programs import FAST
from host_tests.device.conftest import Device
from host_tests.support import Twin
from tools.bench import faults_board
from tools.bench.faults import verdict
from tools.board.deploy import BOARDS
from tools.board.virtual import VirtualBoard

Config = Callable[..., dict[str, Any]]


def board_file(old: str, new: str) -> dict[str, bytes]:
    """The image's board.py, with another setting."""
    text = (BOARDS / "qemu" / "board.py").read_text()
    assert text.count(old) == 1
    return {"/board.py": text.replace(old, new).encode()}


# Nothing here but board.feed is there for the watchdog.
_HANGS = """
import board, machine, signet
from signet import clock

def hang(command):
    while True:
        pass

print("cause", machine.reset_cause())
clock.while_waiting = board.feed
link = signet.open("device.json", board)
link.on_command = hang
while True:
    link.report({"n": 1})
    link.poll(500)
"""


@pytest.mark.proof  # an outage longer than the watchdog takes its time
def test_the_watchdog_bites_a_program_that_hangs_and_none_that_waits(
    device: Device, twin: Twin, config: Config
) -> None:
    device.run(config("alibaba", "mqtts"), _HANGS, more=board_file("30_000", "5_000"))
    device.wait_for("^report 1 stored")
    twin.fault("kill_broker")
    device.wait_for("^not connected")
    time.sleep(7)
    twin.fault("start_broker")
    device.wait_for("^not connected(?s:.*)^connected(?s:.*)^report [0-9]+ stored", 60)
    assert "cause 3" not in device.output()
    with contextlib.suppress(Exception):  # nobody answers it
        twin.command("alibaba", "set", {"led": 1})
    device.wait_for("^cause 3\n(?s:.*)^report [0-9]+ stored", 60)


_IMAGE_WAYS = [way for way in faults_board.WAYS if way.way != "coaps"]  # lwIP has no room for it
_KILLED, _HALF_OPEN = (
    fault for fault in faults_board.FAULTS if fault.name in ("board killed, 0 s", "half-open")
)
_ROWS = [(_KILLED, way) for way in _IMAGE_WAYS]
_ROWS += [(_HALF_OPEN, way) for way in _IMAGE_WAYS if way.cloud == "alibaba"]


@pytest.fixture(scope="module")
def strike(image: Path) -> Iterator[faults_board.Strike]:
    with faults_board.stage(image=True) as strike:
        yield strike


@pytest.mark.proof
@pytest.mark.parametrize(
    ("fault", "way"), [pytest.param(*row, id=f"{row[0].name}, {row[1].way}") for row in _ROWS]
)
def test_what_was_accepted_is_stored_whenever_qemu_is_killed(
    strike: faults_board.Strike, fault: faults_board.Fault, way: Any
) -> None:
    row = strike(fault, way)
    assert row.audit.passed, verdict([row])


@pytest.fixture
def unset(image: Path, twin: Twin, tmp_path: Path) -> Iterator[tuple[Device, VirtualBoard]]:
    """A board whose clock begins in 2000 when power comes."""
    with VirtualBoard(tmp_path / "board", clock=False).create(image=True) as board:
        device = Device(board, twin)
        yield device, board
        device.mark()


def _asks(server: TimeServer) -> dict[str, bytes]:
    return board_file("time_servers = []", f"time_servers = [('ntp', '127.0.0.1', {server.port})]")


def test_no_certificate_counts_until_somebody_says_what_time_it_is(
    unset: tuple[Device, VirtualBoard], config: Config, time_server: TimeServer
) -> None:
    device, _ = unset
    told, time_server.head = time_server.head, b"\xe4\0"  # kiss of death
    device.run(config("alibaba", "mqtts"), more=_asks(time_server))
    device.wait_for("^boot: the clock is not set yet")
    device.wait_for("^not connected: .*not valid yet.*clock")
    assert "stored" not in device.output()
    time_server.head = told
    device.wait_for("^report 1 stored", 60)


@pytest.mark.proof  # the next try to set a clock comes later each time
def test_reports_of_a_clock_that_was_never_set_have_no_time(
    unset: tuple[Device, VirtualBoard], twin: Twin, config: Config, time_server: TimeServer
) -> None:
    device, _ = unset
    after = twin.last_id()
    told, time_server.head = time_server.head, b"\xe4\0"
    device.run(config("alibaba", "coap", **FAST), more=_asks(time_server))
    device.wait_for("^the clock is not set; reports go without their time")
    device.wait_for("^report 1 stored")
    (first,) = twin.wait_for_messages("alibaba", 1, after, direction="up", status="stored")[:1]
    assert '"time"' not in first["payload"]
    time_server.head = told
    device.wait_for("^report 9 stored", 60)
    last = twin.messages("alibaba", after)[-1]
    assert '"time"' in last["payload"]


def test_a_board_that_sleeps_asks_for_the_time_only_after_a_power_cut(
    unset: tuple[Device, VirtualBoard], config: Config, time_server: TimeServer
) -> None:
    device, board = unset
    sleeps = config("alibaba", "coap", deep_sleep=True, **FAST)
    device.run(sleeps, more=_asks(time_server))
    device.wait_for("(^report 1 stored(?s:.*)){3}")
    assert time_server.asked == 1
    device.mark()
    board.power_cut()
    board.start()
    device.wait_for("(^report 1 stored(?s:.*)){2}")
    assert time_server.asked == 2


@pytest.mark.proof
def test_reports_of_a_night_without_network_arrive_in_the_morning(
    device: Device, twin: Twin, config: Config
) -> None:
    night = test_deep_sleep.test_reports_of_a_night_without_network_arrive_in_the_morning
    night(device, twin, config)
