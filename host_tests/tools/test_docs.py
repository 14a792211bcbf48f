"""Do the pages lead somewhere, and does what they show work: links, programs, JSON, commands?"""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from host_tests.tools.pki_files import device
from host_tests.tools.test_readme import Row, mistakes, tables
from tools import size, toolchain
from tools.board.check import check
from tools.docs import commands, markdown, reference, site
from tools.link.device import Device
from tools.paths import LIB, ROOT

_DOCS = ROOT / "docs"
_CLOUDS = {identity.parent.name for identity in LIB.glob("signet/cloud/*/identity.py")}
_TARGETS = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


_by_page = pytest.mark.parametrize("page", markdown.pages(), ids=_name)


@_by_page
def test_every_link_leads_somewhere(page):
    dead = [markdown.dead(page, link) for link in markdown.links(page.read_text())]
    assert not [*filter(None, dead)]


@_by_page
def test_commands_and_options_that_a_page_names_are_there(page):
    for program, *words in markdown.mentioned(page.read_text()):
        if program == "make":
            assert not words or words[0] in _TARGETS or words[0] == "-C"  # -C: of others
        else:
            named = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert named <= commands.options(words)


def _configs(page: Path) -> list[dict[str, Any]]:
    blocks = markdown.blocks(page.read_text())
    found = [json.loads(block.text) for block in blocks if block.language == "json"]
    return [each for each in found if each.get("cloud") in _CLOUDS]


@_by_page
def test_a_device_json_on_a_page_is_one_that_a_board_takes(page):
    board = device()
    both = board.pem + board.key_bytes()
    for config in _configs(page):
        files = {"/device.json": json.dumps(config).encode()}
        if name := config.get("cert"):
            files |= {f"/{name}": both}
        check(files)


def _programs() -> dict[str, str]:
    """Every program on a page, by a name for its file."""
    return {
        re.sub(r"\W+", "_", f"{_name(page)}_{number}"): block.text
        for page in markdown.pages()
        for number, block in enumerate(markdown.blocks(page.read_text()))
        if block.language == "python"
    }


def test_a_program_on_a_page_compiles_for_a_board(tmp_path):
    for name, program in _programs().items():
        (tmp_path / f"{name}.py").write_text(program)
    assert toolchain.compile_tree(tmp_path, tmp_path / "mpy")


