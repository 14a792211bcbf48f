"""What becomes of reports when the board, the network, the cloud or its broker fails?

The program `firmware/bench/faults_device.py` runs on a virtual board, a road (`faults_road.py`)
lies between it and a twin, and its registry is what counts.
"""

import contextlib
import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tools import toolchain
from tools.bench.boards_twin import twin_of_boards
from tools.bench.faults_audit import Row, audit
from tools.bench.faults_road import DatagramRoad, Road
from tools.bench.waits import WAYS
from tools.bench.waits_peers import Way
from tools.board.deploy import project_files
from tools.board.virtual import VirtualBoard
from tools.paths import ROOT
from tools.scratch import scratch
from tools.twin.process import TwinProcess
from tools.ui import UserError

_PROGRAM = ROOT / "firmware" / "bench" / "faults_device.py"
_REPORTS = 18
_VICTIM = 7  # of them, at which a broker does its worst
_PATIENCE_S = 120
_DRAINED = r"^drained (\{.*\})$"
_PLAIN_MQTT = Way("watson", "mqtt", "MQTT\nWatson")


class Scene(NamedTuple):
    """A device that reports, and all that may fail.

    cuts: ms of the board's clock. starts: where in its output each life begins.
    """

    board: VirtualBoard
    road: Road | DatagramRoad
    twin: TwinProcess
    way: Way
    random: random.Random
    cuts: list[int]
    starts: list[int]

    def cut(self, at_write: int = 0) -> None:
        """Take the board's power, and give it again; at_write: until that write to flash."""
        self.board.power_cut()
        said = re.findall(r"^accepted \d+ (\d+)$", self.board.output(), re.MULTILINE)
        self.cuts.append(int(said[-1]) if said else 0)  # it was not before that
        self.starts.append(self.board.printed)
        self.board.start(at_write)

    def direct(self) -> None:
        """The twin may have other ports than before."""
        door = self.twin.ready["clouds"][self.way.cloud]["ways"][self.way.way]
        self.road.server = (door["address"], door["port"])


class Fault(NamedTuple):
    """What fails.

    meets: may it happen to a device of this way? strike: lets it happen while the device reports,
    and heals it. own: what the device does to itself, a name of faults_device.py. settings: of
    device.json. spite: of a Road. ways: that it is for.
    """

    name: str
    strike: Callable[[Scene], None]
    ways: Sequence[Way] = WAYS
    own: str = ""
    settings: Mapping[str, Any] = {}
    spite: str = ""


def _nothing(_: Scene) -> None:
    return


def _kill_board(scene: Scene) -> None:
    for _ in range(4):
        scene.road.mode = scene.random.choice(["open", "shut", "lost"])
        time.sleep(scene.random.uniform(0.1, 1.6))
        scene.cut()
    scene.road.mode = "open"


def _cut_at_writes(scene: Scene) -> None:
    for _ in range(4):
        scene.cut(at_write=scene.random.randint(1, 60))
        scene.board.wait_for_cut(4)
    scene.cut()


def _kill_broker(scene: Scene) -> None:
    scene.twin.ask({"do": "fault", "fault": "kill_broker"})
    time.sleep(2)
    scene.twin.ask({"do": "fault", "fault": "start_broker"})


def _kill_twin(scene: Scene) -> None:
    assert scene.twin.process is not None
    scene.twin.process.kill()
    scene.twin.stop()
    scene.twin.start()
    scene.direct()


def _road(mode: str, seconds: float) -> Callable[[Scene], None]:
    def strike(scene: Scene) -> None:
        scene.road.mode = mode
        time.sleep(seconds)
        scene.road.mode = "open"

    return strike


def _lossy(scene: Scene) -> None:
    losses = {"drop": 0.3, "duplicate": 0.2, "reorder": 0.2}
    scene.twin.ask({"do": "fault", "fault": "set_losses", **losses})
    with contextlib.suppress(TimeoutError):
        scene.board.wait_for(_DRAINED, 30)
    scene.twin.ask({"do": "fault", "fault": "set_losses"})


_BROKERS = [way for way in WAYS if way.protocol in ("mqtt", "websocket")]
_STREAMS = [way for way in WAYS if not way.is_datagrams]
_DATAGRAMS = [way for way in WAYS if way.is_datagrams]
_TLS = [way for way in _STREAMS if way.is_secure]
_PLAIN = [WAYS[0], _PLAIN_MQTT]
_AT_ONCE = {"flash_after_s": 0}

FAULTS = (
    Fault("board killed, 0 s", _kill_board, settings=_AT_ONCE),
    Fault("board killed, 2 s", _kill_board, settings={"flash_after_s": 2}),
    Fault("power cut at a write", _cut_at_writes, settings=_AT_ONCE),
    Fault("mosquitto killed", _kill_broker, _BROKERS),
    Fault("twin killed", _kill_twin),
    Fault("connection reset", _road("shut", 1.5), _STREAMS),
    Fault("stalled", _road("stalled", 3)),
    Fault("half-open", _road("lost", 1)),
    Fault("captive portal", _road("portal", 3), _TLS),
    Fault("30 % lost, 20 % twice", _lossy, _DATAGRAMS),
    Fault("no name server", _nothing, own="names", settings={"address": None}),
    Fault("clock 25 years behind", _nothing, own="behind"),
    Fault("clock 25 years ahead", _nothing, own="ahead"),
    Fault("no memory", _nothing, own="memory"),
    Fault("flash full, no network", _road("shut", 2), own="flash", settings=_AT_ONCE),
    Fault("closed at one report", _nothing, _PLAIN, spite="closes"),
    Fault("one never acknowledged", _nothing, _PLAIN, spite="swallows"),
    Fault("subscriptions refused", _nothing, _PLAIN, spite="refuses"),
)


