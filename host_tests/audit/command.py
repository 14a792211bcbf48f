"""What does a `signet` command print, and how does it end? And what do hashlib and hmac say?"""

import contextlib
import hashlib
import hmac
import re

from host_tests.audit.mqtt import Connection
from host_tests.audit.place import Place
from host_tests.audit.row import MissingError, NotHereError, Probe
from host_tests.support import signet as run
from tools.paths import ROOT

_NO_SUCH = re.compile(r"No such (option|command)")
_STATELESS = ("sign ", "pki check ", "pki server sign ", "pki enos csr ")


def signet(words: str) -> Probe:
    """Gives "STATUS OUTPUT" of `signet WORDS`, asked in the folder of files."""

    def ask(place: Place) -> str:
        command = words.split()
        if not words.startswith(_STATELESS):
            command += ["--state", str(place.twin.state)]
        with contextlib.chdir(place.files):
            done = run(*command)
        printed = " ".join((done.stdout + done.stderr).split())
        if done.returncode == 2 and _NO_SUCH.search(printed):
            raise MissingError(f"`signet {words}` has no such option or command")
        return f"{done.returncode} {printed}"

    return Probe("signet", ask)


def shown_connected(client: str, user: str, token: str) -> Probe:
    """`signet twin device list` while a device of Watson's is connected."""

    def ask(place: Place) -> str:
        org, kind, name = client.split(":")[1:]
        with Connection(place, "watson", client, user, token):
            seen = str(signet("twin device list").ask(place))
        line = re.search(rf"watson +device (.*?){org}/{kind} +{name}\b", seen)
        if "connected" not in seen:
            raise MissingError("`signet twin device list` has no column for it")
        return f"0 {line[1] if line else seen}"

    return Probe("signet", ask)


def sign(words: str, secret: str) -> Probe:
    """The same of `signet sign`, which reads the secret from a file."""

    def ask(place: Place) -> object:
        (place.files / "secret").write_text(secret)
        return signet(f"sign {words} --secret-file secret").ask(place)

    return Probe("signet", ask)


def sha1(text: str) -> str:
    """By hashlib, in upper case, as EnOS's document has it."""
    return hashlib.sha1(text.encode()).hexdigest().upper()


def mac(secret: str, content: str, digest: str) -> str:
    """By hmac, as Alibaba's documents have it."""
    return hmac.new(secret.encode(), content.encode(), digest).hexdigest()


def port(cloud: str, *ways: str) -> Probe:
    """On which port a cloud listens, by way in, where this machine lets it have its own."""

    def ask(place: Place) -> str:
        place.twin.wait_for_output("Ctrl-C ends it.")
        for way in ways:
            moved = re.search(rf"{cloud}-{way} moved: (.*); it is at", place.twin.output())
            if moved:
                raise NotHereError(moved[1])
        return " ".join(str(place.twin.way(cloud, way)["port"]) for way in ways)

    return Probe("the twin", ask)


def file(path: str, pattern: str = "") -> Probe:
    """Gives "there" when a file or folder of the project is, and matches."""

    def ask(_: Place) -> str:
        found = ROOT / path
        if not found.exists():
            raise MissingError(f"there is no {path}")
        if pattern and not re.search(pattern, found.read_text()):
            raise MissingError(f"{path} does not say {pattern!r}")
        return "there"

    return Probe("the tree", ask)
