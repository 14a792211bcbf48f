"""How are several things brought here at once, a bar for each, and how does that end?"""

from __future__ import annotations

import hashlib
import signal
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple, NoReturn

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tools.toolchain.alone import only_one
from tools.toolchain.progress import told
from tools.toolchain.run import Report, RunError, stop_all
from tools.ui import UserError, errors

_ENDS = _READY, _FAILED = "ready", "failed"


class Part(NamedTuple):
    """What has a bar of its own."""

    title: str
    install: Callable[[Report], None]


def attempt(folder: Path, work: Callable[[], None]) -> int:
    """Do what installs into a folder while no other make does, and say what goes wrong.

    returns: the exit status (2: an error was shown; 130: interrupted).
    """
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with only_one(folder):
            work()
    except KeyboardInterrupt:
        errors.print("signet: interrupted; the next make goes on from here", markup=False)
        return 130
    except UserError as error:
        for line in str(error).splitlines():
            errors.print(f"signet: {line}", markup=False, soft_wrap=True)
        return 2
    except OSError as error:
        errors.print(
            f"signet: cannot install into {folder}: {error}", markup=False, soft_wrap=True
        )
        return 2
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def pinned(folder: Path, name: str, *content: str) -> Path:
    """Where in a folder something pinned lies: another content, another place."""
    return folder / f"{name}-{hashlib.sha256('/'.join(content).encode()).hexdigest()[:12]}"


def once(target: Path, build: Callable[[Path], None]) -> None:
    """Build a folder beside its place and rename it; nothing to do when it is there."""
    if target.exists():
        return
    with tempfile.TemporaryDirectory(
        dir=target.parent, prefix=".new-", ignore_cleanup_errors=True
    ) as name:
        new = Path(name, "content")
        build(new)
        new.replace(target)


def side_by_side(parts: Sequence[Part]) -> None:
    """Install all parts at once, a bar for each; raises UserError with one line per failure."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    troubles: list[str] = []
    with Progress(*columns, console=errors) as progress, ThreadPoolExecutor(len(parts)) as pool:

        def work(part: Part, task: TaskID) -> None:
            def report(text: str, fraction: float | None) -> None:
                total = None if fraction is None else 1.0
                progress.update(task, text=text, total=total, completed=fraction or 0.0)

            try:
                part.install(report)
            except UserError as error:
                report(_FAILED, 0.0)
                troubles.append(str(error))
            except RunError as error:
                report(_FAILED, 0.0)
                troubles.append(f"{part.title}: {error}")
            else:
                report(_READY, 1.0)
                progress.stop_task(task)

        try:
            jobs = [
                pool.submit(work, part, progress.add_task(part.title, total=None, text="waiting"))
                for part in parts
            ]
            with told(lambda: _how_far(progress)):
                # A signal that another thread receives does not end a wait without a limit.
                while wait(jobs, timeout=0.1).not_done:
                    pass
            for job in jobs:
                job.result()
        except BaseException:
            stop_all()
            raise
    if troubles:
        raise UserError("\n".join(troubles))


def _how_far(progress: Progress) -> str:
    """The first of the bars that move, and how many do, in a line of 80 columns."""
    moving = [task for task in progress.tasks if task.fields["text"] not in _ENDS]
    ready = f"{len(progress.tasks) - len(moving)} of {len(progress.tasks)} ready"
    texts = [
        f"{task.description} {task.fields['text']}"
        + (f" {task.percentage:.0f} %" if task.total else "")
        for task in moving
    ]
    others = f", {len(texts) - 1} more" if len(texts) > 1 else ""
    return f"{ready}; {texts[0]}{others}" if texts else ready
