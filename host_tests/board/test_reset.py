"""How does the virtual board reset, sleep and get bitten?  (docs/library/machine.rst)"""

from collections.abc import Callable

from host_tests.board.conftest import PROMPT, Serial
from tools.board.virtual import VirtualBoard

_CAUSE = "import machine; print('cause', machine.reset_cause())\r"


def test_power_gives_cause_1(board: VirtualBoard, serial: Serial) -> None:
    board.wait_for("^cause 1$", since=serial.type(_CAUSE))


def test_machine_reset_gives_cause_2(board: VirtualBoard, serial: Serial) -> None:
    board.wait_for(r"MicroPython v", since=serial.type("import machine; machine.reset()\r"))
    board.wait_for("^cause 2$", since=serial.type(_CAUSE))


def test_a_reset_runs_no_finally_clause(board: VirtualBoard, serial: Serial) -> None:
    text = "import machine\rtry: machine.reset()\rfinally: print('not' + ' run')\r\r"
    since = serial.type(text)
    board.wait_for("MicroPython v", since=since)
    assert "not run" not in board.output()


def test_deep_sleep_restarts_with_cause_4_and_keeps_rtc_memory(
    board: VirtualBoard, serial: Serial
) -> None:
    text = "import machine; machine.RTC().memory(b'\\x00\\xffkept'); machine.deepsleep(50)\r"
    board.wait_for("MicroPython v", since=serial.type(text))
    board.wait_for("^cause 4$", since=serial.type(_CAUSE))
    since = serial.type("print(machine.RTC().memory())\r")
    board.wait_for(r"^b'\\x00\\xffkept'$", since=since)


def test_a_power_cut_empties_rtc_memory(board: VirtualBoard, serial: Serial) -> None:
    text = "import machine; machine.RTC().memory(b'gone'); print('set')\r"
    board.wait_for("^set$", since=serial.type(text))
    board.power_cut()
    board.start()
    since = serial.type("import machine; print(machine.RTC().memory())\r")
    board.wait_for(r"^b''$", since=since)


def test_a_board_asleep_for_ever_wakes_by_its_reset_button(
    board: VirtualBoard, serial: Serial
) -> None:
    before = serial.type("import machine; print('bye'); machine.deepsleep()\r")
    board.wait_for("^bye$", since=before)
    board.reset()
    board.wait_for(PROMPT, since=before)
    board.wait_for("^cause 1$", since=serial.type(_CAUSE))


def test_an_unfed_watchdog_restarts_the_board_with_cause_3(
    board: VirtualBoard, serial: Serial
) -> None:
    text = "import machine; w = machine.WDT(timeout=50)\rwhile True: pass\r\r"
    board.wait_for("MicroPython v", since=serial.type(text))
    board.wait_for("^cause 3$", since=serial.type(_CAUSE))


def test_a_fed_watchdog_does_nothing(board: VirtualBoard, serial: Serial) -> None:
    text = (
        "import machine, time; w = machine.WDT(timeout=1000)\r"
        "for n in range(30): w.feed(); time.sleep_ms(40)\r\rprint('still' + ' here')\r"
    )
    since = serial.type(text)
    board.wait_for("^still here$", since=since)
    assert "MicroPython v" not in board.output(since)


def test_a_soft_reset_does_not_stop_the_watchdog(board: VirtualBoard, serial: Serial) -> None:
    since = serial.type("import machine; w = machine.WDT(timeout=2000)\r\x04")
    match = board.wait_for(r"soft reboot\nMicroPython v", since=since)
    board.wait_for("MicroPython v", since=match.end())
    board.wait_for("^cause 3$", since=serial.type(_CAUSE))


def test_a_crash_of_micropython_restarts_the_board(board: VirtualBoard, serial: Serial) -> None:
    since = serial.type("import machine; machine.mem32[0]\r")
    match = board.wait_for("virtual board: MicroPython ended with status -11", since=since)
    board.wait_for(PROMPT, since=match.end())


def test_mpremote_gets_in_while_the_board_keeps_restarting(
    board: VirtualBoard, put: Callable[..., None], mpremote: Callable[..., str]
) -> None:
    put(main="import time, machine\ntime.sleep_ms(2000)\nmachine.reset()")
    board.reset()
    assert mpremote("exec", "print('in')") == "in\n"
