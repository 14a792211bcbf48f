"""How does a pinned source archive come from the user's Python package index?

pip cannot download umqtt.simple (an old archive without setup.py), so the library `pypi-simple`
does, from the index that pip's own configuration names (`pip config`, PIP_INDEX_URL, find-links,
proxy, certificates); without any, from that library's default. The archive counts only when its
SHA-256 is the pinned one.
"""

from __future__ import annotations

import ast
import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tools.toolchain.run import Report, RunError, run
from tools.ui import UserError


class Pin(NamedTuple):
    """One archive of a package index, told apart by its hash."""

    project: str
    version: str
    sha256: str


UMQTT = Pin(
    "micropython-umqtt.simple",
    "1.3.4",
    "b6a2520239e3992c63a7de9370ee9b3d9d27819a90359c521f1c0f7ccab8d12f",
)
UMQTT_MEMBER = "umqtt/simple.py"


def pip_configuration(pip: list[str]) -> dict[str, str]:
    """Read what pip would use: option -> value, with pip's own order of precedence.

    pip: command that runs pip.
    """
    lines = run([*pip, "config", "list"])
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in lines:
        key, equals, value = line.partition("=")
        section, _, option = key.partition(".")
        if equals and section in sections:
            sections[section][option] = str(ast.literal_eval(value))
    return {**sections["global"], **sections["install"], **sections[":env:"]}


def fetch(pin: Pin, pip: list[str], scratch: Path, report: Report) -> bytes:
    """Get the bytes of a pinned archive.

    pip: command that runs pip, asked for its configuration. scratch: an empty folder.
    raises: UserError when no index has it, or what it has is not what was pinned.
    """
    report(f"fetching {pin.project}", None)
    try:
        configuration = pip_configuration(pip)
    except RunError:
        configuration = {}
    for folder in configuration.get("find-links", "").split():
        for path in _local(folder, pin):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest() == pin.sha256:
                return content
    return _from_index(pin, configuration, scratch, report)


def member(archive: bytes, name: str) -> bytes:
    """Read one file of a .tar.gz; name is its path below the archive's single top folder."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for entry in tar:
            if entry.isfile() and entry.name.partition("/")[2] == name:
                file = tar.extractfile(entry)
                assert file is not None
                return file.read()
    raise UserError(f"the pinned archive has no {name}; the pin in tools/toolchain is wrong")


def _local(folder: str, pin: Pin) -> Iterator[Path]:
    if "://" not in folder or folder.startswith("file://"):
        yield from Path(folder.removeprefix("file://")).glob(f"{pin.project}-{pin.version}.*")


def _from_index(pin: Pin, configuration: dict[str, str], scratch: Path, report: Report) -> bytes:
    import requests
    from pypi_simple import NoSuchProjectError, PyPISimple

    session = requests.Session()
    # requests reads the proxy variables and .netrc itself.
    if proxy := configuration.get("proxy"):
        session.proxies = {"http": proxy, "https": proxy}
    session.verify = configuration.get("cert", True)
    session.cert = configuration.get("client-cert")
    timeout = float(configuration.get("default-timeout", configuration.get("timeout", 60)))
    troubles: list[str] = []
    for index in _indexes(configuration):
        try:
            with PyPISimple(session=session, **index) as client:
                page = client.get_project_page(pin.project, timeout=timeout)
                package = next(
                    package
                    for package in page.packages
                    if package.version == pin.version and package.package_type == "sdist"
                )
                target = scratch / "archive"
                client.download_package(
                    package, target, verify=False, timeout=timeout, progress=_tracker(pin, report)
                )
        except (NoSuchProjectError, StopIteration):
            troubles.append(f"no {pin.version} there")
        except (requests.RequestException, ValueError, RuntimeError, OSError) as error:
            # Only the kind of error: its text would repeat an index's address, maybe a password.
            troubles.append(type(error).__name__)
        else:
            content = target.read_bytes()
            if hashlib.sha256(content).hexdigest() == pin.sha256:
                return content
            troubles.append("its SHA-256 is not the pinned one")
    raise UserError(
        f"{pin.project} {pin.version} cannot be fetched from your Python package index "
        f"({'; '.join(troubles) or 'pip is configured to use none'}); check the network and "
        "`pip config list`, then try again"
    )


def _indexes(configuration: dict[str, str]) -> Iterator[dict[str, str]]:
    """Arguments of PyPISimple for each index, the main one first."""
    if configuration.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return
    main = configuration.get("index-url")
    if main is None:
        yield {}
    for url in [*([main] if main else []), *configuration.get("extra-index-url", "").split()]:
        if url.startswith(("http://", "https://")):
            yield {"endpoint": url}


class _tracker:  # noqa: N801 - a factory that pypi-simple calls like a function
    """Pass pypi-simple's progress on to a report."""

    def __init__(self, pin: Pin, report: Report) -> None:
        self._text, self._report = f"fetching {pin.project}", report
        self._total: int | None = None
        self._done = 0

    def __call__(self, total: int | None) -> _tracker:
        self._total = total
        return self

    def __enter__(self) -> _tracker:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def update(self, increment: int) -> None:
        self._done += increment
        self._report(self._text, self._done / self._total if self._total else None)