def test_a_program_on_a_page_has_nothing_to_complain_of_for_a_type_checker(tmp_path):
    for name, program in _programs().items():
        (tmp_path / f"{name}.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--config-file", "stubs/mypy.ini", "--cache-dir"]
    command += [str(tmp_path / "cache"), *map(str, tmp_path.glob("*.py"))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    errors = re.findall(r".*: error: .*", done.stdout)
    readers_own = re.compile(r'.* library stub for module named "(?!signet|board)')
    assert done.returncode in (0, 1), done.stderr
    assert not [error for error in errors if not readers_own.match(error)]


@pytest.mark.proof
def test_the_commands_of_the_pages_run(tmp_path):
    assert not [each for each in commands.run_all(tmp_path) if each.failure]


def test_who_runs_a_command_that_does_not_run_here_is_there():
    tests = {test for _, _, test in commands.ELSEWHERE if test} | {*commands.TYPED.values()}
    for page in markdown.pages():
        notes = [block.note for block in markdown.blocks(page.read_text()) if block.note]
        tests |= {text for word, text in notes if word == "run by"}
    assert not [test for test in tests if mistakes(Row("", ["works"], f"`{test}`"))]


def test_the_index_lists_each_page():
    pages = {page.relative_to(_DOCS).as_posix() for page in _DOCS.rglob("*.md")} - {"index.md"}
    assert pages <= {*markdown.links((_DOCS / "index.md").read_text())}


@pytest.mark.parametrize("page", ["limits", "security"])
def test_a_limit_and_a_promise_name_the_tests_that_hold_them(page):
    found = [
        table for table in tables((_DOCS / f"{page}.md").read_text()) if "shown by" in table[0]
    ]
    assert found
    wrong = [
        mistakes(Row(row[0], row[1:-1] or ["promised"], row[-1]))
        for _, *rows in found
        for row in rows
    ]
    assert not [*filter(None, wrong)]


# The keys of device.json, read from the tables of lib/signet: heading -> [(file, table, way)].
_CONFIG = "device/config.py"
_TABLES = {
    "Every device": [(_CONFIG, "FIELDS", None)],
    **{f"By `{way}`": [(_CONFIG, "BY_WAY", way)] for way in ("mqtt", "coap", "http")},
    **{
        f"`{cloud}`": [(f"cloud/{cloud}/identity.py", "FIELDS", None)] for cloud in sorted(_CLOUDS)
    },
    "`modem`": [("device/modem_keys.py", "_FIELDS", None)],
}
for _cloud in ("azure", "broker", "enos"):
    _TABLES[f"`{_cloud}`"].append((f"cloud/{_cloud}/identity.py", "BY_WAY", "mqtt"))
for _cloud, _ways in (("alibaba", ("mqtt", "coap")), ("watson", ("mqtt", "http"))):
    for _way in _ways:
        _entry = (f"cloud/{_cloud}/identity.py", "BY_WAY", _way)
        _TABLES[f"`{_cloud}` by `{_way}`"] = [_entry]


def _constants(file: str) -> dict[str, Any]:
    """What a module of lib/signet assigns that is made of literals, const and sorted."""
    known: dict[str, Any] = {"const": lambda value: value, "sorted": sorted}
    for node in ast.parse((LIB / "signet" / file).read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                if {n.id for n in ast.walk(value) if isinstance(n, ast.Name)} <= known.keys():
                    known[name] = eval(ast.unparse(value), known.copy())  # literals of our own
    return known


def _fields(heading: str) -> dict[str, tuple[Any, ...]]:
    found = {}
    for file, table, way in _TABLES[heading]:
        fields = _constants(file)[table]
        found |= fields[way] if way else fields
    return found


def _rows(heading: str) -> list[list[str]]:
    text = (_DOCS / "device-json.md").read_text()
    _, section = re.split(rf"^##+ {heading}$", text, flags=re.MULTILINE)
    return tables(re.split(r"^#", section, flags=re.MULTILINE)[0])[0][1:]


@pytest.mark.parametrize("heading", _TABLES)
def test_each_key_of_device_json_has_its_row_with_values_and_default(heading):
    fields, rows = _fields(heading), {row[0].strip("`"): row for row in _rows(heading)}
    assert [*rows] == [*fields]
    for key, (kind, default, rule, _) in fields.items():
        _, meaning, values, shown, cost = rows[key]
        bounds = {"int": rule, "choice": rule, "file": [rule], "any": [], "flag": ["true"]}
        said = bounds[kind] if kind in bounds else rule[:1]
        assert meaning
        assert all(re.search(rf"\b{re.escape(str(bound))}\b", values) for bound in said), key
        if default is ...:
            assert shown == "required", key
        elif default is not None:
            assert shown == json.dumps(default).strip('"'), key
        assert cost == "0" or "#what-a-key-costs" in cost


def _costs() -> list[tuple[dict[str, Any], dict[str, Any], int, int]]:
    """Each row of costs: a device.json, the key with a value, bytes on flash, bytes loaded."""
    found = []
    for key, of, flash, loaded in _rows("What a key costs"):
        cloud, way = of.split()
        tls, way = way.endswith("s"), way.removesuffix("s")
        found.append(
            (
                {"cloud": cloud, "way": way, "tls": tls},
                json.loads("{" + key.strip("`") + "}"),
                int(flash),
                int(loaded),
            )
        )
    return found


def test_the_keys_that_cost_code_are_those_that_the_linker_looks_at():
    rows = [row for heading in _TABLES for row in _rows(heading)]
    priced = {key.strip("`") for key, *_, cost in rows if cost != "0"}
    assert priced == {*Device._fields} - {"iso"}
    assert {key for _, chosen, *_ in _costs() for key in chosen} == priced - {"cloud", "way"}


@pytest.mark.proof
@pytest.mark.parametrize(("base", "chosen", "flash", "loaded"), _costs(), ids=str)
def test_a_key_costs_what_the_page_says(base, chosen, flash, loaded):
    before = size.sizes_of(base | {"tls": base["tls"] and "tls" not in chosen})
    after = size.sizes_of(base | chosen)
    for said, found in (
        (flash, after.flash - before.flash),
        (loaded, after.loaded - before.loaded),
    ):
        assert abs(said - found) <= max(100, found // 10)


def test_links_between_pages_hold_in_the_site_and_files_are_shown(tmp_path):
    pages = site.lay_out(tmp_path)
    menu = "\n".join(site.navigation([*pages]))
    assert "docs/device-json.md" in menu
    assert "docs/reference/signet.link.md" in menu
    for path, text in pages.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    for path, text in pages.items():
        for link in filter(lambda link: not markdown.elsewhere(link), markdown.links(text)):
            target = link.partition("#")[0]
            assert not target or ((tmp_path / path).parent / target).exists(), (path, link)


def test_the_reference_has_each_public_name_with_its_arguments_and_errors():
    page = reference.pages()["signet.link"]
    section = page.partition("### `report`")[2].partition("\n### ")[0]
    for text in (
        "- `topic`: str, to publish",
        "**Raises**\n\n- `ValueError`: says",
        "-> int | None",
    ):
        assert text in section


_PAGE = """\
# A `b` c, and d

See [there](x.md#a-b-c-and-d "title") and ![p](y.svg), not `[code](z.md)`.

    make broker      # one
    .venv/bin/signet twin config enos > device.json

<!-- not run: it wants a
board -->
```sh
$ signet board boot
curl x
```

```python
[no](link.md)
```
"""


def test_a_page_is_read():
    assert markdown.links(_PAGE) == ["x.md#a-b-c-and-d", "y.svg"]
    assert markdown.anchors(_PAGE) == {"a-b-c-and-d"}
    assert [each.words for each in markdown.commands(_PAGE)] == [
        ["make", "broker"],
        [".venv/bin/signet", "twin", "config", "enos"],
        ["signet", "board", "boot"],
        ["curl", "x"],
    ]
