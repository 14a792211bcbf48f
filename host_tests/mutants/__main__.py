"""Which test notices when a fact about lib/signet is broken?  `make mutants`

Each mutant of table.py is made in a copy of the tree, and its tests are run there: one must fail.
"""

import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from rich.padding import Padding

from host_tests.mutants.table import MUTANTS, Mutant
from host_tests.portable.host.interpreters import TIED
from tools.lifeline import end_as_ctrl_c
from tools.paths import CACHE, LIB, ROOT
from tools.ui import UserError, console, errors

_WORKERS = 2
_PYTEST = ("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--interpreter", "cpython")


class Trees:
    """Copies of the tree, one for each worker: the checkout itself is never changed.

    folder: where they go.
    """

    def __init__(self, folder: Path) -> None:
        self._free: SimpleQueue[Path] = SimpleQueue()
        self._minutes = itertools.count(1)
        for number in range(_WORKERS):
            tree = folder / str(number)
            ignored = shutil.ignore_patterns("__pycache__")
            for part in ("lib", "tools", "host_tests"):
                shutil.copytree(ROOT / part, tree / part, ignore=ignored)
            for file in (ROOT / "pyproject.toml", *ROOT.glob("requirements*.lock")):
                shutil.copy2(file, tree)
            for part in ("bin", "umqtt", "tests"):  # `bin` calls programs by their whole path
                if (CACHE / part).exists():
                    shutil.copytree(CACHE / part, tree / ".cache" / part, symlinks=True)
            self._free.put(tree)

    def killer(self, mutant: Mutant) -> str | None:
        """The first test that fails with a mutant, None when it survives."""
        tree = self._free.get()
        file = tree / "lib/signet" / mutant.file
        text = file.read_text()
        try:
            self._write(file, mutant.change(text))
            return _failing_test(tree, [mutant.test_path])
        finally:
            self._write(file, text)
            self._free.put(tree)

    def _write(self, file: Path, text: str) -> None:
        """As if a minute had passed: of another second, or Python takes the bytecode it has."""
        file.write_text(text)
        moment = time.time() + 60 * next(self._minutes)
        os.utime(file, (moment, moment))

    def check(self, tests: list[str]) -> None:
        """Raises UserError unless these test files pass as they are: else they prove nothing."""
        tree = self._free.get()
        try:
            failing = _failing_test(tree, tests)
        finally:
            self._free.put(tree)
        if failing:
            raise UserError(f"{failing} fails without any mutant: mend that first")


def _failing_test(tree: Path, tests: list[str]) -> str | None:
    done = subprocess.run(
        [*TIED, sys.executable, *_PYTEST, *tests],
        cwd=tree,
        env={**os.environ, "SIGNET_CACHE": str(tree / ".cache"), "TMPDIR": str(tree.parent)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    found = re.search(r"^FAILED \S+/(\S+)\[cpython\]", done.stdout, re.MULTILINE)
    if done.returncode != (1 if found else 0):
        raise UserError(f"{' '.join(tests)} cannot be run:\n{done.stdout}")
    return found[1] if found else None


def _survivors(pool: ThreadPoolExecutor, trees: Trees) -> list[Mutant]:
    """Tries every mutant and says what came of it; returns those that no test notices."""
    tests = sorted({mutant.test_path for mutant in MUTANTS})
    errors.print(f"{len(tests)} test files, first without a mutant")
    list(pool.map(trees.check, [tests[number::_WORKERS] for number in range(_WORKERS)]))
    jobs = {pool.submit(trees.killer, mutant): mutant for mutant in MUTANTS}
    survivors = []
    for number, job in enumerate(as_completed(jobs), 1):
        mutant, killer = jobs[job], job.result()
        if killer is None:
            survivors.append(mutant)
        word = "killed" if killer else "SURVIVED"
        console.print(f"{number:2} {word} {mutant.file}: {mutant.fact}", markup=False)
        console.print(Padding(killer or mutant.test_path, (0, 0, 0, 3), expand=False))
    return survivors


def main() -> int:
    """Returns the exit status: 1 when a mutant survives, 2 when table or tests are at fault."""
    end_as_ctrl_c()
    began = time.monotonic()
    try:
        for mutant in MUTANTS:
            mutant.change((LIB / "signet" / mutant.file).read_text())
        with tempfile.TemporaryDirectory(prefix="signet-mutants-") as scratch:
            pool = ThreadPoolExecutor(_WORKERS)
            try:
                survivors = _survivors(pool, Trees(Path(scratch)))
            finally:
                pool.shutdown(cancel_futures=True)
    except UserError as error:
        errors.print(f"signet: {error}", markup=False, soft_wrap=True)
        return 2
    except KeyboardInterrupt:
        return 130
    seconds = round(time.monotonic() - began)
    console.print(f"{len(MUTANTS)} mutants, {len(survivors)} survived, in {seconds} s")
    for mutant in survivors:
        console.print(f"survived: {mutant.file}: {mutant.fact}", markup=False)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
