"""What is on a page of Markdown: links, headings, programs, command lines?"""

from __future__ import annotations

import re
import shlex
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.paths import ROOT

_FENCE = re.compile(r" *(`{3,})(\w*)[^`]*$")
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
_ELEMENT = re.compile(r"<(?:a|img)\b[^>]*?\b(?:href|src)=\"([^\"]+)\"")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_COMMENT = re.compile(r"<!-- *(run by|not run:) *(.+?) *-->\s*\Z")
_PROGRAM = re.compile(r"(?:\.venv/bin/|\.cache/bin/)?[a-z][\w-]*(?= |$)")
_OURS = re.compile(r"(?:\.venv/bin/)?(signet|make) ")


class Block(NamedTuple):
    """A fenced or indented block. language: "" where it is indented, or none is named. note: what
    a comment just before it says of its commands: ("run by", a test) or ("not run:", why).
    """

    language: str
    text: str
    note: tuple[str, str] | None = None


def pages() -> list[Path]:
    """Every page of the project."""
    folders = [(ROOT / name).rglob("*.md") for name in ("docs", "firmware")]
    return sorted([*ROOT.glob("*.md"), *(page for found in folders for page in found)])


def blocks(text: str) -> list[Block]:
    """Each block of code on a page."""
    return [piece for piece in _pieces(text) if isinstance(piece, Block)]


def _pieces(text: str) -> Iterator[Block | str]:
    """A page in order: its blocks, and what is between them."""
    before, fence, language = "", "", ""
    code: list[str] = []
    kind = ""  # of the block that is open: "fenced", "indented" or none
    for line in [*text.splitlines(), ""]:
        opens = not kind and line.startswith("    ") and line.strip()
        if kind == "indented" and not line.startswith("    ") and line.strip():
            yield Block("", "\n".join(code).strip("\n"), _note(before))
            before, kind, code = "", "", []
        if kind == "fenced":
            if line.strip() == fence:
                yield Block(language, "\n".join(code) + "\n", _note(before))
                before, kind, code = "", "", []
            else:
                code.append(line)
        elif mark := not kind and _FENCE.match(line):
            yield before
            fence, language, kind = mark[1], mark[2], "fenced"
        elif kind == "indented":
            code.append(line[4:])
        elif opens and not before.rpartition("\n\n")[2].strip():
            yield before
            kind, code = "indented", [line[4:]]
        else:
            before += line + "\n"
    if kind == "indented":
        yield Block("", "\n".join(code).strip("\n"), _note(before))
    else:
        yield before


def _note(before: str) -> tuple[str, str] | None:
    note = _COMMENT.search(before)
    return (note[1], note[2]) if note else None


def prose(text: str) -> str:
    """A page without its blocks of code."""
    return "\n".join(piece for piece in _pieces(text) if isinstance(piece, str))


def links(text: str) -> list[str]:
    """Where the links of a page lead, as they are written."""
    plain = _SPAN.sub("", prose(text))
    return _LINK.findall(plain) + _ELEMENT.findall(plain)


def anchors(text: str) -> set[str]:
    """What a link to a place on this page may name, as code hosts make it of headings."""
    found: Counter[str] = Counter()
    names = set()
    for heading in _HEADING.findall(prose(text)):
        name = slug(heading)
        names.add(f"{name}-{found[name]}" if found[name] else name)
        found[name] += 1
    return names


def slug(heading: str, separator: str = "-") -> str:
    """The anchor of a heading, which may hold Markdown."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", separator)


def elsewhere(link: str) -> bool:
    """Is it a link to another site?"""
    return bool(urllib.parse.urlsplit(link).scheme)


def dead(page: Path, link: str) -> str | None:
    """Why a link of a page leads nowhere; None where it does not, or to another site."""
    if elsewhere(link):
        return None
    path, _, anchor = urllib.parse.unquote(link).partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.is_relative_to(ROOT) or not target.exists():
        return f"{link}: no such file"
    if anchor and (target.suffix != ".md" or anchor not in anchors(target.read_text())):
        return f"{link}: no such heading"
    return None


class Command(NamedTuple):
    """A line for a shell, as it is written. note: as of its block."""

    text: str
    note: tuple[str, str] | None = None

    @property
    def words(self) -> list[str]:
        """What the shell makes of it: no comment, no output into a file."""
        text = self.text.partition("  ")[0] if self.text.startswith("make ") else self.text
        return shlex.split(text.partition(" > ")[0], comments=True)


def commands(text: str) -> list[Command]:
    """The command lines of a page's blocks: of those for a shell each, else of signet and make."""
    found = []
    for block in blocks(text):
        if block.language in ("", "sh", "bash", "console"):
            lines = re.sub(r"^\$ |\\\n", "", block.text, flags=re.MULTILINE).splitlines()
            for line in lines:
                for_shell = block.language and _PROGRAM.match(line)
                if for_shell or _OURS.match(line) or line.startswith(".venv/bin/"):
                    found.append(Command(line, block.note))
    return found


def mentioned(text: str) -> Iterator[list[str]]:
    """The words of each command of signet or make that a page names, in a line or a block."""
    named = [command.text for command in commands(text)]
    named += [span[2] for span in _SPAN.finditer(prose(text)) if _OURS.match(span[2])]
    for line in named:
        words = Command(re.sub(r"\s*\n\s*", " ", line)).words
        words[0] = words[0].rpartition("/")[2]
        if words[0] in ("signet", "make"):
            yield [word for word in words if set(word) - {".", "…"}]
