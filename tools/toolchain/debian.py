"""How do programs of Debian come to a machine without root and without touching its packages?

A private apt root with an empty dpkg status: apt resolves the whole closure down to the C library,
fetches it and verifies it against Debian's archive keyring; `dpkg-deb -x` unpacks it. Each program
is then started through the root's own dynamic loader (`programs.wrap_loader`).

Ubuntu and other systems with apt take the keyring and the address of a Debian mirror from their
own, signed archive, or the mirror from SIGNET_DEBIAN_MIRROR. docs/where-it-runs.md has what was
tried.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tools.toolchain.run import Report, RunError, run
from tools.ui import UserError

SUITE = "trixie"
MIRROR_VARIABLE = "SIGNET_DEBIAN_MIRROR"

_SYSTEM = Path("/etc/os-release")
_KEYRING = "usr/share/keyrings/debian-archive-keyring.gpg"
_MIRRORS = "usr/share/python-apt/templates/Debian.info"
# dpkg's name of a machine -> what its processor can run, 64 and 32 bits wide
_FAMILIES = {
    "amd64": {64: "amd64", 32: "i386"},
    "i386": {64: "amd64", 32: "i386"},
    "arm64": {64: "arm64", 32: "armhf"},
    "armhf": {64: "arm64", 32: "armhf"},
}


def available() -> bool:
    """Has this machine the two programs that the way needs?"""
    return bool(shutil.which("apt-get") and shutil.which("dpkg-deb"))


def architectures() -> tuple[str, dict[int, str]]:
    """Which of Debian's architectures does this machine run?

    returns: its own, and those by word size in bits; a size that no one ships is missing.
    """
    own = run(["dpkg", "--print-architecture"])[-1]
    return own, _FAMILIES.get(own, {64: own})


def fetch(
    target: Path, architecture: str, packages: Sequence[str], report: Report, suite: str = SUITE
) -> None:
    """Unpack packages, with everything that they need to run, into an empty folder.

    target: folder to make. architecture: Debian's name of one. packages: names in the suite.
    report: told how far it is. suite: Debian's name of a release.
    raises: UserError when the archive cannot be reached or does not verify.
    """
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".apt-") as name:
        private = Path(name)
        install = ["install", "--download-only", "--no-install-recommends", "-y"]
        _download(private, _Suite(suite, "deb", architecture), install, packages, report)
        archives = sorted((private / "archives").glob("*.deb"))
        for done, archive in enumerate(archives):
            report("unpacking", done / len(archives))
            run(["dpkg-deb", "-x", archive, target])


def fetch_sources(
    target: Path, packages: Sequence[str], report: Report, suite: str = SUITE
) -> None:
    """Fetch what the authors of packages have published, as Debian has it, without its changes.

    target: folder to make; it gets an archive `NAME_VERSION.orig.tar.*` for each.
    packages: names of source packages. report, suite, raises: as for `fetch`.
    """
    target.mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".apt-") as name:
        source = ["source", "--download-only", "--tar-only"]
        own = architectures()[0]
        _download(
            Path(name), _Suite(suite, "deb-src", own), source, packages, report, target=target
        )


class _Suite(NamedTuple):
    name: str
    kind: str  # deb or deb-src
    architecture: str


def _download(
    private: Path,
    suite: _Suite,
    command: Sequence[str],
    packages: Sequence[str],
    report: Report,
    *,
    target: Path | None = None,
) -> None:
    """Run apt's command for packages. private: empty folder. target: where it runs."""
    report("looking for a Debian mirror", None)
    apt = _private_apt(private, suite)

    def line(text: str) -> None:
        if text.startswith("dlstatus:"):
            report("fetching", float(text.split(":")[2]) / 100)

    try:
        report("reading Debian's lists", None)
        run([*apt, "update"])
        report("fetching", 0.0)
        run([*apt, "-o", "APT::Status-Fd=1", *command, *packages], folder=target, line=line)
    except RunError as failure:
        said = next((text for text in failure.lines if text.startswith("E:")), str(failure))
        raise UserError(
            f"apt cannot fetch {', '.join(packages)} from Debian's suite {suite.name}; check the "
            f"network, or name another Debian mirror in {MIRROR_VARIABLE}. apt said: {said}"
        ) from None


