"""One twin and one virtual board for all tests here.

Of lib/signet the board has what each test's device.json needs and nothing else, linked as a
deployment links it, which proves that it is enough.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from mpremote.transport_serial import SerialTransport

from host_tests.device.http_programs import Seen
from host_tests.device.member import Member
from host_tests.support import Twin
from host_tests.twin.certified import Org
from tools.board.deploy import project_files
from tools.board.knock import knock
from tools.board.virtual import VirtualBoard
from tools.modem.emulator import Emulator
from tools.toolchain import word_sizes
from tools.twin.process import TwinProcess

# Counts its reports, so that a test can see that none is missing.
COUNTER = """
import board, signet
from signet import clock

clock.while_waiting = board.feed
link = signet.open("device.json", board)
link.on_command = board.obey
n = 0
while True:
    link.report({"n": n})
    n += 1
    link.poll(100)
"""


@pytest.fixture(scope="session")
def twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    with Twin(tmp_path_factory.mktemp("twin")) as twin:
        yield twin


@pytest.fixture(scope="module")
def org(twin: Twin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Org]:
    """Watson's org has a registered CA as long as the tests of this module last."""
    org = Org(twin, tmp_path_factory.mktemp("certificates"))
    yield org
    with org.certificates() as tables:
        for ca in tables.cas():
            tables.remove_ca(ca.id)


@pytest.fixture(scope="session")
def _board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualBoard]:
    # 32 bits as on an ESP32, wherever the machine can run it
    bits = min(word_sizes())
    with VirtualBoard(tmp_path_factory.mktemp("board"), bits=bits).create() as board:
        yield board


# The watchdog of a program that was stopped would start it again, into another file's tests.
_PATIENT = "import machine; machine.WDT(timeout={})"

# After that time it does: what no test asks for any more is not to be there.
_FORGET = """
import os
if "main.py" in os.listdir():
    os.remove("main.py")
"""

# What waits for the cloud, and how it is counted.
_EMPTY_OUTBOX = """
import os
if "outbox" in os.listdir():
    for name in os.listdir("outbox"):
        os.remove("outbox/" + name)
"""


def _calm(board: VirtualBoard, more: str = "pass") -> None:
    """Lets a stopped board stay at its prompt. more: what it does before."""
    line = SerialTransport(board.device, baudrate=115200)
    try:
        line.enter_raw_repl(soft_reset=False)
        line.exec(more)
        line.exec(_PATIENT.format(150_000 if board.is_image else 600_000))
        line.exit_raw_repl()
    finally:
        line.close()


def _put(board: VirtualBoard, files: dict[str, bytes]) -> None:
    """As `deploy` on a stopped board, in a tenth of its time: writes these few files, and resets.

    host_tests/board holds `deploy` itself to what it promises.
    """
    line = SerialTransport(board.device, baudrate=115200)
    try:
        line.enter_raw_repl(soft_reset=False)
        line.exec(_EMPTY_OUTBOX)
        for path, content in files.items():
            line.exec(f"with open({path!r}, 'wb') as file:\n    file.write({content!r})")
        line.exec_raw_no_follow("import time, machine; time.sleep_ms(10); machine.reset()")
    finally:
        line.close()


class Device:
    """The board as deployed for one test: only its output since then."""

    def __init__(self, board: VirtualBoard, twin: Twin) -> None:
        self._board = board
        self._twin = twin
        self._since = board.printed
        self._printed: str | None = None  # since it was stopped
        self._modules: dict[str, bytes] = {}  # in /lib since `run`
        self.secret = ""

    def run(
        self,
        config: dict[str, Any],
        main: str | None = None,
        ca: Path | None = None,
        more: dict[str, bytes] | None = None,
        plain: bool = False,
    ) -> "Device":
        """Puts what this device.json needs on the board, `main` in place of main.py; starts it.

        The flash holds nothing else, unless the run before it needed the same modules: then files
        that the program has written stay, but for the outbox.

        more: further files, path on the board -> content: certificate and key.
        plain: signet is not linked, for a program that reaches into its modules; so it is, too,
            where that uses a private name.
        """
        self.stop()
        self.mark()
        ca = ca or Path(self._twin.ready["ca_file"])
        own = [] if main is None else [main.encode()]
        plain = plain or any(b"._" in program for program in own)
        how = {"plain": plain, "frozen": self._board.is_image}
        files = project_files(config, ca, self._board.kind, others=own, **how) | (more or {})
        if own:
            files["/main.py"] = own[0]
        self.secret = config.get("device_secret") or config.get("token") or ""
        modules = {path: code for path, code in files.items() if path.startswith("/lib/")}
        if modules == self._modules:
            _put(self._board, {path: files[path] for path in files.keys() - modules.keys()})
        else:
            self._board.power_cut()
            self._board.fill(files)
            self._board.start()
            self._modules = modules
        return self

    def mark(self) -> None:
        """Begins anew with its output, while the program runs on; looks at what there was."""
        own = self.output()
        self._since = self._board.printed
        self._printed = None
        assert "Traceback" not in own
        assert not self.secret or self.secret not in own

    def reset(self) -> None:
        """Presses the reset button: the same files, a new start."""
        self.mark()
        self._board.reset()

    def output(self) -> str:
        """Returns what it printed since `run`, without the end of the program before it."""
        if self._printed is not None:
            return self._printed
        return self._board.output(self._since).rpartition("KeyboardInterrupt: \n")[2]

    def stop(self, more: str = "pass") -> None:
        """Ends the program, so that the next test meets a silent board; `output` stays."""
        self._printed = self.output()
        # again and again: one Ctrl-C is lost on a board in deep sleep
        assert knock(self._board.device, 60, lambda: None)
        _calm(self._board, more)

    def end(self) -> None:
        """Ends the program for good."""
        self.stop(_FORGET)

    def wait_for(self, pattern: str, timeout_s: float = 60) -> str:
        """Waits for a line of output since `run`; returns what matched."""
        return self._board.wait_for(pattern, timeout_s, self._since)[0]


