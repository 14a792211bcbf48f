"""Is the README short, is each modem's setting right, and does each promise name what proves it?

In docs/maintainers.md the last column, "shown by", names files of host_tests/, or `file::test`. A
row in which nothing works yet names none.
"""

import ast
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tools.board.check import check
from tools.modem.emulator import FAMILIES
from tools.paths import ROOT

_TESTS = ROOT / "host_tests"
_COLUMN = "shown by"
_NOTHING = ("", "-", "not yet", "not tried")
_NAME = re.compile(r"`([^`]+)`")


def _examples() -> list[dict[str, Any]]:
    """A device.json for each modem that the page about them shows."""
    text = (ROOT / "docs" / "nb-iot.md").read_text()
    (shown,) = re.findall(r"```json\n(.+?)```", text, re.DOTALL)
    modems = re.findall(r'`(\{"family".+?\})`', text)
    config = json.loads(shown)
    return [config, *(config | {"modem": json.loads(modem)} for modem in modems)]


@pytest.mark.parametrize("config", _examples(), ids=lambda config: config["modem"]["family"])
def test_a_modem_is_one_that_a_board_takes(config):
    check({"/device.json": json.dumps(config).encode()})


def test_the_readme_has_1200_words_at_most():
    assert len((ROOT / "README.md").read_text().split()) <= 1200


def test_each_promise_has_a_row_for_maintainers():
    promises = re.findall(r"^- \*\*(.+?)\*\*", _promise_page(), re.MULTILINE)
    (header, *rows), *_ = _features()
    assert header[0] == "promise" and [row[0] for row in rows] == [
        promise.removesuffix(".") for promise in promises
    ]


def _promise_page() -> str:
    """With one line a promise."""
    return (ROOT / "docs" / "promise.md").read_text().replace("\n  ", " ")


def test_there_is_an_example_for_each_modem():
    shown = [config["modem"]["family"] for config in _examples()]
    assert {*shown} == {*FAMILIES} and len(shown) == 1 + len(FAMILIES)


class Row(NamedTuple):
    """A row: its title, its cells between title and proofs, and the proofs."""

    title: str
    cells: list[str]
    proofs: str

    @property
    def works(self) -> bool:
        """Does it say of anything that it works?"""
        return any(cell not in _NOTHING for cell in self.cells)


def tables(text: str) -> list[list[list[str]]]:
    """Each table of a Markdown text: its rows of cells, the header first."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [[row for row in table if set("".join(row)) - set("-: ")] for table in found if table]


def _features() -> list[list[list[str]]]:
    text = (ROOT / "docs" / "maintainers.md").read_text()
    return [
        table
        for section in ("Promises", "What works")
        for table in tables(text.split(f"\n## {section}\n", 1)[1].split("\n## ", 1)[0])
    ]


def _rows() -> list[Row]:
    return [
        Row(row[0], row[1:-1] or ["promised"], row[-1]) for _, *rows in _features() for row in rows
    ]


def mistakes(row: Row, folder: Path = _TESTS) -> list[str]:
    """What is wrong with a row's proofs. folder: where they lie."""
    names = _NAME.findall(row.proofs)
    if not row.works:
        return [f"nothing works there, and yet {name} shows it" for name in names]
    if not names:
        return ["no test shows it"]
    return [mistake for name in names if (mistake := _mistake(name, folder))]


def _mistake(name: str, folder: Path) -> str:
    file, _, function = name.partition("::")
    path = folder / file
    if not re.fullmatch(r"(?:\w+/)*test_\w+\.py", file):
        return f"{file} is no file of tests"
    if not path.is_file():
        return f"{file} is not there"
    tests = {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }
    if not tests:
        return f"{file} has no test"
    return f"{file} has no {function}" if function and function not in tests else ""


def test_there_are_feature_tables_and_each_has_a_column_for_its_proofs():
    found = _features()
    assert len(found) >= 2
    for header, *rows in found:
        assert header[-1] == _COLUMN
        assert rows
        assert {len(row) for row in rows} == {len(header)}


@pytest.mark.parametrize("row", _rows(), ids=lambda row: row.title)
def test_a_feature_names_the_tests_that_show_it(row):
    assert not mistakes(row)


_SAMPLE = """
| way in | Alibaba | Watson | shown by |
|---|---|---|:-:|
| MQTT | works | - | `device/test_x.py`, `device/test_x.py::test_it` |
| NB-IoT | not yet | - | |

text

| other | shown by |
|---|---|
| a | b |
"""


def test_tables_are_read_row_by_row():
    first, second = tables(_SAMPLE)
    assert first[0] == ["way in", "Alibaba", "Watson", "shown by"]
    assert first[2] == ["NB-IoT", "not yet", "-", ""]
    assert second == [["other", "shown by"], ["a", "b"]]


@pytest.fixture
def folder(tmp_path):
    for name, text in {
        "test_x.py": "def test_it():\n    pass\n",
        "test_empty.py": "def helper():\n    pass\n",
        "conftest.py": "def test_no():\n    pass\n",
    }.items():
        (tmp_path / "device").mkdir(exist_ok=True)
        (tmp_path / "device" / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("cells", "proofs", "found"),
    [
        (["works", "-"], "`device/test_x.py`", []),
        (["not yet; by day, yes"], "alone `device/test_x.py::test_it`, and more", []),
        (["not yet", "-"], "", []),
        (
            ["not yet"],
            "`device/test_x.py`",
            ["nothing works there, and yet device/test_x.py shows it"],
        ),
        (["works"], "", ["no test shows it"]),
        (["works"], "device/test_x.py", ["no test shows it"]),
        (["works"], "`device/test_y.py`", ["device/test_y.py is not there"]),
        (["works"], "`device/test_x.py::test_that`", ["device/test_x.py has no test_that"]),
        (["works"], "`device/test_x.py`, `device/test_y.py`", ["device/test_y.py is not there"]),
        (["works"], "`device/test_empty.py`", ["device/test_empty.py has no test"]),
        (["works"], "`device/conftest.py`", ["device/conftest.py is no file of tests"]),
        (["works"], "`../device/test_x.py`", ["../device/test_x.py is no file of tests"]),
    ],
)
def test_a_row_is_right_when_its_tests_are_there_and_only_where_something_works(
    folder, cells, proofs, found
):
    assert mistakes(Row("MQTT", cells, proofs), folder) == found


def test_what_shows_an_answer_of_the_twin_is_there():
    found = tables((ROOT / "docs" / "twin-fidelity.md").read_text())
    proofs = "".join(row[-1] for header, *rows in found if header[-1] == "test" for row in rows)
    files = [name.partition("::")[0] for name in _NAME.findall(proofs)]
    assert files
    for file in files:
        folders = ("", "twin/clouds")  # the latter's need not be said
        assert any((_TESTS / folder / file).is_file() for folder in folders), file
