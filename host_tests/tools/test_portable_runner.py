"""Does a portable test that fails, crashes, hangs or is skipped show as what it is?

Runs pytest on a test file of its own, with the portable plugin loaded by name.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools import toolchain
from tools.paths import ROOT

BUILD = "i386" if 32 in toolchain.word_sizes() else "64bit"

FILE = '''\
"""A file of odd tests."""

import sys

import check

TIMEOUT_S = 4


def test_passes():
    print("nobody sees this")


def test_fails():
    print("seen because it fails")
    value = 41
    assert value == 42, "wrong value"


def test_is_skipped():
    check.skip("nothing to prove")


def test_hangs():
    print("about to hang")
    while True:
        pass


def test_comes_after():
    pass
'''


def run(tmp_path, text, *arguments, name="test_odd.py", depth="test"):
    file = tmp_path / name
    file.write_text(text)
    # In CI pytest repeats every failure in its summary.
    environment = {name: value for name, value in os.environ.items() if name != "CI"}
    environment["SIGNET_DEPTH"] = depth
    return subprocess.run(
        [*pytest_command(), str(file), *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    ).stdout


def pytest_command():
    plugin = ["-p", "host_tests.portable.conftest", "-p", "host_tests.conftest"]
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugin, "-rA"]


def outcomes(output):
    """Test name and interpreter -> PASSED, FAILED or SKIPPED."""
    found = re.findall(r"^(PASSED|FAILED) .*::(test_\w+\[\w+\])", output, re.MULTILINE)
    return {name: outcome for outcome, name in found}


@pytest.fixture(scope="module")
def output(tmp_path_factory):
    return run(tmp_path_factory.mktemp("odd"), FILE)


@pytest.mark.parametrize("interpreter", ["cpython", BUILD])
def test_each_test_has_its_own_result_on_each_interpreter(output, interpreter):
    found = outcomes(output)
    assert found[f"test_passes[{interpreter}]"] == "PASSED"
    assert found[f"test_fails[{interpreter}]"] == "FAILED"
    assert f"test_is_skipped[{interpreter}]" not in found
    assert found[f"test_hangs[{interpreter}]"] == "FAILED"
    assert found[f"test_comes_after[{interpreter}]"] == "FAILED"


def test_a_failure_shows_the_line_and_what_was_printed(output):
    runs = 1 + len(toolchain.word_sizes())
    assert output.count('assert value == 42, "wrong value"') == runs
    assert output.count("seen because it fails") == runs
    assert re.search(r'File ".*test_odd(.py)?", line \d+, in test_fails', output)


def test_a_hang_ends_with_its_time_and_output(output):
    runs = 1 + len(toolchain.word_sizes())  # it, and the test that comes after, on each
    assert output.count("test_hangs had no result within 4 s; the process was killed") == 2 * runs
    assert "about to hang" in output


def test_a_crash_fails_what_has_not_run(tmp_path):
    text = (
        "def test_first():\n    pass\n\n\ndef test_crashes():\n    import uctypes\n\n"
        "    uctypes.bytearray_at(0, 1)[0] = 1\n\n\ndef test_last():\n    pass\n"
    )
    found = run(tmp_path, text, "--interpreter", BUILD)
    assert outcomes(found) == {
        f"test_first[{BUILD}]": "PASSED",
        f"test_crashes[{BUILD}]": "FAILED",
        f"test_last[{BUILD}]": "FAILED",
    }
    assert "without a result of test_crashes" in found


DEEP = """
import check

PROOF = ("test_deep",)


def test_deep():
    pass


def test_repeated():
    print("repeated", check.scaled(200), len(list(check.spread(range(100)))))
