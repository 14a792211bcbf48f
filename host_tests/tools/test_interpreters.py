"""What is said where no interpreter of `make proof` can be had, and of lines that ran there?"""

import pytest

from host_tests import coverage
from tools import toolchain
from tools.firmware import interpreters
from tools.ui import UserError, console


def test_where_none_can_be_had_a_line_says_so_and_nothing_fails(tmp_path, monkeypatch, capsys):
    for module in (interpreters, toolchain):
        monkeypatch.setattr(module, "BIN", tmp_path)
    (tmp_path / "micropython-float32").touch()  # of better times
    monkeypatch.setattr(interpreters.debian, "available", lambda: False)
    interpreters.make()
    said = capsys.readouterr().err
    for name in ("float32", "newest"):
        text = f"no MicroPython {name} here, its tests are skipped: this machine has no apt-get"
        assert f"signet: {text}" in said
        with pytest.raises(UserError, match=text):
            toolchain.micropython_for_proof(name)


def test_a_line_ran_if_it_did_in_one_process_and_the_others_are_listed(tmp_path):
    (tmp_path / "1").write_text("-signet.link 1\n+signet.link 1\n-signet.link 3\n-signet.link 9\n")
    (tmp_path / "2").write_text("-signet.link 5\n+signet.link 5\n-signet.link 8\n-signet.net 1\n")
    (tmp_path / "3").write_text("-signet.link 12\n-signet.link 14\n+signet.link 3\n+signet.net 1")
    modules = coverage.read(tmp_path)
    with console.capture() as captured:
        console.print(coverage.table(modules))
    said = captured.get().split()
    assert "4 of 8 lines of lib/signet ran, 50.0%" in " ".join(said)
    assert said[-4:] == ["link.py", "7", "4", "8-14"]
