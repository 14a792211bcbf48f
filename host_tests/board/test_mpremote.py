"""Does real mpremote drive the virtual board?  (docs/reference/mpremote.rst)"""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from host_tests.board.conftest import PROMPT
from tools import toolchain
from tools.board.virtual import VirtualBoard

Mpremote = Callable[..., str]


def test_exec_prints_what_the_program_prints(mpremote: Mpremote) -> None:
    assert mpremote("exec", "print(6 * 7)") == "42\n"


def test_eval_prints_the_value(mpremote: Mpremote) -> None:
    assert mpremote("eval", "2 ** 70") == f"{2**70}\n"


def test_an_exception_ends_mpremote_with_status_1_and_shows_only_the_users_frames(
    mpremote: Mpremote,
) -> None:
    shown = mpremote("exec", "def f():\n 1 // 0\nf()", status=1)
    assert shown == (
        "Traceback (most recent call last):\n"
        '  File "<stdin>", line 3, in <module>\n'
        '  File "<stdin>", line 2, in f\n'
        "ZeroDivisionError: divide by zero\n"
    )


def test_a_syntax_error_is_shown(mpremote: Mpremote) -> None:
    assert "SyntaxError: invalid syntax" in mpremote("exec", "1 +", status=1)


def test_run_executes_a_local_file(mpremote: Mpremote, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("for n in range(3):\n    print('line', n)\n")
    assert mpremote("run", str(program)) == "line 0\nline 1\nline 2\n"


def test_run_takes_a_program_of_32_kib(mpremote: Mpremote, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("# 0123456789 0123456789\n" * 1400 + "print('ran')\n")
    assert mpremote("run", str(program)) == "ran\n"


def test_names_stay_between_steps_and_go_with_a_soft_reset(mpremote: Mpremote) -> None:
    assert mpremote("exec", "a = 5", "+", "exec", "print(a)") == "5\n"
    assert "NameError" in mpremote("exec", "print(a)", status=1)


def test_resume_keeps_names(mpremote: Mpremote) -> None:
    mpremote("exec", "a = 5")
    assert mpremote("resume", "exec", "print(a)") == "5\n"


def test_no_follow_leaves_the_program_running(board: VirtualBoard, mpremote: Mpremote) -> None:
    mpremote("exec", "--no-follow", "import time\nwhile True:\n time.sleep_ms(20)\n print('tick')")
    board.wait_for("tick\ntick\ntick")
    assert mpremote("exec", "print(1)") == "1\n"


def test_fs_commands(mpremote: Mpremote, tmp_path: Path) -> None:
    local = tmp_path / "a.txt"
    local.write_text("hello\nworld\n")
    mpremote("fs", "mkdir", ":d", "+", "fs", "cp", str(local), ":d/a.txt")
    assert mpremote("fs", "ls", ":d") == "ls :d\n          12 a.txt\n"
    assert mpremote("fs", "cat", ":d/a.txt") == "hello\nworld\n"
    assert mpremote("fs", "tree") == "tree :\n:/\n└── d\n    └── a.txt\n"
    digest = hashlib.sha256(b"hello\nworld\n").hexdigest()
    assert digest in mpremote("fs", "sha256sum", ":d/a.txt")
    assert "Up to date: d/a.txt" in mpremote("fs", "cp", str(local), ":d/a.txt")
    mpremote("fs", "rm", "-r", ":d")
    assert mpremote("fs", "ls") == "ls :\n"


def test_fs_cp_carries_every_byte_both_ways(mpremote: Mpremote, tmp_path: Path) -> None:
    content = bytes(range(256)) * 100 + os.urandom(50_000)
    (tmp_path / "up").write_bytes(content)
    mpremote("fs", "cp", str(tmp_path / "up"), ":x", "+", "fs", "cp", ":x", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == content


def test_fs_cp_copies_folders(mpremote: Mpremote, tmp_path: Path) -> None:
    tree = tmp_path / "pack" / "inner"
    tree.mkdir(parents=True)
    (tree / "m.py").write_text("x = 1\n")
    mpremote("fs", "cp", "-r", str(tmp_path / "pack"), ":")
    assert mpremote("exec", "import pack.inner.m as m; print(m.x)") == "1\n"


def test_df_shows_the_flash(mpremote: Mpremote) -> None:
    lines = mpremote("df").splitlines()
    assert lines[1].split()[:2] == ["/", "2.0M"] or "2097152" in lines[1]


def test_mount_imports_and_reads_files_of_the_host(mpremote: Mpremote, tmp_path: Path) -> None:
    (tmp_path / "hostmod.py").write_text("def f():\n    return 'from the host'\n")
    # Every byte, byte 3 among them: it must not interrupt while the host sends a file.
    (tmp_path / "bytes.bin").write_bytes(bytes(range(256)) * 20)
    program = (
        "import hostmod, hashlib; print(hostmod.f())\n"
        "print(open('bytes.bin', 'rb').read() == bytes(range(256)) * 20)\n"
        "f = open('out.txt', 'w'); f.write('board\\n'); f.close()"
    )
    assert "from the host\nTrue\n" in mpremote("mount", str(tmp_path), "exec", program)
    assert (tmp_path / "out.txt").read_text() == "board\n"


def test_soft_reset(board: VirtualBoard, mpremote: Mpremote) -> None:
    before = board.printed
    mpremote("soft-reset")
    mpremote("resume", "exec", "import machine; print(machine.reset_cause())")
    assert before <= board.printed
    assert mpremote("exec", "import machine; print(machine.reset_cause())") == "5\n"


def test_reset_restarts_the_board(board: VirtualBoard, mpremote: Mpremote) -> None:
    before = board.printed
    mpremote("reset")
    board.wait_for(PROMPT, since=before)
    shown = mpremote("resume", "exec", "import machine; print(machine.reset_cause())")
    assert shown == "2\n"


def test_mpremote_interrupts_what_runs(board: VirtualBoard, mpremote: Mpremote) -> None:
    for program in (
        "print('on')\nwhile True: pass",
        "print('on')\nimport time; time.sleep(1000)",
        "print('on')\nimport select\nselect.poll().poll(1000000)",
        "print('on')\nwhile True:\n x = [0] * 100",
    ):
        before = board.printed
        mpremote("exec", "--no-follow", program)
        board.wait_for("on", since=before)
        assert mpremote("exec", "print('back')") == "back\n"


def test_a_killed_mpremote_leaves_a_board_that_answers(
    board: VirtualBoard, mpremote: Mpremote
) -> None:
    command = [*toolchain.mpremote(), "connect", board.device]
    program = "print('x' * 5000)\nwhile True: pass"
    process = subprocess.Popen([*command, "exec", program], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.read(1)
    process.kill()
    process.communicate()
    assert mpremote("exec", "print('back')") == "back\n"


def test_a_program_that_floods_the_line_does_not_block_mpremote(
    board: VirtualBoard, mpremote: Mpremote
) -> None:
    mpremote("exec", "--no-follow", "while True: print('0123456789' * 10)")
    board.wait_for("(0123456789){10}\n")
    assert mpremote("exec", "print('back')").endswith("back\n")


def test_output_is_whole_when_mpremote_reads_slowly(board: VirtualBoard) -> None:
    command = [*toolchain.mpremote(), "connect", board.device]
    program = "for n in range(10000): print(n)"
    with subprocess.Popen([*command, "exec", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        lines = process.stdout.read().split()
    assert lines == [b"%d" % n for n in range(10000)]