"""


@pytest.mark.parametrize(
    ("depth", "left_out", "repeated"),
    [("quick", True, "8 5"), ("test", True, "40 21"), ("proof", False, "200 100")],
)
def test_the_depth_scales_what_is_repeated_and_says_what_it_leaves_out(
    tmp_path, depth, left_out, repeated
):
    found = run(tmp_path, DEEP, "--interpreter", BUILD, depth=depth)
    assert (f"test_deep[{BUILD}]" not in outcomes(found)) is left_out
    what = "were left out" if left_out else "are among them"
    assert f"depth {depth}: 1 tests that only `make proof` runs {what}" in found
    assert f"repeated {repeated}\n" in found


def test_a_run_in_the_background_hands_on_no_ignored_sigint(tmp_path):
    """A shell without job control starts `make test &` so."""
    text = "import signal\n\n\ndef test_one():\n    print(signal.getsignal(signal.SIGINT))\n"
    (tmp_path / "test_plain.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-s", "-p", "host_tests.conftest", tmp_path],
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
        capture_output=True,
        text=True,
        check=True,
    )
    assert "default_int_handler" in done.stdout


def test_a_depth_that_there_is_not_is_one_sentence(tmp_path):
    file = tmp_path / "test_odd.py"
    file.write_text(DEEP)
    done = subprocess.run(
        [*pytest_command(), str(file)],
        cwd=ROOT,
        env=os.environ | {"SIGNET_DEPTH": "deep"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "SIGNET_DEPTH is 'deep'; it must be one of quick, test, proof" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_does_not_import_fails_all_its_tests_with_the_reason(tmp_path):
    found = run(tmp_path, "import nowhere\n\n\ndef test_one():\n    pass\n", "-k", BUILD)
    assert outcomes(found) == {f"test_one[{BUILD}]": "FAILED"}
    assert "no module named 'nowhere'" in found


def test_a_file_that_does_not_compile_says_where(tmp_path):
    text = "def test_one():\n    match 1:\n        case 1:\n            pass\n"
    found = run(tmp_path, text, "--interpreter", BUILD)
    assert "does not compile for a board" in found
    assert "line 2" in found


def test_a_server_that_does_not_exist_is_named(tmp_path):
    text = 'SERVERS = {"one": ("tcp", "no_such")}\n\n\ndef test_one():\n    pass\n'
    found = run(tmp_path, text, "--interpreter", BUILD)
    assert "SERVERS: one: no such behaviour or step: 'no_such'" in found
    assert "Traceback" not in found


def test_what_asyncio_cannot_do_over_tls_is_said(tmp_path):
    text = 'SERVERS = {"one": ("tls", "good", [("half_close",)])}\n\n\ndef test_one():\n    pass\n'
    found = run(tmp_path, text, "--interpreter", BUILD)
    assert "SERVERS: one: asyncio cannot half_close a TLS connection" in found
    assert "Traceback" not in found


def test_one_test_on_one_interpreter_by_its_id(tmp_path):
    file = tmp_path / "test_odd.py"
    file.write_text(FILE)
    done = subprocess.run(
        [*pytest_command(), f"{file}::test_passes[{BUILD}]"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcomes(done.stdout) == {f"test_passes[{BUILD}]": "PASSED"}
    assert done.returncode == 0


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_nothing_is_left_behind_when_the_run_is_killed(tmp_path):
    mark = tmp_path / "running"
    text = (
        'SERVERS = {"broker": ("mosquitto",)}\nTIMEOUT_S = 60\n\n\ndef test_hangs():\n'
        f'    open("{mark}", "w").close()\n    while True:\n        pass\n'
    )
    file = tmp_path / "test_odd.py"
    file.write_text(text)
    runner = subprocess.Popen(
        [*pytest_command(), str(file), "--interpreter", BUILD],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    try:
        _until(mark.exists)
        children = _children(runner.pid)
        assert len(children) == 2  # mosquitto and MicroPython
    finally:
        os.kill(runner.pid, signal.SIGKILL)
        runner.wait()
    _until(lambda: not any(_alive(child) for child in children))


def _until(true):
    give_up = time.monotonic() + 60
    while not true():
        assert time.monotonic() < give_up
        time.sleep(0.02)


def _stat(process):
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()


def _children(parent):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if int(_stat(entry.name)[1]) == parent:
                    found.append(int(entry.name))
            except OSError:
                pass
    return found


def _alive(process):
    try:
        return _stat(process)[0] != "Z"
    except OSError:
        return False
