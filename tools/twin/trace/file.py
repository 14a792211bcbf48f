"""How is a trace written and read?

JSON lines: first {"what": "trace", "version": 1, ...}, then the records of
`tools.twin.registry.journal`, and {"what": "registry", ...} of `tools.twin.trace.registry`.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tools.ui import UserError

VERSION = 1

Record = dict[str, Any]


def line(record: Record) -> bytes:
    """One record as it is written."""
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def read(path: Path) -> Iterator[Record]:
    """The records of a trace, its header first.

    A last line without its end is left out: the twin was killed while it wrote.
    raises: UserError for what is no trace, with the number of the line.
    """
    try:
        with path.open("rb") as lines:
            for number, each in enumerate(lines, 1):
                if not each.endswith(b"\n") and number > 1:
                    return
                yield _record(path, number, each)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None


def _record(path: Path, number: int, text: bytes) -> Record:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"line {number} of {path} is not JSON; is it a trace?") from None
    if not isinstance(record, dict) or not {"what", "ms"} <= record.keys():
        raise UserError(f'line {number} of {path} is no record: it has no "what" and "ms"')
    if number == 1:
        if record["what"] != "trace":
            raise UserError(f"line 1 of {path} is not the head of a trace")
        if record.get("version") != VERSION:
            raise UserError(
                f"line 1 of {path} is of version {record.get('version')!r} of traces; this signet"
                f" reads version {VERSION}"
            )
    return record
