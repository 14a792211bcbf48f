"""What runs when the board starts?  As on the ESP32 (ports/esp32/main.c)."""

from collections.abc import Callable

from host_tests.board.conftest import PROMPT, Serial
from tools.board.virtual import VirtualBoard


def test_boot_py_then_main_py_then_the_prompt(
    board: VirtualBoard, put: Callable[..., None]
) -> None:
    put(boot="print('this is boot'); a = 1", main="print('this is main', a)")
    before = board.printed
    board.reset()
    match = board.wait_for(r"this is boot\nthis is main 1\n", since=before)
    board.wait_for(PROMPT, since=match.end())


def test_main_py_does_not_run_for_the_raw_repl(
    board: VirtualBoard, put: Callable[..., None], mpremote: Callable[..., str]
) -> None:
    put(boot="b = 1", main="m = 1")
    assert mpremote("exec", "print('b' in dir(), 'm' in dir())") == "True False\n"


def test_main_py_does_not_run_when_boot_py_fails(
    board: VirtualBoard, put: Callable[..., None]
) -> None:
    put(boot="1 // 0", main="print('main')")
    before = board.printed
    board.reset()
    board.wait_for(PROMPT, since=before)
    text = board.output(before)
    assert 'File "boot.py", line 1, in <module>\nZeroDivisionError: divide by zero' in text
    assert "main" not in text


def test_an_exception_in_main_py_leads_to_the_prompt(
    board: VirtualBoard, put: Callable[..., None]
) -> None:
    put(main="import nothing_here")
    before = board.printed
    board.reset()
    board.wait_for(PROMPT, since=before)
    assert (
        board.output(before)
        .lstrip()
        .startswith(
            'Traceback (most recent call last):\n  File "main.py", line 1, in <module>\n'
            "ImportError: no module named 'nothing_here'\n"
        )
    )


def test_sys_exit_in_main_py_resets_the_board_softly(
    board: VirtualBoard, put: Callable[..., None]
) -> None:
    put(
        main="import sys, machine\n"
        "print('cause', machine.reset_cause())\n"
        "if machine.reset_cause() != machine.SOFT_RESET: sys.exit()"
    )
    before = board.printed
    board.reset()
    board.wait_for(r"cause 1\nMPY: soft reboot\ncause 5\n", since=before)


def test_ctrl_c_stops_main_py_and_leads_to_the_prompt(
    board: VirtualBoard, put: Callable[..., None], terminal: Callable[[], Serial]
) -> None:
    put(main="import time\nprint('up')\nwhile True: time.sleep(1)")
    serial = terminal()
    before = board.printed
    board.reset()
    board.wait_for("up", since=before)
    board.wait_for(PROMPT, since=serial.type("\x03"))
    assert "KeyboardInterrupt" in board.output(before)


def test_bytes_sent_while_the_board_boots_reach_it(
    board: VirtualBoard, mpremote: Callable[..., str], put: Callable[..., None]
) -> None:
    put(main="import time\nwhile True: time.sleep(1)")
    for _ in range(5):
        board.reset()
        assert mpremote("exec", "print('in')") == "in\n"


def test_sys_path_is_that_of_an_esp32(mpremote: Callable[..., str]) -> None:
    assert mpremote("eval", "__import__('sys').path") == "['', '.frozen', '/lib']\n"


def test_the_host_file_system_is_not_there(mpremote: Callable[..., str]) -> None:
    program = (
        "import os\nprint(os.getcwd(), os.listdir('/'))\n"
        "for p in ('/etc/passwd', '/tmp', '..', '/..', '/proc/self'):\n"
        "  try: print(p, os.listdir(p) if p.endswith('.') else os.stat(p))\n"
        "  except OSError as e: print(p, e.errno)"
    )
    lines = mpremote("exec", program).splitlines()
    assert lines[0] == "/ []"
    assert all(line.endswith((" 2", "[]", " 22")) for line in lines[1:]), lines


def test_the_host_environment_is_not_there(
    mpremote: Callable[..., str],
) -> None:
    assert mpremote("exec", "import os; print(os.getenv('PATH'), os.getenv('HOME'))") == (
        "None None\n"
    )


def test_a_board_without_a_file_system_says_so(board: VirtualBoard) -> None:
    board.stop()
    board.image.write_bytes(bytes(64 * 1024))
    with board:
        board.wait_for("The flash holds no file system")
        board.wait_for(PROMPT)


def test_soft_reset_gives_back_the_whole_heap(board: VirtualBoard, serial: Serial) -> None:
    serial.type("a = bytearray(90000)\r")
    board.wait_for("soft reboot", since=serial.type("\x04"))
    since = serial.type("b = bytearray(90000); print('got', len(b))\r")
    board.wait_for("^got 90000", since=since)
