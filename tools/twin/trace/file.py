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

_LATEST_MS = 10**14
_LONGEST_LINE = 1 << 25  # that of the registry has all devices: 100,000 of them

# What a reader asks of a record, beside "what" and "ms"; kinds that are not here are passed over.
_NEEDED = {
    "trace": "version signet python mosquitto options clouds",
    "registry": "put gone",
    "event": "cloud device kind text",
    "message": "id cloud device direction topic payload qos retain dup status reason",
    "marked": "id status",
    "opened": "connection cloud way peer tls server_name certificate",
    "login": "connection cloud device kind client_id keepalive_s clean policy",
    "refused": "connection cloud device code mistake reason",
    "handshake": "cloud way peer server_name hello_hex answered chain alert left",
    "ended": "connection cloud device",
    "closed": "connection cloud device reason",
    "packet": "connection cloud device direction name bytes",
    "http": "connection cloud device direction headers body_hex",
    "coap": "connection cloud way device direction type code mid token options payload_hex again"
    " seq plain_hex",
    "ready": "clouds",
    "command": "cloud device name data",
    "fault": "request",
}
_SORTS: dict[str, tuple[type, ...]] = {
    "what": (str,),
    "ms": (int,),
    "connection": (int, str),
    "clouds": (list, dict),
    **dict.fromkeys(("cloud", "device", "way", "peer", "name"), (str, type(None))),
    **dict.fromkeys(("direction", "kind", "text"), (str,)),
}


def line(record: Record) -> bytes:
    """One record as it is written."""
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def read(path: Path) -> Iterator[Record]:
    """The records of a trace, its header first.

    A last line without its end is left out: the twin was killed while it wrote.
    raises: UserError for what is no trace, with the number of the line.
    """
    number = 0
    try:
        with path.open("rb") as file:
            while each := file.readline(_LONGEST_LINE):
                number += 1
                if len(each) == _LONGEST_LINE:
                    raise UserError(f"line {number} of {path} is longer than any of a trace")
                if not each.endswith(b"\n") and number > 1:
                    return
                yield _record(path, number, each)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if not number:
        raise UserError(f"{path} is empty")


def _record(path: Path, number: int, text: bytes) -> Record:
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        raise UserError(f"line {number} of {path} is not JSON; is it a trace?") from None
    if not isinstance(record, dict) or not {"what", "ms"} <= record.keys():
        raise UserError(f'line {number} of {path} is no record: it has no "what" and "ms"')
    for name, sorts in _SORTS.items():
        if name in record and not isinstance(record[name], sorts):
            raise UserError(f"line {number} of {path}: {name!r} is not what it is in a trace")
    if not 0 <= record["ms"] < _LATEST_MS:
        raise UserError(f"line {number} of {path}: 'ms' is no time since 1970")
    if number == 1:
        if record["what"] != "trace":
            raise UserError(f"line 1 of {path} is not the head of a trace")
        if record.get("version") != VERSION:
            raise UserError(
                f"line 1 of {path} is of version {record.get('version')!r} of traces; this signet"
                f" reads version {VERSION}"
            )
    missing = set(_NEEDED.get(record["what"], "").split()) - record.keys()
    if missing:
        names = ", ".join(sorted(missing))
        raise UserError(f"line {number} of {path}: a {record['what']!r} without {names}")
    return record
