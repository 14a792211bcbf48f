"""Would MicroPython build our boards?  Each of their files is held against what reads it.

No ESP-IDF is to be had here: there is MicroPython's cmake file as far as that, its manifestfile.py
and Espressif's reader of tables.
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import toolchain
from tools.firmware import sources
from tools.paths import ROOT

_BOARDS = ROOT / "firmware" / "boards"
_MICROPYTHON = sources.tree()
_PORT = _MICROPYTHON / "ports" / "esp32"

_needs_sources = pytest.mark.skipif(
    not _PORT.exists(), reason="MicroPython's sources are not here: `make firmware`"
)

_READ_TABLE = """
import json, sys
from esp_idf_defs.partitions import PartitionTable
table = PartitionTable.from_csv(open(sys.argv[1]).read())
table.verify()
table.verify_size_fits(4 << 20)
print(json.dumps({p.name: [p.type, p.subtype, p.offset, p.size] for p in table}))
"""


def test_the_partition_table_is_one_and_fits_and_has_what_micropython_looks_for() -> None:
    command = [str(toolchain.vendor_sdks()), "-c", _READ_TABLE, _BOARDS / "esp32/partitions.csv"]
    table = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    assert table["romfs"][0] == table["vfs"][0] == 1  # data; found by name
    assert [table[name][:2] for name in ("otadata", "ota_0", "ota_1")] == [
        [1, 0],
        [0, 16],
        [0, 17],
    ]
    assert table["ota_0"][2] == 0x10000  # where makeimg.py puts the application
    assert table["ota_0"][3] == table["ota_1"][3]
    ends = sorted((offset, offset + size) for _, _, offset, size in table.values())
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(ends))
    assert ends[-1][1] == 4 << 20


@_needs_sources
@pytest.mark.skipif(not shutil.which("cmake"), reason="there is no cmake")
@pytest.mark.parametrize("board", ["esp32", "esp32s3", "esp32c3"])
def test_micropythons_cmake_file_takes_the_board(tmp_path: Path, board: str) -> None:
    """With an ESP-IDF that ends where the real one would begin."""
    folder = tmp_path / "idf" / "tools" / "cmake"
    folder.mkdir(parents=True)
    (folder / "project.cmake").write_text('message(FATAL_ERROR "${MICROPY_FROZEN_MANIFEST};")')
    command = ["cmake", "-S", str(_PORT), "-B", str(tmp_path / "build")]
    command += [f"-DMICROPY_BOARD={board}", f"-DMICROPY_BOARD_DIR={_BOARDS / board}"]
    done = subprocess.run(
        command,
        env=os.environ | {"IDF_PATH": str(tmp_path / "idf")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"{_BOARDS / 'esp32' / 'manifest.py'};" in done.stderr.replace("\n", ""), done.stderr
    settings = (tmp_path / "build" / "sdkconfig.combined").read_text().splitlines()
    last = dict(line.split("=", 1) for line in settings if "=" in line and line[0] != "#")
    table = last["CONFIG_PARTITION_TABLE_CUSTOM_FILENAME"]
    assert Path(table.strip('"')) == _BOARDS / "esp32" / "partitions.csv"
    assert last["CONFIG_MBEDTLS_SSL_PROTO_DTLS"] == last["CONFIG_ESPTOOLPY_FLASHSIZE_4MB"] == "y"
    assert last["CONFIG_BT_ENABLED"] == "n"


_PORTS_OWN = (
    *("bundle-networking", "aioespnow", "dht", "ds18x20", "neopixel", "onewire"),
    *("umqtt.robust", "upysh"),
)
_FREEZE = """
import json, sys
sources, port, manifest, library = sys.argv[1:]
sys.path.insert(0, sources + "/tools")
from manifestfile import MODE_FREEZE, ManifestFile
folders = {"MPY_DIR": sources, "MPY_LIB_DIR": library, "PORT_DIR": port, "BOARD_DIR": ""}
files = ManifestFile(MODE_FREEZE, folders)
files.execute(manifest)
print(json.dumps([file.target_path for file in files.files()]))
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A micropython-lib with umqtt.simple; what the ESP32's port freezes is there, and empty."""
    for name in _PORTS_OWN:
        folder = tmp_path / "micropython" / name
        folder.mkdir(parents=True)
        (folder / "manifest.py").touch()
    (tmp_path / "micropython/umqtt.simple").mkdir()
    manifest = f"package('umqtt', base_path={str(toolchain.umqtt())!r})"
    (tmp_path / "micropython/umqtt.simple/manifest.py").write_text(manifest)
    return tmp_path


def _frozen(manifest: Path, port: Path, library: Path) -> list[str]:
    command = [sys.executable, "-c", _FREEZE, _MICROPYTHON, port, manifest, library]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr)
    return list(json.loads(done.stdout))


@_needs_sources
def test_a_port_freezes_signet_whether_it_has_a_manifest_or_none(library: Path) -> None:
    ours = ROOT / "firmware" / "manifest.py"
    for port in (_PORT, _MICROPYTHON / "ports" / "none"):
        frozen = _frozen(ours, port, library)
        assert {"signet/link.py", "umqtt/simple.py", "asyncio/core.py"} <= set(frozen)
        assert len(frozen) == len(set(frozen)) and "board.py" not in frozen
        assert ("inisetup.py" in frozen) == port.exists()
    shutil.rmtree(library / "micropython" / "dht")
    with pytest.raises(ValueError, match="'dht' not found"):
        _frozen(ours, _PORT, library)


@_needs_sources
@pytest.mark.parametrize(
    "manifest", sorted(_BOARDS.glob("*/manifest.py")), ids=lambda p: p.parent.name
)
def test_a_boards_manifest_adds_its_board_py(library: Path, manifest: Path) -> None:
    frozen = _frozen(manifest, _PORT, library)
    assert "board.py" in frozen and "signet/link.py" in frozen
