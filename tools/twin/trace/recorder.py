"""How does a trace come about while a twin runs?

One line a record, written at once: a twin that is killed leaves all but the last moment.
"""

import json
import os
import platform
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools import toolchain
from tools.twin.options import Options
from tools.twin.registry import mask
from tools.twin.registry.store import Store
from tools.twin.trace import registry
from tools.twin.trace.file import VERSION, Record, line
from tools.ui import UserError
from tools.version import version

# Before what a device may be let in by, or not, the registry is looked at again.
_ASKS = ("handshake", "opened", "packet", "http", "coap", "event", "command")

_TEXTS = {"payload", "text", "reason"}


class Recorder:
    """Writes what happens to a file whose mode is 0600.

    store: the registry. clouds: their names. full: called once where no more can be written.
    raises: UserError when the file is there already, or cannot be made.
    """

    def __init__(
        self,
        path: Path,
        store: Store,
        options: Options,
        clouds: list[str],
        full: Callable[[str], None],
    ) -> None:
        try:
            self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            raise UserError(f"{path} is there already; choose another file to record to") from None
        except OSError as error:
            raise UserError(f"cannot record to {path}: {error.strerror}") from None
        self._store = store
        self._full = full
        self._tables: registry.Whole = {}
        self._seen = -1
        self._write({**_head(options), "clouds": clouds})
        self._look()
        self._end = store.journal.listen(self._record)

    def close(self) -> None:
        """Write that the twin ends, and no more."""
        self._end()
        self._look()
        self._write({"what": "end", "ms": _now_ms()})
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _record(self, record: Record) -> None:
        if record["what"] == "changed":
            self._seen = -1  # looked at before it matters: a thousand changes may come at once
            return
        if record["what"] in _ASKS:
            self._look()
        if texts := _TEXTS & record.keys():
            record = {**record, **{name: _masked(record[name]) for name in texts}}
        if "data" in record or "request" in record:  # only what a person may have put there
            record = _without_secrets(record)
        self._write(record)

    def _write(self, record: Record) -> None:
        if self._file < 0:
            return
        try:
            data = line(record)
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            os.close(self._file)
            self._file = -1
            self._full(f"the trace ends here: {error.strerror}")

    def _look(self) -> None:
        """Write what has changed in the registry; another process may have done it."""
        database = self._store.database
        seen = database.execute("PRAGMA data_version").fetchone()[0]
        if seen == self._seen:
            return
        self._seen = seen
        found = registry.tables(database)
        change = registry.difference(self._tables, found)
        first = not self._tables
        self._tables = found
        if first or change["put"] or change["gone"]:
            self._write({"what": "registry", "ms": _now_ms(), **change})


def _head(options: Options) -> Record:
    return {
        "what": "trace",
        "version": VERSION,
        "ms": _now_ms(),
        "signet": version(),
        "python": platform.python_version(),
        "mosquitto": _mosquitto(),
        "options": {
            "losses": asdict(options.losses),
            "token_life_s": options.token_life_s,
            "http_per_s": options.http_per_s,
            "policy": options.policy,
        },
    }


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _mosquitto() -> str:
    said = subprocess.run(
        [toolchain.mosquitto(), "-h"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"version (\S+)", said)
    return found[1] if found else ""


def _masked(text: Any) -> Any:
    """A text, or a payload as `Store.messages` has it."""
    if isinstance(text, dict):
        return {"hex": mask.body(bytes.fromhex(text["hex"])).hex()}
    return text and mask.body(text.encode("utf-8", "surrogatepass")).decode("utf-8", "replace")


def _without_secrets(value: Any) -> Any:
    """JSON with what its members' names say to be secret covered."""
    return json.loads(mask.body(line(value)))
