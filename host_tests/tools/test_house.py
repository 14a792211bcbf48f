"""Are the floors of the house kept: who may import whom, and what may no file name?

The rules are those of ARCHITECTURE.md; they are read from the source, nothing is executed.
"""

import ast
import fnmatch
import functools
import graphlib
import importlib.metadata
import os
import re
import sys
from pathlib import Path

import pytest

from tools.link.imports import imports as imports_of
from tools.link.nodes import walk
from tools.paths import LIB, ROOT

# A module imports what is below it, or its own room.
_FLOORS = {
    "errors": 0,
    "clock": 1,
    "modules": 0,
    "backoff": 2,
    "sign": 1,
    "wire": 1,
    "net": 2,
    "reports": 2,
    "device": 1,
    "client": 3,
    "cloud": 4,
    "device.config": 6,
    "device.json_file": 2,
    "device.ready": 7,
    "device.credentials": 5,
    "certificate": 5,
    "aio": 6,
    "daily": 6,
    "network_time": 7,
    "link": 7,
    "": 8,  # signet itself
}
# Time and randomness are arguments there, and bytes go in and out: no socket, no clock, no files.
_PURE_ROOMS = ("sign", "wire")
_PURE_IMPORTS = {
    "hashlib",
    "binascii",
    "struct",
    "micropython",
    "cryptolib",
    "json",
    "re",
    "signet",
}

# Where the device's code runs on purpose.
_MAY_IMPORT_LIB = ("portable", "device")


@functools.cache
def imports(file):
    """Modules that a file imports, inside functions and by name, too.

    `from signet import clock` is both signet and signet.clock.
    """
    source = file.read_text()
    for node in walk(ast.parse(source)):
        assert not getattr(node, "level", 0), f"{file}: relative import"
    return imports_of(source)


def room(module):
    """`signet.net.stream` is in the room net, `signet.clock` in clock, `signet` in ''.

    A file on another floor than its folder is a room of its own.
    """
    _, _, inside = module.partition(".")
    return inside if inside in _FLOORS else inside.partition(".")[0]


def lib_files():
    return sorted((LIB / "signet").rglob("*.py"))


def relative(file):
    return file.relative_to(ROOT).as_posix()


def circle(files, top):
    """Modules that load each other, one after the other. top: the folder that Python looks in."""
    names = {module_of(file, top): imports(file) for file in files}
    loads = {
        module: {
            name
            for pattern in patterns
            if pattern != "*"  # its caller names it
            for name in fnmatch.filter(names, pattern)
        }
        for module, patterns in names.items()
    }
    try:
        graphlib.TopologicalSorter(loads).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def module_of(file, top=LIB):
    parts = file.relative_to(top).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def borrowed_names(file):
    """Private names that a file uses and does not define, a base class's too."""
    own, used = set(), set()
    for node in walk(ast.parse(file.read_text())):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                own.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                own.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                own.add(name)
            case ast.Attribute(attr=name):
                used.add(name)
            case ast.ImportFrom(names=names):
                used.update(alias.name for alias in names)
    return {name for name in used - own if name[0] == "_" and name[-2:] != "__"}


def python_files(folder):
    return sorted((ROOT / folder).rglob("*.py"))


def _is_made(folder):
    """Is a folder of that name somebody's tool's, not the project's?"""
    hidden = folder.startswith(".") and folder != ".ci"
    return hidden or folder in ("__pycache__", "build") or folder.endswith(".egg-info")


@pytest.mark.parametrize("file", lib_files(), ids=relative)
def test_imports_go_down_only(file):
    own = room(module_of(file))
    assert own in _FLOORS, f"which floor is {own} on?"
    for name in imports(file):
        # `from signet.net import stream` names signet.net too, which holds no code.
        is_package = (LIB / name.replace(".", "/")).is_dir()
        if is_package or not name.startswith("signet.") or room(name) not in _FLOORS:
            continue
        assert room(name) == own or _FLOORS[room(name)] < _FLOORS[own], f"{own} imports {name}"


