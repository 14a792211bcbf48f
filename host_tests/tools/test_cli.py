"""Does the `signet` command list what it can, import only what is called, and fail in a line?"""

import os
import platform
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from host_tests import support
from tools import cli
from tools.paths import ROOT


def signet(*arguments):
    return subprocess.run(
        [sys.executable, "-c", "from tools.cli import main; main()", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "", "COLUMNS": "100"},
    )


@pytest.mark.parametrize("arguments", [("--help",), ("-h",)])
def test_help_lists_every_subcommand_with_its_sentence(arguments):
    done = signet(*arguments)
    assert done.returncode == 0
    for name, entry in cli._ENTRIES.items():
        assert name in done.stdout
        assert entry.help in done.stdout


def test_help_imports_no_subcommand():
    program = """
import sys
from tools.cli import app
try:
    app(["--help"])
except SystemExit:
    pass
print("LOADED", *sorted(name for name in sys.modules if name.startswith("tools")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED tools tools.cli tools.lifeline tools.ui"


def test_version_says_which_signet_which_python_and_which_platform():
    done = signet("--version")
    project = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert done.stdout == (
        f"signet {project[1]}, Python {platform.python_version()}, {platform.platform()}\n"
    )


def _commands(path, command):
    yield path, command
    for name, each in getattr(command, "commands", {}).items():
        yield from _commands([*path, name], each)


@pytest.mark.parametrize("name", ["", *cli._ENTRIES])
def test_the_help_of_every_command_is_whole_in_80_columns(name):
    runner = CliRunner()
    for path, command in _commands([name], cli._load(name)) if name else [([], None)]:
        for option in getattr(command, "params", ()):
            # the length of a path differs from desk to desk
            assert not option.show_default or str(ROOT) not in str(option.default), option.name
            assert not getattr(option, "secondary_opts", ()), (
                f"{option.name}: nobody asked for --no"
            )
        done = runner.invoke(cli.app, [*path, "--help"], env={"COLUMNS": "80", "NO_COLOR": "1"})
        assert done.exit_code == 0, path
        assert max(map(len, done.stdout.splitlines())) <= 80, path
        for cut_or_confusing in ("\N{HORIZONTAL ELLIPSIS}", "\x1b", "<bool>"):
            assert cut_or_confusing not in done.stdout, path


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["tiwn"], "Did you mean 'twin'?"),
        (["twin", "mesages"], "Did you mean 'messages'?"),
        (["pki", "server", "lst"], "Did you mean 'list'?"),
        (["pki", "ca-of", "aws", "--relpace"], "Possible options: --help, --replace"),
        (["pki", "ca-of", "alibabba"], "Did you mean alibaba?"),
        (["twin", "command", "enso", "set"], "Did you mean enos?"),
        (["twin", "policy", "tokn"], "Did you mean token?"),
        (["twin", "topic", "list", "alibba", "a1"], "Did you mean alibaba?"),
        (["modem", "bg59"], "Did you mean bg95?"),
        (["sign", "content", "a=1", "--algorithm", "sha265"], "Did you mean sha256?"),
        (["bench", "fuzz", "--only", "htpp"], "Did you mean http?"),
        (["bench", "heap", "--way", "caop"], "Did you mean coap?"),
        (["bench", "waits", "--way", "alibaba-mqttss"], "Did you mean alibaba-mqtts?"),
        (["bench", "faults", "--way", "watson-htps"], "Did you mean watson-https?"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(arguments, hint, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    done = support.signet(*arguments)
    assert done.returncode == 2
    assert hint in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("signet tw", "twin"),
        ("signet twin mes", "messages"),
        ("signet twin command al", "alibaba"),
        ("signet twin config enos --role gat", "gateway"),
        ("signet twin policy cert", "certificate certificate-and-token certificate-or-token"),
        ("signet modem bg", "bg95"),
        ("signet sign enos --method hmacsha1", "hmacsha1"),
        ("signet pki ca-of lets", "letsencrypt"),
        ("signet bench heap --way coap-", "coap-modem"),
        ("signet bench faults --way watson-w", "watson-ws watson-wss"),
        ("signet bench soak --way enos", "enos-mqtt"),
        ("signet board deploy --board esp32_n", "esp32_nbiot"),
    ],
)
def test_the_shell_completes_commands_and_choices(typed, offered, monkeypatch):
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
    for name, value in {"_SIGNET_COMPLETE": "complete_bash", **words}.items():
        monkeypatch.setenv(name, value)
    done = support.signet()
    assert " ".join(done.stdout.split()) == offered, done.stderr


def test_an_unknown_subcommand_is_refused_without_a_traceback():
    done = signet("fly")
    assert done.returncode == 2
    assert "No such command" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_user_can_mend_is_one_line_and_status_2(tmp_path):
    done = signet("size", "--device", str(tmp_path / "absent.json"))
    assert done.returncode == 2
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"signet: cannot read {tmp_path}/absent.json: ")


@pytest.mark.parametrize("to_file", [True, False], ids=["a file", "the terminal"])
def test_what_is_printed_while_a_bar_is_shown_is_whole_where_it_goes(tmp_path, to_file):
    program = """
from rich.progress import Progress
from tools.ui import above_bar, errors
with Progress(console=errors) as bar:
    bar.add_task("busy")
    bar.refresh()
    above_bar().print("a row")
"""
    file, (end, line) = tmp_path / "file", os.openpty()
    with file.open("w") as output:
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            stdout=output if to_file else line,
            stderr=line,
            env={"TERM": "xterm"},
            check=True,
        )
    os.close(line)
    shown = os.read(end, 4096).decode()
    os.close(end)
    assert "busy" in shown
    assert file.read_text() == ("a row\n" if to_file else "")
    assert bool(re.search(r"\r\x1b\[2Ka row\r\n", shown)) != to_file
