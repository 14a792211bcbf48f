"""How does a pinned source archive come from the user's Python package index?

pip cannot download umqtt.simple (an old archive without setup.py), so it is fetched here, from the
index that pip's own configuration names (`pip config`, PIP_INDEX_URL, find-links, proxy,
certificates); without any, from pip's default. An index is read as its "simple" page of links
(Python Packaging User Guide, "Simple repository API", HTML), by `requests`, which treats
passwords, .netrc and redirects as pip does. The archive counts only when its SHA-256 is the pinned
one.
"""

from __future__ import annotations

import ast
import hashlib
import html.parser
import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from tools.toolchain.run import Report, RunError, run
from tools.ui import UserError

if TYPE_CHECKING:
    import requests


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


def _default_index(pip: list[str]) -> str | None:
    """The index that pip asks when nothing is configured, as its help names it."""
    try:
        said = " ".join(run([*pip, "install", "--help"], environment={"COLUMNS": "500"}))
    except RunError:
        return None
    found = re.search(r"--index-url <url>[^(]*\(default (\S+)\)", said)
    return found[1] if found else None


def fetch(pin: Pin, pip: list[str], report: Report) -> bytes:
    """Get the bytes of a pinned archive.

    pip: command that runs pip, asked for its configuration. report: told how far it is.
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
    if "index-url" not in configuration and (default := _default_index(pip)):
        configuration["index-url"] = default
    return _from_index(pin, configuration, report)


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


def _from_index(pin: Pin, configuration: dict[str, str], report: Report) -> bytes:
    import requests

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
            content = _from_one_index(pin, session, index, timeout, report)
        except (requests.RequestException, ValueError, OSError) as error:
            # Only the kind of error: its text would repeat an index's address, maybe a password.
            troubles.append(type(error).__name__)
        else:
            if content is None:
                troubles.append(f"no {pin.version} there")
            elif hashlib.sha256(content).hexdigest() == pin.sha256:
                return content
            else:
                troubles.append("its SHA-256 is not the pinned one")
    raise UserError(
        f"{pin.project} {pin.version} cannot be fetched from your Python package index "
        f"({'; '.join(troubles) or 'pip is configured to use none'}); check the network and "
        "`pip config list`, then try again"
    )


def _indexes(configuration: dict[str, str]) -> Iterator[str]:
    """Addresses of the indexes, the main one first."""
    if configuration.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        return
    main = configuration.get("index-url", "")
    for url in [main, *configuration.get("extra-index-url", "").split()]:
        if url.startswith(("http://", "https://")):
            yield url


def _from_one_index(
    pin: Pin, session: requests.Session, index: str, timeout: float, report: Report
) -> bytes | None:
    """The archive as one index has it; None where it has none."""
    address = f"{index.rstrip('/')}/{_normal(pin.project)}/"
    page = session.get(address, headers={"Accept": "text/html"}, timeout=timeout)
    if page.status_code == 404:
        return None
    page.raise_for_status()
    links = _Links(page.url)
    links.feed(page.text)
    wanted = _normal(f"{pin.project}-{pin.version}")
    for link in links.found:
        name = unquote(urlsplit(link).path.rpartition("/")[2])
        if name.endswith(".tar.gz") and _normal(name.removesuffix(".tar.gz")) == wanted:
            with session.get(link, timeout=timeout, stream=True) as answer:
                answer.raise_for_status()
                total = int(answer.headers.get("Content-Length", 0))
                content = b""
                for piece in answer.iter_content(1 << 14):
                    content += piece
                    done = min(len(content) / total, 1.0) if total else None
                    report(f"fetching {pin.project}", done)
                return content
    return None


def _normal(name: str) -> str:
    """A name as indexes compare it: "Name normalization" of the guide."""
    return re.sub(r"[-_.]+", "-", name).lower()


class _Links(html.parser.HTMLParser):
    """Collect the addresses that a page links to, whole. page: its own address."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._base = page
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        to = dict(attrs).get("href")
        if tag == "base" and to:
            self._base = urljoin(self._base, to)
        elif tag == "a" and to:
            self.found.append(urljoin(self._base, to))
