"""Is the firmware image a board?  What the virtual board promises, and what only the image can.

(docs/library/machine.rst, machine.UART.rst, network.LAN.rst)
"""

# ruff: noqa: F401 what is imported are the virtual board's tests, which run here on the image

import hashlib
import os
import random
import socket
import subprocess
import tty
from collections.abc import Callable
from pathlib import Path

from host_tests.board.conftest import PROMPT, Serial
from host_tests.board.test_boot import (
    test_an_exception_in_main_py_leads_to_the_prompt,
    test_boot_py_then_main_py_then_the_prompt,
    test_ctrl_c_stops_main_py_and_leads_to_the_prompt,
    test_main_py_does_not_run_for_the_raw_repl,
    test_main_py_does_not_run_when_boot_py_fails,
    test_soft_reset_gives_back_the_whole_heap,
    test_sys_exit_in_main_py_resets_the_board_softly,
    test_sys_path_is_that_of_an_esp32,
)
from host_tests.board.test_mpremote import (
    test_a_killed_mpremote_leaves_a_board_that_answers,
    test_a_program_that_floods_the_line_does_not_block_mpremote,
    test_fs_commands,
    test_mount_imports_and_reads_files_of_the_host,
    test_mpremote_interrupts_what_runs,
    test_names_stay_between_steps_and_go_with_a_soft_reset,
    test_output_is_whole_when_mpremote_reads_slowly,
    test_reset_restarts_the_board,
    test_resume_keeps_names,
    test_run_takes_a_program_of_32_kib,
)
from host_tests.board.test_reset import (
    test_a_board_asleep_for_ever_wakes_by_its_reset_button,
    test_a_fed_watchdog_does_nothing,
    test_a_power_cut_empties_rtc_memory,
    test_a_reset_runs_no_finally_clause,
    test_a_soft_reset_does_not_stop_the_watchdog,
    test_an_unfed_watchdog_restarts_the_board_with_cause_3,
    test_deep_sleep_restarts_with_cause_4_and_keeps_rtc_memory,
    test_machine_reset_gives_cause_2,
    test_mpremote_gets_in_while_the_board_keeps_restarting,
    test_power_gives_cause_1,
)
from host_tests.board.test_serial import (
    test_a_program_may_catch_ctrl_c,
    test_ctrl_a_and_ctrl_b_change_between_the_repls,
    test_ctrl_e_pastes_a_program_as_it_is,
    test_raw_paste_may_be_given_up,
)
from tools.board import qemu
from tools.board.virtual import VirtualBoard

Mpremote = Callable[..., str]