def pairs(faults: Sequence[str] = (), ways: Sequence[str] = ()) -> list[tuple[Fault, Way]]:
    """Faults and the ways in that can meet them.

    faults: parts of their names; all when empty. ways: as "alibaba-mqtts"; all when empty.
    """
    return [
        (fault, way)
        for fault in FAULTS
        if not faults or any(name in fault.name for name in faults)
        for way in fault.ways
        if not ways or f"{way.cloud}-{way.way}" in ways
    ]


Strike = Callable[[Fault, Way], Row]


@contextlib.contextmanager
def stage(heap: str = "128k", image: bool = False) -> Iterator[Strike]:
    """A twin and a board; gives what lets a fault strike, and judges what came of it.

    image: the board is the firmware image in QEMU, whose clock of ms begins anew with its power:
        of power cuts, what it judges is those with `flash_after_s` 0.
    """
    with (
        scratch() as name,
        twin_of_boards(Path(name)) as twin,
    ):
        bits = toolchain.word_sizes()[0]
        board = VirtualBoard(Path(name) / "board", heap, bits).create(512, image=image)
        yield lambda fault, way: _run(board, twin, fault, way)


def _run(board: VirtualBoard, twin: TwinProcess, fault: Fault, way: Way) -> Row:
    config = twin.device_config(way.cloud, way.way) | {"retry_s": 1, "timeout_s": 3}
    if way.protocol != "http":
        del config["timeout_s"]
    if way.is_datagrams:
        config["ack_timeout_ms"] = 300
    server = config["address"], config["port"]
    victim = f"r{_VICTIM}.".encode()
    road = DatagramRoad(server) if way.is_datagrams else Road(server, victim, fault.spite)
    config |= {"address": "127.0.0.1", "port": road.port, **fault.settings}
    config["app"] = {"reports": _REPORTS, "fault": fault.own}
    config = {key: value for key, value in config.items() if value is not None}
    ca, kind = Path(twin.ready["ca_file"]), board.kind
    files = project_files(config, ca, kind, main=_PROGRAM, frozen=board.is_image)
    _patiently(lambda: board.fill(files))
    after = twin.last_id()
    seed = random.Random(f"{fault.name} {way.title}")  # noqa: S311
    scene = Scene(board, road, twin, way, seed, [], [0])
    _patiently(board.start)
    with road, board:
        with contextlib.suppress(TimeoutError):
            board.wait_for(r"^accepted \d+5 ", 20)
        fault.strike(scene)
        with contextlib.suppress(TimeoutError):
            board.wait_for(_DRAINED, _PATIENCE_S, scene.starts[-1])
    return Row(fault.name, way.title.replace("\n", " "), audit(_said(scene, fault, after)))


def _patiently(act: Callable[[], object]) -> None:
    """A child that another thread starts holds this board's lock from its fork to its exec."""
    for _ in range(50):
        with contextlib.suppress(UserError):
            act()
            return
        time.sleep(0.1)
    act()


def _said(scene: Scene, fault: Fault, after: int) -> dict[str, Any]:
    text = scene.board.output()
    found = re.findall(_DRAINED, scene.board.output(scene.starts[-1]), re.MULTILINE)
    counters = json.loads(found[-1]) if found else {"dropped": 0}
    taken = [int(n) for n in re.findall(r"^taken (\d+)$", text, re.MULTILINE)]
    for life in range(len(scene.cuts)):  # the last words of each may be lost
        taken += range(1000 * life, 1000 * life + 2 * _REPORTS)
    return {
        "taken": taken,
        "accepted": _pairs("accepted", text),
        "aside": _pairs("aside", text),
        "cuts": scene.cuts,
        "after_s": fault.settings.get("flash_after_s", 10),
        "stored": list(_stored(scene.twin, scene.way, after)),
        "dropped": counters["dropped"],
        "waiting": 0 if found else text[-600:],
        "obeyed": [],
        "raised": re.findall(r"^\w*(?:Error|Exception): .*$", text, re.MULTILINE),
        "place": fault.name,
    }


def _pairs(word: str, text: str) -> list[tuple[int, int]]:
    found = re.findall(rf"^{word} (\d+) (\d+)$", text, re.MULTILINE)
    return [(int(number), int(other)) for number, other in found]


def _stored(twin: TwinProcess, way: Way, after: int) -> Iterator[tuple[int, str, int]]:
    # By CoAP and HTTPS the cloud first says that it has the values, then looks at them.
    ends = ("stored", "rejected") if way.protocol in ("coap", "http") else ("stored",)
    for message in twin.messages(way.cloud, after):
        if message["direction"] == "up" and message["status"] in ends:
            payload = message["payload"]
            body = json.loads(payload)
            id_ = "" if "/batch" in message["topic"] else str(body.get("id", payload))
            for n, check in _values(body):
                yield n, id_, check


def _values(body: Any) -> list[tuple[int, int]]:
    """`n` and `check` of each report, in the form of any cloud; a batch has several."""
    if not isinstance(body, dict):
        return []
    if "check" in body:
        n, check = (
            [one["value"] if isinstance(one, dict) else one for one in _each(body[name])]
            for name in ("n", "check")
        )
        return list(zip(n, check, strict=True))
    return next(filter(None, map(_values, body.values())), [])


def _each(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]
