"""How does a page show a trace, a file of records, instead of a twin?

Its first line is a header, {"what": "trace", "version": 1, ...}; each other is a record of the
journal, and the last may be cut off.
"""

import asyncio
import json
import signal
from collections.abc import Callable
from pathlib import Path

from tools.twin.page.model import Model
from tools.twin.page.server import Server
from tools.ui import UserError

_VERSION = 1


def read(file: Path) -> Model:
    """What happened in a trace. raises: UserError, with the line that is wrong."""
    model = Model(file.name, live=False)
    number = 0
    try:
        with file.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if number > 1 and not line.endswith("\n"):
                    break  # the twin was killed while it wrote
                record = json.loads(line)
                if number > 1:
                    model.feed(record)
                elif record["what"] != "trace":
                    raise UserError(f"{file} is no trace: it does not begin as one")
                elif record["version"] != _VERSION:
                    raise UserError(
                        f"{file} is a trace of version {record['version']}; this program reads"
                        f" version {_VERSION}"
                    )
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UserError(f"{file}: line {max(number, 1)} is no record of a trace") from None
    if number == 0:
        raise UserError(f"{file} is empty; `signet twin --record FILE` makes a trace")
    return model


async def show(model: Model, on_ready: Callable[[str], None]) -> None:
    """Serve the page of a trace until SIGINT or SIGTERM. on_ready: gets its address."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = await Server(model).start()
    try:
        on_ready(server.address)
        await stop.wait()
    finally:
        await server.stop()
