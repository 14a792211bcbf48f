"""What does a person see first?  A board that reports to a broker, to four clouds, and obeys.

Nothing here is faked beyond what docs/walks.md names: a real MicroPython with a board's heap,
files copied by the real mpremote, real TLS, a real broker behind each cloud's own rules.
"""

import contextlib
import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tools import demo_broker as broker
from tools import toolchain
from tools.board.deploy import deploy, project_files
from tools.board.knock import knock
from tools.board.virtual import VirtualBoard
from tools.demo_certificates import equip
from tools.demo_picture import draw
from tools.scratch import scratch
from tools.twin.board_log import BoardLog
from tools.twin.process import TwinProcess
from tools.ui import UserError, above_bar, console, errors, signet, visible

_REPORTS = 3
_TIMEOUT_S = 30.0
_COMMAND = {"led": 1}

_OWN_ENOS = "EnOS, MQTT over TLS, a certificate of its own"
_OWN_WATSON = "Watson IoT Platform, MQTT over TLS, certificate only"
_NB_IOT = "Alibaba Cloud IoT Platform, CoAP over NB-IoT, deep sleep"
_DTLS_NB_IOT = "Alibaba Cloud IoT Platform, DTLS over NB-IoT, deep sleep"
_MODEM = "bg95"

_ANY, _VIRTUAL, _IMAGE = (False, True), (False,), (True,)
# Cloud, its way in, what is shown for it, and whether on the image: there each protocol once, and
# over lwIP no handshake of DTLS ends before MicroPython 1.26. The last lets no token in any more.
_WAYS = (
    ("enos", "mqtt", "EnOS, MQTT", _ANY),
    ("enos", "mqtts", _OWN_ENOS, _VIRTUAL),
    ("alibaba", "mqtts", "Alibaba Cloud IoT Platform, MQTT over TLS", _ANY),
    ("watson", "mqtts", "Watson IoT Platform, MQTT over TLS", _VIRTUAL),
    ("watson", "wss", "Watson IoT Platform, MQTT over WebSocket and TLS", _ANY),
    ("alibaba", "coap", "Alibaba Cloud IoT Platform, CoAP with AES, deep sleep", _ANY),
    ("alibaba", "coaps", "Alibaba Cloud IoT Platform, CoAP over DTLS, deep sleep", _VIRTUAL),
    ("alibaba", "coap", _NB_IOT, _ANY),
    ("alibaba", "coaps", _DTLS_NB_IOT, _IMAGE),
    ("alibaba", "https", "Alibaba Cloud IoT Platform, HTTPS, a token that lapses", _ANY),
    ("azure", "mqtts", "Azure IoT Hub, MQTT over TLS", _VIRTUAL),
    ("watson", "https", "Watson IoT Platform, HTTPS, commands are asked for", _VIRTUAL),
    ("watson", "mqtts", _OWN_WATSON, _VIRTUAL),
)
_WITH_CERTIFICATE = (_OWN_ENOS, _OWN_WATSON)
_BY_MODEM = (_NB_IOT, _DTLS_NB_IOT)
_PICTURED = "Azure IoT Hub, MQTT over TLS"  # in the picture, after the broker
_TELLING = ("authenticated", "connected", "report")  # of what the board prints
_SLEEPING = ("coap", "coaps")  # nothing comes down on these


def demo(
    image: Annotated[
        bool,
        typer.Option(
            "--image", help="The board is the firmware image of `make firmware`, in QEMU."
        ),
    ] = False,
    svg: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="Write a picture of it here: the README's, for example."
        ),
    ] = None,
) -> None:
    """Deploy a board to a plain broker, then to four clouds: reports stored, commands obeyed.

    On a terminal the last board goes on and the clouds' page is there to look at, until Ctrl-C.
    """
    if image:
        toolchain.image()
    if svg and not svg.absolute().parent.is_dir():
        raise UserError(f"--svg {svg}: there is no such folder")
    try:
        picture = _run(image, stays=not svg and sys.stdin.isatty() and sys.stdout.isatty())
    except TimeoutError as error:
        raise UserError(str(error)) from None
    except KeyboardInterrupt:
        raise UserError("the demo was interrupted") from None
    if svg:
        draw(picture, svg)


