"""What does a person see first?  A board that reports to three clouds and obeys each of them.

Nothing here is faked beyond what the README names: a real MicroPython with a board's heap, files
copied by the real mpremote, real TLS, a real broker behind each cloud's own rules.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from tools.board.deploy import deploy_project
from tools.board.virtual import VirtualBoard
from tools.lifeline import end_as_ctrl_c
from tools.twin.process import TwinProcess
from tools.ui import UserError, console, errors

_REPORTS = 3
_TIMEOUT_S = 30.0
_COMMAND = {"led": 1}

# Cloud, its way in, and what is shown for it. EnOS takes secrets on its plain port only.
_WAYS = (
    ("enos", "mqtt", "EnOS, MQTT"),
    ("alibaba", "mqtts", "Alibaba Cloud IoT Platform, MQTT over TLS"),
    ("watson", "mqtts", "Watson IoT Platform, MQTT over TLS"),
)


def demo() -> None:
    """Start three clouds, deploy a board to each: three reports stored, one command obeyed."""
    end_as_ctrl_c()
    try:
        _run()
    except TimeoutError as error:
        raise UserError(str(error)) from None
    except KeyboardInterrupt:
        raise UserError("the demo was interrupted") from None


def _run() -> None:
    started = time.monotonic()
    columns = SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with (
        tempfile.TemporaryDirectory(prefix="signet-demo-") as folder,
        Progress(*columns, console=errors, transient=True) as progress,
    ):
        task = progress.add_task("starting three clouds", total=2 + len(_WAYS))
        board = VirtualBoard(Path(folder, "board"))
        with TwinProcess(Path(folder)) as twin:
            progress.update(task, advance=1, description="making a board with empty flash")
            with board.create():
                progress.update(task, advance=1)
                for cloud, way, title in _WAYS:
                    progress.update(task, description=f"deploying to the board: {title}")
                    files = _deploy(board, twin, cloud, way)
                    progress.update(task, description=f"waiting for reports: {title}")
                    console.print(_show(board, twin, cloud, title, files))
                    progress.update(task, advance=1)
    console.print(
        f"Done in {time.monotonic() - started:.0f} s. "
        "Next: `signet twin` keeps the clouds running, `signet board --help` deploys to a board "
        "of yours; README.md goes on from here.",
        soft_wrap=True,
    )


def _deploy(board: VirtualBoard, twin: TwinProcess, cloud: str, way: str) -> int:
    """Point the board to a cloud; returns how many files mpremote copied."""
    config = twin.device_config(cloud, way)
    config["report_interval_s"] = 1
    ca = Path(twin.ready["ca_file"]) if config["tls"] else None
    return deploy_project(board.device, config, ca)


def _show(board: VirtualBoard, twin: TwinProcess, cloud: str, title: str, files: int) -> Table:
    before = len(board.output())
    reports = _stored(board, twin, cloud)
    answer = twin.command(cloud, "set", _COMMAND)
    obeyed = board.wait_for(r"^command set: .*$", _TIMEOUT_S, before)[0]
    table = Table(
        title=f"{title} ({files} files deployed)",
        title_justify="left",
        show_header=False,
        width=min(98, console.width),
    )
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    for number, report in enumerate(reports, 1):
        table.add_row(
            f"report {number} as stored", Text(f"{report['topic']}\n{report['payload']}")
        )
    table.add_row("command sent", Text(f"{answer['topic']}\n{json.dumps(_COMMAND)}"))
    table.add_row("board", Text(obeyed))
    if "reply" in answer:
        table.add_row("reply as stored", Text(json.dumps(answer["reply"], sort_keys=True)))
    return table


def _stored(board: VirtualBoard, twin: TwinProcess, cloud: str) -> list[dict[str, Any]]:
    """Wait until the cloud has stored enough reports."""
    deadline = time.monotonic() + _TIMEOUT_S
    while True:
        stored = [m for m in twin.messages(cloud) if m["status"] == "stored"]
        reports = [m for m in stored if m["direction"] == "up"]
        if len(reports) >= _REPORTS:
            return reports[:_REPORTS]
        if time.monotonic() > deadline:
            tail = "\n".join(board.output().splitlines()[-10:])
            raise UserError(f"{cloud} stored {len(reports)} reports; the board printed:\n{tail}")
        time.sleep(0.05)
