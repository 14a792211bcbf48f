"""What does a person see of the first `make`, which has nothing but Python?"""

import sys
from pathlib import Path

import pytest

from tools.toolchain import venv

_LOCK = """\
one==1 \\
    --hash=sha256:00 \\
    --hash=sha256:01
    # via two
two-more==2.0 \\
    --hash=sha256:02
of-a-folder==3.0 \\
    --hash=sha256:03
"""


def test_ctrl_c_is_one_line_and_status_130(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(venv, "ROOT", tmp_path)
    monkeypatch.setattr(venv, "create", interrupted)
    with pytest.raises(SystemExit) as left:
        venv.main(tmp_path / ".venv" / ".installed")
    assert left.value.code == 130
    assert capsys.readouterr().err.splitlines()[-1] == "signet: interrupted; run make again"


def test_progress_counts_packages_fetched_or_there_already(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    locks = [tmp_path / "a.lock", tmp_path / "b.lock"]
    for lock in locks:
        lock.write_text(_LOCK)  # what both name counts once
    said = [
        "Requirement already satisfied: one==1 in somewhere (from -r a.lock (line 1)) (1)",
        "Collecting two-more==2.0 (from -r a.lock (line 4))",
        "Processing /some/where/of_a_folder-3.0-py3-none-any.whl (from -r a.lock (line 6))",
    ]
    shown: list[str] = []
    monkeypatch.setattr(venv, "_progress", shown.append)
    monkeypatch.setattr(venv, "_by_uv", lambda *_: False)
    program = tmp_path / "pip.py"
    program.write_text(f"for line in {said!r}: print(line)")
    venv.install([sys.executable, str(program)], locks)
    assert shown[:3] == [
        "Python packages 1/3: one",
        "Python packages 2/3: two-more",
        "Python packages 3/3: of_a_folder",
    ]


_UV = "uv pip install --python PYTHON --require-hashes -r a.lock --compile-bytecode"


@pytest.mark.parametrize(
    ("configured", "uv_status", "asked"),
    [
        ("global.no-input='1'", 0, [_UV]),
        ("global.index-url='https://here'", 0, ["pip install"]),
        ("", 1, [_UV, "pip install"]),
    ],
    ids=["uv", "pip is configured", "uv fails"],
)
def test_uv_installs_where_it_is_found_and_pip_has_no_configuration(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    configured: str,
    uv_status: int,
    asked: list[str],
) -> None:
    notes, lock = tmp_path / "notes", tmp_path / "a.lock"
    lock.write_text(_LOCK)
    pip, uv = tmp_path / "pip", tmp_path / "uv"
    pip.write_text(
        f'#!/bin/sh\n[ "$2" = config ] && echo "{configured}" || echo "pip $2" >> {notes}\n'
    )
    uv.write_text(f'#!/bin/sh\necho "uv $*" >> {notes}\nexit {uv_status}\n')
    for program in (pip, uv):
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    venv.install([str(pip), "pip"], [lock])
    said = notes.read_text().replace(f"{tmp_path}/pip", "PYTHON").replace(f"{tmp_path}/", "")
    assert said.splitlines() == asked


_GLIBC, _MUSL = "x86_64-pc-linux-gnu", "x86_64-alpine-linux-musl"


@pytest.mark.parametrize(
    ("machine", "bits", "built_for", "reason"),
    [
        ("x86_64", 64, _GLIBC, None),  # Debian, Ubuntu, WSL
        ("aarch64", 64, "aarch64-unknown-linux-gnu", None),  # Raspberry Pi OS, 64 bits
        ("arm64", 64, "aarch64-apple-darwin23.6.0", None),
        ("x86_64", 64, _MUSL, "C library is musl (Alpine)"),
        ("aarch64", 64, "aarch64-alpine-linux-musl", "C library is musl (Alpine)"),
        ("armv7l", 32, "arm-unknown-linux-gnueabihf", "a 32-bit Arm system"),
        ("armv6l", 32, "arm-unknown-linux-gnueabihf", "a 32-bit Arm system"),
        ("aarch64", 32, "arm-unknown-linux-gnueabihf", "a 32-bit Arm system"),  # a 64-bit kernel
    ],
)
def test_a_machine_that_cannot_have_all_is_told_so(
    machine: str, bits: int, built_for: str, reason: str | None
) -> None:
    said = venv.refusal(machine, bits, built_for)
    assert (said is None) if reason is None else said and reason in said


def test_nothing_is_made_on_a_machine_that_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(venv, "ROOT", tmp_path)
    monkeypatch.setattr(venv.sysconfig, "get_config_var", lambda name: _MUSL)
    with pytest.raises(SystemExit, match=r"^signet: this system's C library is musl"):
        venv.main(tmp_path / ".venv" / ".installed")
    assert list(tmp_path.iterdir()) == []
