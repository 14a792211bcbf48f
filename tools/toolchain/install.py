"""How does everything that a package installer cannot bring come into `.cache`?

The tools need three parts: Debian roots for 64 and 32 bits (MicroPython, mosquitto) and
umqtt.simple; tests also the roots of libcoap and nginx, and the clouds' SDKs. They run side by
side. Each is built in a scratch folder and moved into place by one rename, so an interrupted run
leaves nothing half done; the next goes on with what is missing. The 32-bit MicroPython (the 64-bit
one does its work then), libcoap and nginx are optional.

    .cache/bin/       micropython (32 bits), micropython-64, mosquitto and its tools, coap-server,
                      coap-client, nginx; or micropython.missing, ... with the reason
    .cache/umqtt/     umqtt/simple.py
    .cache/sdks       -> an environment with the clouds' SDKs
    .cache/opt/       what those stand on, one folder per pinned content
"""

from __future__ import annotations

import hashlib
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import NamedTuple, NoReturn

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from tools.paths import CACHE
from tools.toolchain import BIN, archive, debian, programs, sdks, stamp
from tools.toolchain.alone import only_one
from tools.toolchain.progress import told
from tools.toolchain.run import Report, RunError, stop_all
from tools.ui import UserError, errors

_OPT = CACHE / "opt"
_MICROPYTHON = {32: "micropython", 64: "micropython-64"}
_DEBIAN_NAMES = {
    _MICROPYTHON[64]: "micropython",
    **{tool: f"{tool}-openssl" for tool in programs.LIBCOAP_TOOLS},
}
_PEER_OF = {tool: peer for peer in programs.PEERS for tool in peer.tools}
_OPTIONAL = (_MICROPYTHON[32], *_PEER_OF)
_BY_HAND = (
    "install MicroPython 1.25 or newer (with tls and asyncio) and mosquitto 2.0 or newer (with "
    "mosquitto_passwd, mosquitto_pub and mosquitto_sub) by hand, for instance with `brew install "
    "micropython mosquitto`, so that they are on PATH, then run make again"
)


class _Part(NamedTuple):
    title: str
    install: Callable[[Report], None]


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
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with only_one(CACHE):
            if not stamp.is_current(everything):
                _install(everything)
    except KeyboardInterrupt:
        errors.print("signet: interrupted; the next make goes on from here", markup=False)
        return 130
    except UserError as error:
        for line in str(error).splitlines():
            errors.print(f"signet: {line}", markup=False, soft_wrap=True)
        return 2
    except OSError as error:
        errors.print(f"signet: cannot install into {CACHE}: {error}", markup=False, soft_wrap=True)
        return 2
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _install(everything: bool) -> None:
    _OPT.mkdir(exist_ok=True)
    for left in _OPT.glob(".new-*"):
        shutil.rmtree(left, ignore_errors=True)
    plan = _plan(everything)
    pip = sdks.pip_command(CACHE)
    environment = _folder("sdks", sdks.LOCK.read_text(), sys.version, sys.base_prefix)
    roots = {
        name: _folder(f"debian-{name}", debian.SUITE, *root.packages)
        for name, root in plan.wanted.items()
    }
    parts = [
        *(_Part(_title(root), _fetch(root, roots[name])) for name, root in plan.wanted.items()),
        _Part("umqtt.simple", lambda report: _umqtt(pip, report)),
    ]
    if everything:
        parts.append(
            _Part(
                "the clouds' SDKs",
                lambda report: _once(environment, lambda new: sdks.install(new, pip, report)),
            )
        )
    _side_by_side(parts)
    files = [*_publish(plan, roots), CACHE / "umqtt" / archive.UMQTT_MEMBER]
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
        plan.wanted[name] = _Root(own, [peer.package])
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
        _once(folder, lambda new: debian.fetch(new, root.architecture, root.packages, report))

    return install


def _umqtt(pip: list[str], report: Report) -> None:
    target = CACHE / "umqtt" / archive.UMQTT_MEMBER
    pin = CACHE / "umqtt" / "pin"
    if target.exists() and pin.exists() and pin.read_text() == archive.UMQTT.sha256:
        return
    with tempfile.TemporaryDirectory(dir=_OPT, prefix=".new-") as name:
        content = archive.fetch(archive.UMQTT, pip, Path(name), report)
        fresh = Path(name, "simple.py")
        fresh.write_bytes(archive.member(content, archive.UMQTT_MEMBER))
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh.replace(target)
    pin.write_text(archive.UMQTT.sha256)


def _folder(name: str, *content: str) -> Path:
    """Where something pinned lies: another content, another folder."""
    return _OPT / f"{name}-{hashlib.sha256('/'.join(content).encode()).hexdigest()[:12]}"


def _once(target: Path, build: Callable[[Path], None]) -> None:
    """Build a folder beside its place and rename it; nothing to do when it is there."""
    if target.exists():
        return
    with tempfile.TemporaryDirectory(dir=_OPT, prefix=".new-", ignore_cleanup_errors=True) as name:
        new = Path(name, "content")
        build(new)
        new.replace(target)


def _side_by_side(parts: list[_Part]) -> None:
    """Install all parts at once, a bar for each; raises UserError with one line per failure."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
    )
    troubles: list[str] = []
    with Progress(*columns, console=errors) as progress, ThreadPoolExecutor(len(parts)) as pool:

        def work(part: _Part, task: TaskID) -> None:
            def report(text: str, fraction: float | None) -> None:
                total = None if fraction is None else 1.0
                progress.update(task, text=text, total=total, completed=fraction or 0.0)

            try:
                part.install(report)
            except UserError as error:
                report("failed", 0.0)
                troubles.append(str(error))
            except RunError as error:
                report("failed", 0.0)
                troubles.append(f"{part.title}: {error}")
            else:
                report("ready", 1.0)
                progress.stop_task(task)

        try:
            jobs = [
                pool.submit(work, part, progress.add_task(part.title, total=None, text="waiting"))
                for part in parts
            ]
            with told(lambda: _how_far(progress)):
                # A signal that another thread receives does not end a wait without a limit.
                while wait(jobs, timeout=0.1).not_done:
                    pass
            for job in jobs:
                job.result()
        except BaseException:
            stop_all()
            raise
    if troubles:
        raise UserError("\n".join(troubles))


def _how_far(progress: Progress) -> str:
    """All bars in one line."""
    return ", ".join(
        f"{task.description} {task.fields['text']}"
        + (f" {task.percentage:.0f} %" if task.total and not task.finished else "")
        for task in progress.tasks
    )


def _publish(plan: _Plan, roots: dict[str, Path]) -> list[Path]:
    """Write the scripts of `.cache/bin`, each checked first; returns all that they stand on."""
    files: list[Path] = []
    missing = dict(plan.missing)
    for name, program in plan.found.items():
        programs.wrap(BIN / name, program)
        files += [BIN / name, program]
    for name, root in plan.source.items():
        staged = BIN / f".{name}.staged"
        programs.wrap_loader(staged, roots[root], _DEBIAN_NAMES.get(name, name))
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
