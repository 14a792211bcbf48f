"""Is the serial line of the virtual board that of a board?  (docs/reference/repl.rst)"""

import os
import random
import time
from collections.abc import Callable

import pytest

from host_tests.board.conftest import PROMPT, Serial
from tools.board.virtual import VirtualBoard


def test_an_expression_prints_its_value(board: VirtualBoard, serial: Serial) -> None:
    board.wait_for("^42$", since=serial.type("6 * 7\r"))


def test_a_block_goes_on_until_an_empty_line(board: VirtualBoard, serial: Serial) -> None:
    since = serial.type("def f(x):\r  if x:\r    return x\r  return 5\r\rf(0) + f(2)\r")
    board.wait_for("^7$", since=since)


def test_brackets_go_on_over_lines(board: VirtualBoard, serial: Serial) -> None:
    board.wait_for("^6$", since=serial.type("sum((1,\r2,\r3))\r"))


def test_backspace_takes_a_character_back(board: VirtualBoard, serial: Serial) -> None:
    board.wait_for("^12$", since=serial.type("13\x7f2\r"))


def test_ctrl_c_drops_the_line(board: VirtualBoard, serial: Serial) -> None:
    since = serial.type("1 +\x0340 + 2\r")
    board.wait_for("^42$", since=since)


def test_ctrl_d_on_an_empty_line_resets_softly(board: VirtualBoard, serial: Serial) -> None:
    board.wait_for(r"MPY: soft reboot\nMicroPython v", since=serial.type("\x04"))


def test_ctrl_e_pastes_a_program_as_it_is(board: VirtualBoard, serial: Serial) -> None:
    since = serial.type("\x05for n in (1, 2):\r\r    print(n)\rprint('end')\x04")
    board.wait_for("^1\n2\nend$", since=since)


def test_ctrl_a_and_ctrl_b_change_between_the_repls(board: VirtualBoard, serial: Serial) -> None:
    serial.type("\x01print('raw')\x04")
    answer = serial.read_until(b"\x04\x04>")
    assert answer.endswith(b"raw REPL; CTRL-B to exit\r\n>OKraw\r\n\x04\x04>")
    board.wait_for(r"MicroPython v.*\n.*\n>>> \Z", since=serial.type("\x02"))


def test_a_plain_raw_program_may_be_interrupted(board: VirtualBoard, serial: Serial) -> None:
    serial.type("\x01print('on')\rwhile True: pass\x04")
    serial.read_until(b"on\r\n")
    serial.type("\x03")
    answer = serial.read_until(b"\x04>")
    assert answer.endswith(b"KeyboardInterrupt: \r\n\x04>")


def test_raw_paste_may_be_given_up(board: VirtualBoard, serial: Serial) -> None:
    serial.type("\x01\x05A\x01print(1)\x03print(2)\x04")
    answer = serial.read_until(b"2\r\n\x04\x04>")
    assert b"R\x01\x80\x00\x01\x04" in answer


def test_line_ends_are_those_of_a_board(board: VirtualBoard, serial: Serial) -> None:
    serial.type("print('a\\nb')\r")
    serial.read_until(b"a\r\nb\r\n>>> ")


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "while True: time.sleep_ms(1)",
        "while True: x = [n for n in range(50)]",
        "while True: f = open('f', 'w'); f.flush(); f.close()",
        "while True: print('.', end=''); time.sleep_us(100)",
    ],
    ids=["busy", "sleeping", "allocating", "writing", "printing"],
)
def test_ctrl_c_at_any_moment_leads_to_a_prompt_that_works(
    board: VirtualBoard, serial: Serial, program: str
) -> None:
    moments = random.Random(7)
    for number in range(6):
        since = serial.type(f"import time; print('run', {number} + 100)\r{program}\r\r")
        match = board.wait_for(f"^run {number + 100}$", since=since)
        time.sleep(moments.uniform(0, 0.02))
        serial.type("\x03")
        match = board.wait_for("KeyboardInterrupt: \n", since=match.end())
        board.wait_for(PROMPT, since=match.end())
        since = serial.type("x = bytearray(20000); open('ok', 'w').close(); 1000 + 1\r")
        board.wait_for("^1001$", since=since)


def test_a_held_ctrl_c_does_no_harm(board: VirtualBoard, serial: Serial) -> None:
    since = serial.type("while True: pass\r\r")
    serial.type("\x03" * 20)
    board.wait_for("KeyboardInterrupt", since=since)
    board.wait_for("^42$", since=serial.type("\r6 * 7\r"))


def test_a_program_may_catch_ctrl_c(board: VirtualBoard, serial: Serial) -> None:
    text = (
        "import time\rtry: print('sle' + 'eps'); time.sleep(100)\r"
        "except KeyboardInterrupt: print('cau' + 'ght')\r\r"
    )
    since = serial.type(text)
    board.wait_for("^sleeps$", since=since)
    serial.type("\x03")
    board.wait_for("^caught$", since=since)


def test_a_busy_program_that_will_not_end_is_reset(board: VirtualBoard, serial: Serial) -> None:
    text = (
        "print('no' + 'w')\rwhile True:\r try:\r  while True: pass\r"
        " except KeyboardInterrupt: pass\r\r"
    )
    board.wait_for("^now$", since=serial.type(text))
    board.wait_for("KeyboardInterrupt: \nMPY: soft reboot\n", since=serial.type("\x03"))
    board.wait_for("^42$", since=serial.type("6 * 7\r"))


def test_kbd_intr_makes_byte_3_data(board: VirtualBoard, serial: Serial) -> None:
    text = (
        "import micropython, sys; micropython.kbd_intr(-1); print('rea' + 'dy'); "
        "b = sys.stdin.buffer.read(2); micropython.kbd_intr(3); print('got', b)\r"
    )
    board.wait_for("^ready$", since=serial.type(text))
    board.wait_for(r"^got b'\\x03\\x04'$", since=serial.type("\x03\x04"))


def test_what_mpremote_does_stays_out_of_the_output(
    board: VirtualBoard, mpremote: Callable[..., str]
) -> None:
    mpremote("exec", "print('between us')")
    assert "between us" not in board.output()


def test_what_is_sent_just_before_the_line_closes_arrives(board: VirtualBoard) -> None:
    for number in range(20):
        before = board.printed
        line = os.open(board.device, os.O_RDWR | os.O_NOCTTY)
        os.write(line, f"print({number} + 100)\r".encode())
        os.close(line)
        board.wait_for(f"^{number + 100}$", since=before)
