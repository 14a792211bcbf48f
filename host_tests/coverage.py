"""Which lines of lib/signet does no portable test run?  `make coverage`, and `make proof`

The interpreter float32 has told each line of what was loaded, and each that ran
(firmware/unix/lines.c). Prints the files with lines that did not, and the share of all that did.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from rich import box
from rich.table import Table

from host_tests.portable.host.interpreters import LINES, missing
from tools.paths import LIB
from tools.ui import console, errors


def read(folder: Path) -> dict[str, dict[int, bool]]:
    """By module, by number of a line: has it run in any process that left a file in the folder?"""
    modules: dict[str, dict[int, bool]] = defaultdict(dict)
    for file in folder.glob("*"):
        for told in file.read_text().splitlines():
            name, _, line = told[1:].partition(" ")
            modules[name][int(line)] = modules[name].get(int(line), False) or told[0] == "+"
    return modules


def spans(lines: Iterable[int], there: Iterable[int]) -> str:
    """Numbers of lines as "3 7-12": those between, where no other line is there, are implied."""
    order = sorted(there)
    following = dict(pairwise(order))
    text: list[list[int]] = []
    for line in sorted(lines):
        if text and following.get(text[-1][1]) == line:
            text[-1][1] = line
        else:
            text.append([line, line])
    return " ".join(f"{first}-{last}" if last > first else str(first) for first, last in text)


def table(modules: dict[str, dict[int, bool]]) -> Table:
    """The files with lines that did not run, those with most of them first."""
    total, run = 0, 0
    rows = []
    for name, lines in modules.items():
        missed = [line for line, has_run in lines.items() if not has_run]
        total += len(lines)
        run += len(lines) - len(missed)
        if missed:
            rows.append((len(missed), _file(name), len(lines), spans(missed, lines)))
    title = f"{run} of {total} lines of lib/signet ran, {run / total:.1%}"
    found = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    for heading, justify in (("file", "left"), ("of", "right"), ("not", "right")):
        found.add_column(heading, justify=justify)  # type: ignore[arg-type]
    found.add_column("which", overflow="fold")
    for count, file, of, which in sorted(rows, key=lambda row: (-row[0], row[1])):
        found.add_row(file, str(of), str(count), which)
    return found


def _file(module: str) -> str:
    path = LIB / module.replace(".", "/")
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return path.relative_to(LIB / "signet").as_posix()


def main() -> None:
    """Print it, or why there is nothing."""
    modules = read(LINES)
    if not modules:
        why = missing("float32") or "no test ran on float32"
        errors.print(f"signet: which lines run is not known: {why}", markup=False, soft_wrap=True)
        return
    console.print(table(modules))
    known = {_file(module) for module in modules}
    files = (path.relative_to(LIB / "signet").as_posix() for path in LIB.rglob("*.py"))
    if unknown := sorted(set(files) - known):
        console.print(f"no portable test imports {', '.join(unknown)}", soft_wrap=True)


if __name__ == "__main__":
    main()