def _run(image: bool, stays: bool) -> list[Table]:
    """Show everything; returns the tables that a picture has.

    stays: the clouds and the board, with the address of the page, until Ctrl-C.
    """
    started = time.monotonic()
    ways = [way for *way, boards in _WAYS if image in boards]
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with (
        scratch() as folder,
        Progress(*columns, console=errors, transient=True) as progress,
    ):
        task = progress.add_task("making a board with empty flash", total=3 + len(ways))
        board = VirtualBoard(Path(folder, "board"))
        with board.create(modem=_MODEM, image=image):
            progress.update(task, advance=1, description=f"waiting for reports: {broker.TITLE}")
            pictured = [broker.show(board, Path(folder, "broker"), _table)]
            above_bar().print(pictured[0])
            progress.update(task, advance=1, description="starting four clouds")
            clouds = TwinProcess(Path(folder), options=["--page"])
            with clouds as twin, _board_log(board, twin) as log:
                progress.update(task, advance=1)
                for cloud, way, title in ways:
                    progress.update(task, description=f"deploying: {title}")
                    knock(board.device, _TIMEOUT_S, lambda: None)  # ends the program of before
                    before = board.printed, twin.last_id()
                    log.of(cloud)
                    files = _deploy(board, twin, Path(folder), (cloud, way, title))
                    progress.update(task, description=f"reporting: {title}")
                    show = _SHOWS.get((cloud, way), _show_command)
                    table = _table(title, files)
                    show(table, board, twin, cloud, before)
                    above_bar().print(table)
                    if title == _PICTURED:
                        pictured.append(table)
                    progress.update(task, advance=1)
                progress.stop()
                console.print(
                    f"Done in {time.monotonic() - started:.0f} s. Next: `{signet('broker')}` and "
                    f"`{signet('twin')} --page` keep a broker and the clouds running; "
                    "docs/walks.md goes on from here, docs/board.md to a board of yours.",
                )
                if stays:
                    _look(twin.ready["page"])
    return pictured