def test_no_module_loads_one_that_loads_it():
    # `from signet import clock` runs none of the package's code but the errors.
    assert circle([file for file in lib_files() if file.stem != "__init__"], LIB) == []
    assert circle(python_files("tools/twin"), ROOT) == []


def test_no_file_uses_private_names_of_another():
    assert not [relative(file) for file in lib_files() if borrowed_names(file)]


@pytest.mark.parametrize(
    "file", [file for file in lib_files() if room(module_of(file)) in _PURE_ROOMS], ids=relative
)
def test_sign_and_wire_touch_no_socket_clock_or_file(file):
    for name in imports(file):
        assert name.partition(".")[0] in _PURE_IMPORTS
        assert not name.startswith(("signet.clock", "signet.net"))


def test_tools_never_import_the_device_code_that_they_judge():
    judges = python_files("tools")
    assert judges
    for file in judges:
        assert not [n for n in imports(file) if n.split(".")[0] == "signet"], relative(file)


def test_tools_import_only_what_is_installed_for_them():
    lock = (ROOT / "requirements.lock").read_text()
    pinned = set(re.findall(r"^([\w.-]+)==", lock, re.MULTILINE))
    brought_by = importlib.metadata.packages_distributions()
    modules = {name.partition(".")[0] for file in python_files("tools") for name in imports(file)}
    # "*" is what the tools' own functions `call` are given.
    for module in modules - sys.stdlib_module_names - {"tools", "*"}:
        names = {re.sub(r"[-_.]+", "-", name).lower() for name in brought_by.get(module, ())}
        assert names & pinned, f"requirements.lock does not bring {module}"


def test_host_tests_import_the_device_code_only_where_it_runs():
    for file in python_files("host_tests"):
        if file.relative_to(ROOT / "host_tests").parts[0] not in _MAY_IMPORT_LIB:
            assert not [n for n in imports(file) if n.split(".")[0] == "signet"], relative(file)


def test_no_file_names_a_package_registry_or_a_folder_of_somebodys_machine():
    # Written so that this file does not name them itself.
    hosts = [f"{name}.org" for name in ("pypi", "pythonhosted", "deb.debian", "npmjs")]
    folders = (r"(?<![\w./~-])/(?:home|Users)/\w+/", r"(?<![\w./~-])/roo[t]/", r"/tmp/boo[t]")
    unwanted = re.compile("|".join([*map(re.escape, hosts), *folders]))
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if not _is_made(name)]
        for name in files:
            try:
                text = Path(folder, name).read_text()
            except (UnicodeDecodeError, OSError):
                continue  # not text
            found = unwanted.search(text)
            assert not found, f"{folder}/{name} names {found[0]}"


# What a person or a board is shown as an example, and what is of one cloud although it lies here.
_MAY_NAME_A_CLOUD = {
    "lib/signet/device/config.py": "an example",
    "lib/signet/device/missing.py": "an example",
    "tools/twin/command/topic.py": "a command about Alibaba's topic categories",
}


def test_a_new_cloud_is_a_folder_on_the_board_and_a_class_in_the_twin():
    clouds = {file.parent.name for file in (LIB / "signet" / "cloud").glob("*/identity.py")}
    # as a text of its own, in quotes in one, at a topic's beginning, or as what is imported
    word = re.compile(rf"(?:^|\"|\.clouds?\.)(?:{'|'.join(clouds)})(?:$|[\"/_.])")
    found = set()
    for file in [*lib_files(), *python_files("tools/twin")]:
        if file.parent.name in clouds or file.parent.name == "clouds":
            continue
        nodes = walk(ast.parse(file.read_text()))
        doc = {ast.get_docstring(node, clean=False) for node in nodes if _has_docstring(node)}
        texts = {node.value for node in nodes if isinstance(node, ast.Constant)} - doc
        names = [text for text in texts if isinstance(text, str)] + [*imports(file)]
        if any(map(word.search, names)):
            found.add(relative(file))
    assert found == _MAY_NAME_A_CLOUD.keys()


def _has_docstring(node):
    return isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
