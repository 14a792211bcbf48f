"""How does a page show a trace, a file of records, instead of a twin?"""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path

from tools.twin.page.model import Model
from tools.twin.page.server import Server
from tools.twin.trace import file as traces
from tools.ui import UserError


def read(file: Path) -> Model:
    """What happened in a trace. raises: UserError, with the line that is wrong."""
    model = Model(file.name, live=False)
    number = 0
    for number, record in enumerate(traces.read(file), 1):
        try:
            model.feed(record)
        except (ValueError, LookupError, TypeError, AttributeError):
            what = record["what"]
            raise UserError(f"line {number} of {file} is no record {what!r} of a trace") from None
    if number == 0:
        raise UserError(f"{file} is empty; `signet twin --record FILE` makes a trace")
    return model


async def show(model: Model, on_ready: Callable[[str], None]) -> None:
    """Serve the page of a trace until SIGINT or SIGTERM. on_ready: gets its address, in a
    thread: what opens a browser may wait until that has the page.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await Server(model).start()
    try:
        opening = asyncio.create_task(asyncio.to_thread(on_ready, server.address))
        await stop.wait()
        await opening
    finally:
        await server.stop()
