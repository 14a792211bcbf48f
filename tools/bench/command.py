"""What can `signet bench` measure?"""

from typing import Annotated

import typer
from rich.progress import Progress

from tools import toolchain
from tools.ui import console, errors

app = typer.Typer(no_args_is_help=True, help="Measure against peers.")


@app.callback()
def _group() -> None:
    """Measure against peers, both sides in one run."""


@app.command()
def hmac(
    rounds: Annotated[int, typer.Option(min=1, help="How often the contenders take turns.")] = 200,
    key_bytes: Annotated[int, typer.Option(min=0, max=64, help="Size of the key.")] = 32,
    message_bytes: Annotated[
        int, typer.Option(min=0, max=1500, help="Size of the message; a content has about 120.")
    ] = 120,
) -> None:
    """Time and heap of one HMAC signature, against two bare hashes and micropython-lib's hmac."""
    from tools.bench import hmac as bench

    steps = len(bench.HASHES) * len(toolchain.word_sizes() or [32])
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task("Measuring HMAC", total=steps)
        rows = bench.measure(rounds, key_bytes, message_bytes, lambda: progress.advance(task))
    for table in bench.tables(rows):
        console.print(table)
    console.print(bench.explanation(rounds, key_bytes, message_bytes), markup=False)