def _look(address: str) -> None:
    """Let a person look at the page until Ctrl-C."""
    console.print(
        f"Look at it: {address}\nThe board goes on reporting. Ctrl-C ends it.",
        markup=False,
        soft_wrap=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


@contextlib.contextmanager
def _board_log(board: VirtualBoard, twin: TwinProcess) -> Iterator[BoardLog]:
    """Has the twin told what the board prints, once it is known for which cloud."""
    with BoardLog(Path(twin.ready["control"])) as log:

        def follow() -> None:
            for text in board.follow():
                log.feed(text)

        threading.Thread(target=follow, name="board's lines", daemon=True).start()
        yield log


def _deploy(
    board: VirtualBoard, twin: TwinProcess, folder: Path, way_in: tuple[str, str, str]
) -> int:
    """Point the board to a cloud; returns how many files mpremote copied.

    folder: for a certificate of its own. way_in: one of `_WAYS`.
    """
    cloud, way, title = way_in
    own = folder if title in _WITH_CERTIFICATE else None
    config = twin.device_config(cloud, way)
    config["report_interval_s"] = 1
    config["deep_sleep"] = way in _SLEEPING
    if title in _BY_MODEM:
        config["modem"] = {"family": _MODEM}
    if way == "https" and cloud == "watson":
        config["command_poll_s"] = 1
    ca = Path(twin.ready["ca_file"]) if config["tls"] else None
    if own is not None:
        equip(twin, config, own)
    files = project_files(config, ca, board.kind, own, frozen=board.is_image)
    return deploy(board.device, files)


def _table(title: str, files: int) -> Table:
    """An empty one. files: how many were deployed."""
    title = f"{title} ({files} file{'s'[: files != 1]} deployed)"
    table = Table(
        title=title, title_justify="left", show_header=False, width=min(98, console.width)
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _show_command(
    table: Table, board: VirtualBoard, twin: TwinProcess, cloud: str, before: tuple[int, int]
) -> None:
    _show_reports(table, _stored(board, twin, cloud, _REPORTS, before[1]))
    printed = board.printed
    answer = twin.command(cloud, "set", _COMMAND)
    obeyed = board.wait_for(r"^command set: .*(?=\n)", _TIMEOUT_S, printed)[0]
    table.add_row("command sent", _said(f"{answer['topic']}\n{json.dumps(_COMMAND)}"))
    table.add_row("board", _said(obeyed))
    if "reply" in answer:
        table.add_row("reply as stored", Text(json.dumps(answer["reply"], sort_keys=True)))


def _show_sleep(
    table: Table, board: VirtualBoard, twin: TwinProcess, cloud: str, before: tuple[int, int]
) -> None:
    """The board wakes from deep sleep with an empty heap, and needs no new token."""
    stored = r"^(?:.*\n)*?report \d+ stored.*(?=\n)"
    first = board.wait_for(stored, _TIMEOUT_S, before[0])
    counts = twin.datagrams()
    second = board.wait_for(stored, _TIMEOUT_S, first.end())
    sent = _more_datagrams(counts, twin.datagrams())
    reports = _stored(board, twin, cloud, 2, before[1])
    for number, match in enumerate((first, second), 1):
        _show_reports(table, reports[number - 1 : number], number)
        lines = [line for line in match[0].splitlines() if line.startswith(_TELLING)]
        table.add_row("board" if number == 1 else "board, awake again", _said("\n".join(lines)))
    table.add_row("since it woke", Text(f"datagrams: {sent['up']} out, {sent['down']} in"))


def _show_token(
    table: Table, board: VirtualBoard, twin: TwinProcess, cloud: str, before: tuple[int, int]
) -> None:
    """The cloud says that the token has expired: the board gets another and sends again."""
    reports = _stored(board, twin, cloud, _REPORTS, before[1])
    _show_reports(table, reports)
    printed = board.printed
    twin.ask({"do": "fault", "fault": "expire_tokens"})
    renewed = board.wait_for(
        r"^authenticated\n(.*\n)*?report \d+ stored.*(?=\n)", _TIMEOUT_S, printed
    )
    table.add_row("the token expires", "")
    table.add_row("board", _said(renewed[0]))
    lapsed = _stored(board, twin, cloud, 1, reports[-1]["id"])
    _show_reports(table, lapsed, _REPORTS + 1)


def _more_datagrams(before: dict[str, Any], after: dict[str, Any]) -> dict[str, int]:
    """How many went through the doors for CoAP meanwhile, each direction."""
    return {
        way: sum(after[door][way].get("arrived", 0) for door in after)
        - sum(before[door][way].get("arrived", 0) for door in before)
        for way in ("up", "down")
    }


def _show_reports(table: Table, reports: list[dict[str, Any]], first: int = 1) -> None:
    for number, report in enumerate(reports, first):
        text = _said(f"{report['topic']}\n{report['payload']}")
        table.add_row(f"report {number} as stored", text)


# By cloud and way; where there is none, commands come down and are obeyed.
_SHOWS = {
    ("alibaba", "coap"): _show_sleep,
    ("alibaba", "coaps"): _show_sleep,
    ("alibaba", "https"): _show_token,
}


def _said(text: str) -> Text:
    """What a board or a cloud has said."""
    return Text(visible(text, lines=True))


def _stored(
    board: VirtualBoard, twin: TwinProcess, cloud: str, count: int, after: int
) -> list[dict[str, Any]]:
    """Wait until the cloud has stored `count` reports more."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        stored = [m for m in twin.messages(cloud, after) if m["status"] == "stored"]
        reports = [m for m in stored if m["direction"] == "up"]
        if len(reports) >= count:
            return reports[:count]
        if time.monotonic() > deadline:
            tail = "\n".join(board.output().splitlines()[-10:])
            raise UserError(f"{cloud} stored {len(reports)} reports; the board printed:\n{tail}")
        time.sleep(0.05)