@pytest.fixture
def device(_board: VirtualBoard, twin: Twin) -> Iterator[Device]:
    device = Device(_board, twin)
    device.stop()  # `lasting` may still run
    yield device
    device.end()
    device.mark()


@pytest.fixture
def wired(twin: Twin, tmp_path: Path) -> Iterator[Callable[..., tuple[Device, Emulator]]]:
    """Makes a board of its own whose UART leads to a modem: `wired("bg95", split=3)`."""
    with contextlib.ExitStack() as stack:

        def make(family: str, **switches: Any) -> tuple[Device, Emulator]:
            modem = stack.enter_context(Emulator(family, **switches))
            board = VirtualBoard(tmp_path / family, bits=min(word_sizes()), modem=modem.path)
            device = Device(stack.enter_context(board.create()), twin)
            stack.callback(device.mark)
            return device, modem

        yield make


@pytest.fixture
def power(_board: VirtualBoard) -> VirtualBoard:
    """The board itself, whose power a test may cut and must give back."""
    return _board


@pytest.fixture(scope="module")
def _lasting(
    _board: VirtualBoard, twin: Twin, config: Callable[..., dict[str, Any]], request: Any
) -> Iterator[Device]:
    cloud, way, program, changes = request.param
    device = Device(_board, twin).run(config(cloud, way, **changes), program)
    device.wait_for("^report 1 stored")  # a Ctrl-C to a board that starts is lost
    yield device
    device.end()


@pytest.fixture
def lasting(_lasting: Device) -> Iterator[Device]:
    """The board, for all tests of a module that name the same (cloud, way, program, changes)."""
    yield _lasting
    _lasting.mark()


@pytest.fixture
def answered(lasting: Device, twin: Twin, request: pytest.FixtureRequest) -> Callable[..., Seen]:
    """Starts the board anew, whose cloud answers its first `n` requests to a path so."""
    cloud = request.node.callspec.params["_lasting"][0]

    def begin(path: str, n: int = 1, **answer: Any) -> Seen:
        lasting.stop()
        seen = Seen(twin, cloud)
        twin.fault("answer_http", cloud=cloud, path=path, n=n, **answer)
        lasting.reset()
        return seen

    return begin


@pytest.fixture(scope="module")
def busy_twin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Twin]:
    """One that takes four HTTP requests a second of a device."""
    with Twin(tmp_path_factory.mktemp("busy"), "--http-rate", "4") as twin:
        yield twin


@pytest.fixture(scope="session")
def config(twin: Twin) -> Callable[..., dict[str, Any]]:
    """Makes a device.json for a cloud's ready device, or its `role`: `config("enos", port=1)`."""

    def make(cloud: str, way: str = "mqtt", **changes: Any) -> dict[str, Any]:
        values = {
            **TwinProcess.device_config(twin, cloud, way, changes.get("role", "device")),
            "retry_s": 1,
            "report_interval_s": 1,
        }
        values.update(changes)
        return {key: value for key, value in values.items() if value is not None}

    return make


@pytest.fixture
def member(org: Org, config: Callable[..., dict[str, Any]]) -> Callable[..., Member]:
    """Adds a device or gateway to the org: `member("certificate", "gateway")`."""
    return functools.partial(Member, org, config)
