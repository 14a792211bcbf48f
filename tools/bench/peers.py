"""Where do other people's MQTT clients come from?  From the package index, pinned, unchanged.

They are fetched when they are first measured, into `.cache/peers`; what is there stays.
"""

import io
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from tools.paths import CACHE
from tools.toolchain import archive, sdks
from tools.toolchain.alone import only_one

PINS = {
    archive.Pin(
        "chumicro-mqtt",
        "0.30.3",
        "39bcfe15e5b2ec745864872a53e214cb105e299eeee59adc6185cae59615b9cf",
    ): "src",
    archive.Pin(
        "chumicro-sockets",
        "0.21.3",
        "fe29c9ad2e9fabd5a7929264c5cb3d5536ad784b2c24d735627e4e1bff09619a",
    ): "src",
    archive.Pin(
        "chumicro-timing",
        "0.8.4",
        "5428d60ca79a99efe1e7453ef3cc7fba810a7f623becd5779d59cfa2c7a0fc9d",
    ): "src",
    archive.Pin(
        "aiomqttc",
        "1.0.7",
        "cd41bd0ef0f36e3c73213f38b2eb6bb2b4f27637f77831240a9e4c8ce5ca51a2",
    ): "aiomqttc.py",
}
"""Each, and what of its archive a board imports: a folder of packages, or a file."""


def sources(report: Callable[[str], None]) -> list[Path]:
    """The folders that hold them, one a package; fetches those that are not there.

    report: told what is being fetched.
    raises: UserError when an index cannot be reached, or has something else.
    """
    root = CACHE / "peers"
    with only_one(root):
        return [_source(pin, part, root, report) for pin, part in PINS.items()]


def _source(pin: archive.Pin, part: str, root: Path, report: Callable[[str], None]) -> Path:
    target = root / f"{pin.project}-{pin.sha256[:12]}"
    if not target.exists():
        pip = sdks.pip_command(CACHE)
        with tempfile.TemporaryDirectory(dir=root) as name:
            content = archive.fetch(pin, pip, lambda text, _: report(text))
            _extract(content, part, Path(name, "source"))
            Path(name, "source").rename(target)
    return target


def _extract(content: bytes, part: str, target: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for entry in tar:
            path = PurePosixPath(*PurePosixPath(entry.name).parts[1:])
            if path.suffix != ".py" or not path.is_relative_to(part) or ".." in path.parts:
                continue
            file = tar.extractfile(entry)
            assert file is not None
            place = target / (path.name if path.name == part else path.relative_to(part))
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(file.read())