def test_the_serial_line_carries_every_byte(mpremote: Mpremote, tmp_path: Path) -> None:
    content = bytes(range(256)) * 8
    (tmp_path / "up").write_bytes(content)
    mpremote("fs", "cp", str(tmp_path / "up"), ":x", "+", "fs", "cp", ":x", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == content


def test_the_clock_begins_in_2000_and_outlives_all_but_a_power_cut(
    tmp_path: Path, image: Path
) -> None:
    with VirtualBoard(tmp_path / "board", clock=False).create(image=True) as board:
        board.wait_for(PROMPT)
        serial = Serial(board)
        for end in (
            "machine.reset()",
            "machine.deepsleep(2000)",
            "w = machine.WDT(timeout=100)\rwhile True: pass\r",
        ):
            since = serial.type("import machine, time; print('year', time.gmtime()[0])\r")
            board.wait_for("^year 20[0-9][0-9]$", since=since)
            since = serial.type(f"machine.RTC().datetime((2031, 5, 6, 0, 7, 8, 20, 0)); {end}\r")
            board.wait_for("MicroPython v", since=since)
            board.wait_for(PROMPT, since=since)
            since = serial.type("import time; print('now', time.gmtime()[:7])\r")
            now = board.wait_for(r"^now \(2031, 5, 6, 7, 8, (\d+), ", since=since)
            assert int(now[1]) >= (22 if "deepsleep" in end else 20)
        serial.close()
        board.power_cut()
        board.start().wait_for(PROMPT)
        serial = Serial(board)
        since = serial.type("import time; print('year', time.gmtime()[0])\r")
        board.wait_for("^year 2000$", since=since)
        serial.close()


def test_a_heap_beyond_its_ram_is_refused_in_a_line(tmp_path: Path, image: Path) -> None:
    command = qemu.command("none", 9 << 20, None, None)
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("heap=: must be 8k to 3")


def test_a_memory_error_shown_in_a_full_heap_does_no_harm(
    board: VirtualBoard, serial: Serial
) -> None:
    since = serial.type("\x05def f():\r x = []\r while True: x = [x, 0]\rf()\r\x04")
    board.wait_for("MemoryError", since=since)
    board.wait_for("^42$", since=serial.type("6 * 7\r"))


def test_a_fault_says_where_and_ends_the_program(board: VirtualBoard, serial: Serial) -> None:
    since = serial.type("import machine; machine.mem32[0x60000000]\r")
    board.wait_for(r"^fault: pc [0-9a-f]{8} lr [0-9a-f]{8} cfsr [0-9a-f]{8}", since=since)
    board.wait_for("ended with status 1", since=since)


def test_no_two_starts_have_the_same_random_numbers(mpremote: Mpremote) -> None:
    asked = "import random, os; print(random.getrandbits(30), os.urandom(8))"
    assert mpremote("exec", asked) != mpremote("exec", asked)


def test_uart_1_keeps_what_comes_while_the_program_works(tmp_path: Path, image: Path) -> None:
    modem, line = os.openpty()
    tty.setraw(line)
    data = random.Random(1).randbytes(4000)
    (tmp_path / "line").symlink_to(os.ttyname(line))
    with VirtualBoard(tmp_path / "board", modem=f"{tmp_path}/line").create(image=True) as board:
        board.wait_for(PROMPT)
        serial = Serial(board)
        serial.type(
            "import hashlib, machine, time; u = machine.UART(1, 115200, rxbuf=2048, timeout=0)\r"
        )
        since = serial.type("print('rea' + 'dy', u.read(), u.any())\r")
        board.wait_for("^ready None 0$", since=since)
        os.write(modem, data)
        serial.type("for n in range(100000): pass\r\rwhile u.any() < 4000: pass\r\r")
        since = serial.type("print(hashlib.sha256(u.read()).digest().hex(), u)\r")
        board.wait_for(f"^{hashlib.sha256(data).hexdigest()} UART.*lost=0", since=since)
        since = serial.type("print(u.write(bytes(range(256)) * 12), u.txdone())\r")
        board.wait_for("^3072 True$", since=since)
        heard = b""
        while len(heard) < 3072:
            heard += os.read(modem, 4096)
        assert heard == bytes(range(256)) * 12
        os.write(modem, b"stale")
        serial.type("while u.any() < 5: pass\r\r")
        since = serial.type("\x04")
        board.wait_for(PROMPT, since=board.wait_for("soft reboot", since=since).end())
        since = serial.type("import machine; u = machine.UART(1); print('now', u.any())\r")
        board.wait_for("^now 0$", since=since)
        board.wait_for("ENODEV$", since=serial.type("u.deinit(); u.write(b'x')\r"))
        serial.close()
    os.close(modem)
    os.close(line)


_TALK = """
import network, socket
lan = network.LAN()
lan.active(True)
while not lan.isconnected():
    pass
s = socket.socket()
s.connect(socket.getaddrinfo("127.0.0.1", {})[0][-1])
data = bytearray(20000)
s.readinto(data)
s.write(data)
"""


def test_tcp_reaches_this_machine_and_a_soft_reset_closes_it(mpremote: Mpremote) -> None:
    data = random.Random(2).randbytes(20_000)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        mpremote("exec", "--no-follow", _TALK.format(server.getsockname()[1]))
        peer, _ = server.accept()
        with peer, peer.makefile("rb") as heard:
            peer.settimeout(20)
            peer.sendall(data)
            assert heard.read(len(data)) == data
            mpremote("soft-reset")
            assert heard.read() == b""


def test_tls_has_memory_of_its_own_which_a_soft_reset_gives_back(mpremote: Mpremote) -> None:
    begin = "import mps2, tls; c = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)"
    ask = "import mps2; print(mps2.tls_memory())"
    held, most = eval(mpremote("exec", begin, "exec", ask))
    assert 0 < held <= most
    assert eval(mpremote("exec", ask))[0] == 0
