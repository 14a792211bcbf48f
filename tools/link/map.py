"""What do the short names of a linked board mean in lib/signet?"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Mapping
from typing import NamedTuple, Self

from tools.link.nodes import walk

FROZEN = "py"
"""Stands for a map's id in an image, where a file's name must be the module's."""

_LINE = re.compile(r'File "([a-z_0-9/]+)\.([0-9a-f]{6}|py)", line 1, in (\S+)')
"""Linked code has no line numbers: readable code, in an image too, has others."""

_ATTRIBUTE = re.compile(r"attribute '(\w+)'")


class Function(NamedTuple):
    """path, line, name: in lib/signet. calls: names in it, by which it is told apart."""

    path: str
    line: int
    name: str
    calls: list[str]


Functions = dict[str, dict[str, list[Function]]]
"""By file and short name: what may be meant."""


class Map(NamedTuple):
    """Of one deployment.

    id: in the file names of its tracebacks. modules: by path on the board, which lie there.
    """

    id: str
    functions: Functions
    attributes: dict[str, str]
    modules: dict[str, list[str]]

    @classmethod
    def of(
        cls,
        texts: Mapping[str, str],
        found: Functions,
        attributes: Mapping[str, str],
        modules: dict[str, list[str]],
    ) -> Self:
        """Makes one. texts: sources by file. attributes: short by long. The rest as above."""
        digest = hashlib.sha256(repr(sorted(texts.items())).encode()).hexdigest()
        return cls(digest[:6], found, {short: name for name, short in attributes.items()}, modules)

    def text(self) -> str:
        """JSON, for `read`."""
        return json.dumps(self._asdict(), separators=(",", ":"))

    def explain(self, text: str) -> str:
        """Turn back each line of a traceback that is of this deployment; all else stays."""
        lines = text.splitlines(keepends=True)
        after = None  # the function of the line below
        for number, line in reversed([*enumerate(lines)]):
            frame = _LINE.search(line)
            if frame is None or frame[2] != self.id or frame[1] not in self.functions:
                after = None
                continue
            lines[number] = line.replace(frame[0], self._meant(frame, after))
            if after is None and lines[number + 1 :]:  # what was raised there
                lines[number + 1] = _ATTRIBUTE.sub(self._attribute, lines[number + 1])
            after = frame[3]
        return "".join(lines)

    def _attribute(self, found: re.Match[str]) -> str:
        return f"attribute '{self.attributes.get(found[1], found[1])}'"

    def _meant(self, frame: re.Match[str], after: str | None) -> str:
        all_of_it = self.functions[frame[1]].get(frame[3], [])
        likely = [each for each in all_of_it if after is None or after in each[3]] or all_of_it
        texts = [f'File "{path}", line {line}, in {name}' for path, line, name, _ in likely]
        return " or ".join(texts) or frame[0]


def read(text: str) -> Map:
    """What `Map.text` made. raises: ValueError, TypeError."""
    return Map(**json.loads(text))


def functions(files: Mapping[str, ast.Module], paths: Mapping[str, str]) -> Functions:
    """What is in renamed files, by what the linker noted of each function (gather.py).

    files: by what tracebacks call them, without the map's id.
    """
    found: Functions = {}
    for file, tree in files.items():
        names = found.setdefault(file, {})
        for node in walk(tree):
            origin = getattr(node, "origin", None)
            if origin:
                module, line, name = origin
                short = getattr(node, "name", "<lambda>")
                names.setdefault(short, []).append(
                    Function(paths[module], line, name, sorted(_names(node)))
                )
    return found


def _names(node: ast.AST) -> set[str]:
    return {
        name
        for each in walk(node)
        for name in (getattr(each, "attr", None), getattr(each, "id", None))
        if name
    }
