"""How does everything that a package installer cannot bring come into `.cache`?

The tools need four parts: Debian roots for 64 and 32 bits (MicroPython, mosquitto), umqtt.simple
and uPlot; tests also a root each of libcoap, nginx, curl, openssl and chromium, and the clouds'
SDKs. They run side by side. Each is built in a scratch folder and moved into place by one rename,
so an interrupted run leaves nothing half done; the next goes on with what is missing. The 32-bit
MicroPython (the 64-bit one does its work then), uPlot and what tests talk to are optional.

    .cache/bin/       micropython (32 bits), micropython-64, mosquitto and its tools, coap-server,
                      coap-client, nginx, chromium; or micropython.missing, ... with the reason
    .cache/umqtt/     umqtt/simple.py
    .cache/uplot/     uPlot.iife.min.js and what belongs to it; or a note why not
    .cache/sdks       -> an environment with the clouds' SDKs
    .cache/opt/       what those stand on, one folder per pinned content
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tools.paths import CACHE
from tools.toolchain import BIN, archive, debian, npm, programs, sdks, stamp, together
from tools.toolchain.run import Report
from tools.ui import UserError, errors

_OPT = CACHE / "opt"
_MICROPYTHON = {32: "micropython", 64: "micropython-64"}
_DEBIAN_NAMES = {
    _MICROPYTHON[64]: "micropython",
    programs.CHROMIUM: "chromium-headless-shell",
    **{tool: f"{tool}-openssl" for tool in programs.LIBCOAP_TOOLS},
}
_PEER_OF = {tool: peer for peer in programs.PEERS for tool in peer.tools}
_OPTIONAL = (_MICROPYTHON[32], *_PEER_OF)
_BY_HAND = (
    "install MicroPython 1.25 or newer (with tls and asyncio) and mosquitto 2.0 or newer (with "
    "mosquitto_passwd, mosquitto_pub and mosquitto_sub) by hand, for instance with `brew install "
    "micropython mosquitto`, so that they are on PATH, then run make again"
)


class _Root(NamedTuple):
    """A Debian root: what is in it."""

    architecture: str
    packages: list[str]


class _Plan(NamedTuple):
    """What is taken from PATH, and what comes from which Debian root."""

    found: dict[str, Path]  # name in .cache/bin -> program of this machine
    wanted: dict[str, _Root]  # name of a root -> what it must hold
    source: dict[str, str]  # name in .cache/bin -> name of the root that holds it
    missing: dict[str, str]  # name in .cache/bin -> why this machine cannot have it


def install(everything: bool) -> int:
    """Install what is missing and say so; returns the exit status (2: an error was shown).

    everything: also what only tests need.
    """

    def work() -> None:
        if not stamp.is_current(everything):
            _install(everything)

    return together.attempt(CACHE, work)


def _install(everything: bool) -> None:
    _OPT.mkdir(exist_ok=True)
    for left in _OPT.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)
    plan = _plan(everything)
    pip = sdks.pip_command(CACHE)
    environment = together.pinned(
        _OPT, "sdks", sdks.LOCK.read_text(), sys.version, sys.base_prefix
    )
    roots = {
        name: together.pinned(_OPT, f"debian-{name}", debian.SUITE, *root.packages)
        for name, root in plan.wanted.items()
    }
    uplot: list[Path] = []
    parts = [
        *(
            together.Part(_title(root), _fetch(root, roots[name]))
            for name, root in plan.wanted.items()
        ),
        together.Part("umqtt.simple", lambda report: _umqtt(pip, report)),
        together.Part(
            "uPlot", lambda report: uplot.extend(npm.install(CACHE / "uplot", pip, report))
        ),
    ]
    if everything:
        parts.append(
            together.Part(
                "the clouds' SDKs",
                lambda report: together.once(
                    environment, lambda new: sdks.install(new, pip, report)
                ),
            )
        )
    together.side_by_side(parts)
    files = [*_publish(plan, roots), CACHE / "umqtt" / archive.UMQTT_MEMBER, *uplot]
    if uplot[0].suffix == ".missing":
        errors.print(f"signet: {uplot[0].read_text().strip()}", markup=False, soft_wrap=True)
    if everything:
        _link(CACHE / "sdks", environment)
        files.append(environment / "bin" / "python")
    stamp.write(files, everything)
    if everything:  # else what only tests need would be taken for old
        for old in (*_OPT.glob("debian-*"), *_OPT.glob("sdks-*")):
            if old not in (environment, *roots.values()):
                shutil.rmtree(old, ignore_errors=True)


def _plan(everything: bool) -> _Plan:
    """Look at the machine; raises UserError when what is needed can come from nowhere."""
    plan = _Plan({}, {}, {}, {})
    own, family = debian.architectures() if debian.available() else ("", {})
    refused: list[str] = []
    for bits, name in _MICROPYTHON.items():
        program, reasons = programs.micropython_on_path(bits, BIN)
        refused += reasons
        if program:
            plan.found[name] = program
        elif bits in family:
            plan.wanted[family[bits]] = _Root(family[bits], ["micropython"])
            plan.source[name] = family[bits]
        elif bits == 32:
            plan.missing[name] = _no_narrow("no 32-bit MicroPython is on PATH")
        else:
            plan.missing[name] = "MicroPython"
    tools, reasons = programs.mosquitto_on_path(BIN)
    refused += reasons
    if tools:
        plan.found.update(tools)
    elif own:
        root = plan.wanted.setdefault(own, _Root(own, []))
        root.packages.extend(["mosquitto", "mosquitto-clients"])
        plan.source.update(dict.fromkeys(programs.MOSQUITTO_TOOLS, own))
    else:
        plan.missing["mosquitto"] = "mosquitto"
    for peer in programs.PEERS if everything else ():
        _plan_peer(plan, own, peer)
    if plan.missing.keys() - set(_OPTIONAL):
        looked = "".join(f"; {reason}" for reason in dict.fromkeys(refused))
        raise UserError(f"this machine has no apt-get and dpkg-deb{looked}; {_BY_HAND}")
    return plan


def _plan_peer(plan: _Plan, own: str, peer: programs.Peer) -> None:
    """In a root of its own, so that the others need not be fetched again."""
    tools, reasons = peer.on_path(BIN)
    if tools:
        plan.found.update(tools)
    elif own:
        name = f"{peer.name}-{own}"
        plan.wanted[name] = _Root(own, [*peer.packages])
        plan.source.update(dict.fromkeys(peer.tools, name))
    else:
        reason = _no_peer(peer, "; ".join([f"no {peer.needed} is on PATH", *reasons]))
        plan.missing.update(dict.fromkeys(peer.tools, reason))


def _no_peer(peer: programs.Peer, reason: str) -> str:
    return f"this machine has no {peer.name} ({reason}); tests against it are skipped"


def _no_narrow(reason: str) -> str:
    return (
        f"this machine has no 32-bit MicroPython ({reason}); the 64-bit one is there, its objects "
        "are twice as large"
    )


def _title(root: _Root) -> str:
    names = dict.fromkeys(package.partition("-")[0] for package in root.packages)
    return f"{' and '.join(names)} ({root.architecture})"


def _fetch(root: _Root, folder: Path) -> Callable[[Report], None]:
    def install(report: Report) -> None:
        together.once(
            folder, lambda new: debian.fetch(new, root.architecture, root.packages, report)
        )

    return install


def _umqtt(pip: list[str], report: Report) -> None:
    target = CACHE / "umqtt" / archive.UMQTT_MEMBER
    pin = CACHE / "umqtt" / "pin"
    if target.exists() and pin.exists() and pin.read_text() == archive.UMQTT.sha256:
        return
    with tempfile.TemporaryDirectory(dir=_OPT, prefix=".new-") as name:
        content = archive.fetch(archive.UMQTT, pip, report)
        fresh = Path(name, "simple.py")
        fresh.write_bytes(archive.member(content, archive.UMQTT_MEMBER))
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(target)
    pin.write_text(archive.UMQTT.sha256)


def _publish(plan: _Plan, roots: dict[str, Path]) -> list[Path]:
    """Write the scripts of `.cache/bin`, each checked first; returns all that they stand on."""
    files: list[Path] = []
    missing = dict(plan.missing)
    for name, program in plan.found.items():
        programs.wrap(BIN / name, program)
        files += [BIN / name, program]
    for name, root in plan.source.items():
        staged = BIN / f".{name}.staged"
        wrap = programs.wrap_chromium if name == programs.CHROMIUM else programs.wrap_loader
        wrap(staged, roots[root], _DEBIAN_NAMES.get(name, name))
        reason = _refusal(staged, name)
        if reason and name in _OPTIONAL:
            because = f"Debian's for {plan.wanted[root].architecture} {reason}"
            peer = _PEER_OF.get(name)
            missing[name] = _no_peer(peer, because) if peer else _no_narrow(because)
            staged.unlink()
            continue
        if reason:
            raise UserError(f"{name} from Debian's suite {debian.SUITE} {reason}; {_BY_HAND}")
        staged.replace(BIN / name)
        files.append(BIN / name)
    for name in _OPTIONAL:
        note = (BIN / name).with_suffix(".missing")
        if name in missing:
            (BIN / name).unlink(missing_ok=True)
            note.write_text(missing[name] + "\n")
            files.append(note)
        elif name in plan.found or name in plan.source:
            note.unlink(missing_ok=True)
    for reason in dict.fromkeys(missing.values()):
        errors.print(f"signet: {reason}", markup=False, soft_wrap=True)
    return files


def _refusal(program: Path, name: str) -> str | None:
    for bits, known in _MICROPYTHON.items():
        if name == known:
            return programs.refuse_micropython(program, bits)
    if name in _PEER_OF:
        return _PEER_OF[name].refuse(program)
    return programs.refuse_mosquitto(program) if name == "mosquitto" else None


def _link(link: Path, target: Path) -> None:
    """Point a symbolic link at a folder in one step, replacing a plain folder left by hand."""
    if link.is_dir() and not link.is_symlink():
        shutil.rmtree(link)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.relative_to(link.parent))
    fresh.replace(link)