def _private_apt(folder: Path, suite: _Suite) -> list[str]:
    """Lay out an apt root that shares only the machine's proxy settings; return its command."""
    for part in ("lists/partial", "archives/partial", "parts"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    site, keyring = _site_and_keyring(folder)
    (folder / "parts" / "debian.sources").write_text(
        f"Types: {suite.kind}\nURIs: {site}\nSuites: {suite.name}\nComponents: main\n"
        f"Architectures: {suite.architecture}\nSigned-By: {keyring}\n"
    )
    settings = {
        "APT::Architecture": suite.architecture,
        "APT::Architectures::": suite.architecture,
        "APT::Sandbox::User": "",
        "APT::Update::Error-Mode": "any",  # else a failed update is only a warning
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "Dir::Etc::SourceList": "/dev/null",
        "Dir::Etc::SourceParts": folder / "parts",
        "Dir::State": folder,
        "Dir::State::Lists": folder / "lists",
        "Dir::State::Status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Cache::Archives": folder / "archives",
    }
    options = [part for item in settings.items() for part in ("-o", "{}={}".format(*item))]
    return ["apt-get", "-qq", *options]


def _site_and_keyring(scratch: Path) -> tuple[str, Path]:
    """Where is Debian's archive, and which keys sign it? Both as this machine knows them."""
    keyring = Path("/", _KEYRING)
    if not keyring.exists():
        keyring = _own_package("debian-archive-keyring", scratch) / _KEYRING
    site = os.environ.get(MIRROR_VARIABLE) or _own_mirror()
    if not site:
        known = Path("/", _MIRRORS)
        if not known.exists():
            known = _own_package("python-apt-common", scratch) / _MIRRORS
        site = _first(r"^BaseURI: (\S+/debian)/?$", known.read_text())
    if not site:
        raise UserError(
            f"this machine knows no Debian mirror; name one in {MIRROR_VARIABLE} (an address that "
            "ends before /dists), then run make again"
        )
    return site.rstrip("/"), keyring


def _own_mirror() -> str | None:
    """The mirror of a Debian machine, None on any other system."""
    try:
        asked = "\n".join(run(["apt-get", "--print-uris", "update"]))
        system = _SYSTEM.read_text()
    except (RunError, OSError):
        return None
    addresses = r"^'(\S+)/dists/[\w-]+/(?:In)?Release'"
    if not re.search(r"^ID=\"?debian\"?$", system, re.MULTILINE):
        addresses = addresses.replace(r"(\S+)", r"(\S+/debian)")
    found = [site for site in re.findall(addresses, asked, re.MULTILINE) if "security" not in site]
    return found[0] if found else None


def _own_package(package: str, scratch: Path) -> Path:
    """Fetch a package of the machine's own release, verified with the machine's own keys."""
    folder = Path(tempfile.mkdtemp(dir=scratch))
    (folder / "lists/partial").mkdir(parents=True)
    apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User="]
    private = ["-o", f"Dir::State::Lists={folder}/lists", "-o", f"Dir::Cache={folder}"]
    try:
        try:
            run([*apt, "download", package], folder=folder)
        except RunError:  # a fresh container has no package lists
            run([*apt, *private, "update"])
            run([*apt, *private, "download", package], folder=folder)
        run(["dpkg-deb", "-x", next(folder.glob("*.deb")), folder / "root"])
    except RunError as failure:
        raise UserError(
            f"apt cannot fetch {package} from this machine's own archive; check the network, or "
            f"have an administrator install it. apt said: {failure}"
        ) from None
    return folder / "root"


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.MULTILINE)
    return found[1] if found else None
