"""What does `signet board deploy` do?  Checks, shows, asks, copies."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from rich import box
from rich.table import Table

from tools.board.check import check, check_wifi, proved
from tools.board.deploy import (
    PROGRAMS,
    boards,
    carry_out,
    own_programs,
    plan_for,
    project_files,
    seen,
    yielding,
)
from tools.board.line import serial_line
from tools.board.look import read
from tools.board.mpremote import RESTART, check_device, reach, run
from tools.board.needs import needs
from tools.board.plan import MANAGED, Board, Plan
from tools.board.virtual import DEFAULT_FOLDER, VirtualBoard
from tools.json_file import read_object
from tools.link.device import device_of
from tools.ui import BoardFolder, UserError, console, errors, visible

_RESTART_S = 20.0

Show = Callable[[int, int, str], None]


def deploy(
    *,
    config: Annotated[
        Path,
        typer.Option(
            help="device.json: who the board is, to which cloud. Certificates and a key that it"
            " names are taken from beside it."
        ),
    ],
    ca: Annotated[
        Path | None,
        typer.Option(
            help="Certificate authority of the cloud's server (PEM). Default: ca.pem beside"
            " device.json, where there is one."
        ),
    ] = None,
    wifi: Annotated[
        Path | None, typer.Option(help='wifi.json: {"ssid": ..., "password": ...}.')
    ] = None,
    program: Annotated[
        Path | None,
        typer.Option(
            help="Folder whose main.py, boot.py and board.py, those that it has, replace the"
            " board's. Without it the board's own stay, and signet's go where there are none."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Serial line of a real board, for example /dev/ttyUSB0.")
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(
            help="A folder of firmware/boards/: such as virtual or esp32, or your own.",
            autocompletion=boards,
        ),
    ] = None,
    folder: BoardFolder = DEFAULT_FOLDER,
    plain: Annotated[
        bool,
        typer.Option(
            "--plain", help="Send signet readable, a file a module: more flash, heap and time."
        ),
    ] = False,
    frozen: Annotated[
        bool,
        typer.Option(
            "--frozen",
            help="Signet is in the board's firmware, as in an image board's: send the rest.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change; change nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Replace without asking what signet did not put there.")
    ] = False,
) -> None:
    """Copy signet, boot.py, main.py and the configuration to a board and restart it.

    What is on the board already and not from here stays, or is asked about.
    """
    if device:
        check_device(device)
    values = read_object(config)
    virtual = VirtualBoard(folder)
    is_image = device is None and virtual.is_image
    frozen = frozen or is_image
    if frozen and plain:
        raise UserError(
            "--plain: signet is in the board's firmware, which counts before what is in /lib"
        )
    real = "esp32_nbiot" if values.get("modem") else "esp32"
    kind = board or (real if device else virtual.kind)
    project = _Project(
        values, ca, kind, config.parent, program, plain, frozen, _wifi(wifi) if wifi else None
    )
    with _progress("linking signet"):
        files = project.files()
    project.check(files)
    if not device and not dry_run and folder == DEFAULT_FOLDER and not virtual.image.exists():
        virtual.create()
    with serial_line(device, folder) as line:
        with _progress() as show:
            reach(line, lambda text: show(0, 0, text))
        try:
            with _progress():
                present, files, plan = project.against(line, files)
            console.print(str(needs(files)), soft_wrap=True)
            if not dry_run:
                _agree(plan, present, files, yes)
        except BaseException:
            with suppress(UserError):
                _restart(line)
            raise
        if dry_run:
            _show(plan, present, files)
            _restart(line)
            console.print("Nothing was changed; the board restarts.")
            return
        try:
            with _progress() as show:
                changed = carry_out(line, present, plan, files, progress=show)
        except BaseException:
            errors.print("The board is stopped, and has a part of it only: deploy again.")
            raise
    console.print(f"{changed} of {len(files)} files copied; the board restarts.")


class _Project(NamedTuple):
    """What is to be deployed. wifi: content of wifi.json, or None."""

    config: dict[str, Any]
    ca: Path | None
    board: str
    beside: Path
    program: Path | None
    plain: bool
    frozen: bool
    wifi: bytes | None

    def files(self, others: Mapping[str, bytes] = {}) -> dict[str, bytes]:
        """Path on the board -> content. others: programs of the board that use signet too."""
        files = project_files(
            self.config,
            self.ca,
            self.board,
            self.beside,
            program=self.program,
            others=others.values(),
            plain=self.plain,
            frozen=self.frozen,
        )
        return files | ({"/wifi.json": self.wifi} if self.wifi else {})

    @property
    def _ca(self) -> str | None:
        """Where the board has its CA, when it needs one."""
        return f"/{self.config.get('ca') or 'ca.pem'}" if device_of(self.config).tls else None

    def check(self, files: Mapping[str, bytes]) -> None:
        """Say what the board would. raises: UserError."""
        for warning in check(files):
            if self._ca is None or self._ca in files:  # else it is said when the board's is known
                errors.print(visible(warning), markup=False, soft_wrap=True)

    def against(self, line: str, files: dict[str, bytes]) -> tuple[Board, dict[str, bytes], Plan]:
        """What the board has, what it is to have, and what that takes. raises: UserError."""
        own = set(own_programs(self.program) if self.program else ())
        yields = yielding(files) - own
        present = seen(line, files)
        plan = plan_for(present, files, yields, self.config)
        if any(path in PROGRAMS for path in plan.keep):
            files = self.files(read(line, (), search=True))
            yields = yielding(files) - own
            plan = plan_for(present, files, yields, self.config)
        if self._ca and self._ca not in files:
            there = read(line, [self._ca])
            if not there:
                raise UserError(
                    f"there is no {self._ca[1:]} beside device.json, nor on the board: the"
                    " certificate of the CA that signed the server's belongs there; --ca names it"
                )
            self.check(files | there)
            files["/device.json"] = proved(files | there)
            plan = plan_for(present, files, yields, self.config)
        return present, files, plan


@contextmanager
def _progress(first: str = "asking the board what it has") -> Iterator[Show]:
    if not errors.is_terminal:
        yield lambda done, total, path: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(first, total=None)

        def show(done: int, total: int, path: str) -> None:
            progress.update(task, description=path, completed=done, total=max(total, 1))

        yield show


def _restart(line: str) -> None:
    run(line, ["resume"], [["exec", "--no-follow", RESTART]], _RESTART_S)


def _agree(plan: Plan, present: Board, files: Mapping[str, bytes], yes: bool) -> None:
    """Show what stays or goes of what is not ours, and ask. raises: UserError for a no."""
    if plan.keep or plan.not_ours:
        _show(plan._replace(send=[], remove=[]), present, files)
    if any(path in PROGRAMS for path in plan.keep):
        console.print("To replace programs that are kept: --program FOLDER", soft_wrap=True)
    if not plan.not_ours or yes:
        return
    if not sys.stdin.isatty():
        raise UserError(
            "nothing was changed: this would replace or remove what signet did not put on the"
            " board, and there is no terminal to ask at; --yes does it without asking"
        )
    if not typer.confirm("Replace or remove that on the board?", err=True):
        raise UserError("nothing was changed")


def _show(plan: Plan, present: Board, files: Mapping[str, bytes]) -> None:
    """What would become of the board's files; those of signet itself in one row."""
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("what", "file", "bytes", "why"):
        table.add_column(name, justify="right" if name == "bytes" else "left", overflow="fold")
    for what, paths in (
        ("add", [path for path in plan.send if path not in plan.update]),
        ("update", [path for path in plan.send if path in plan.update]),
        ("remove", plan.remove),
        ("replace", plan.replace),
        ("remove", plan.take_away),
        ("keep", plan.keep),
    ):
        why = paths if isinstance(paths, dict) else {}
        rest = [path for path in paths if not path.startswith(MANAGED) or path in why]
        for path in rest:
            there = present.files.get(path)
            size = there.size if there and what in ("keep", "remove") else len(files[path])
            table.add_row(what, visible(path), f"{size}", why.get(path, ""))
        if len(rest) < len(paths):
            folded = [path for path in paths if path not in rest]
            size = sum(len(files.get(path, b"")) for path in folded)
            table.add_row(what, f"{len(folded)} in {MANAGED}", f"{size or ''}")
    if table.row_count:
        console.print(table, markup=False)


def _wifi(path: Path) -> bytes:
    values = read_object(path)
    check_wifi(values)
    return json.dumps(values).encode()
