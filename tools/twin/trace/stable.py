"""Which parts of a text differ from run to run, and are two texts the same without them?"""

import json
import re
from typing import Any

_VOLATILE = re.compile(
    r"\*\d*\**"  # covered
    r"|\d{4}-\d\d-\d\d[T ][\d:.]+(?:Z|[+-]\d\d:\d\d)?"
    r"|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r"|(?<![0-9A-Za-z])(?=[0-9a-fA-F]*\d)[0-9a-fA-F]{12,}(?![0-9A-Za-z])"
    r"|(?<=seqOffset[\": ])[\": ]*\d+|(?<=\bseq )\d+"  # Alibaba's are drawn by lot
    r"|(?<=\"Port\":)\d+"
    r"|(?<=127\.0\.0\.\d:)\d+"
    r"|\b\d+(?= s in the past)|(?<=the next in )[\d.]+"
    r"|\d{9,}"  # times and ids
)


def stable(text: str) -> str:
    """The same with # in place of what no two runs have alike."""
    return _VOLATILE.sub("#", text)


def renamed(old: str, new: str) -> dict[str, str]:
    """What has another name in a text that is the same but for that."""
    if stable(old) != stable(new):
        return {}
    pairs = zip(_VOLATILE.findall(old), _VOLATILE.findall(new), strict=True)
    return {a: b for a, b in pairs if a != b and len(a) > 5 and "*" not in a + b}


def text_of(payload: bytes, decoded: Any = None) -> str:
    """A payload as a text. decoded: its value, where it is no text."""
    if decoded is not None:
        return json.dumps(decoded, default=repr)
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return payload.hex(" ")
