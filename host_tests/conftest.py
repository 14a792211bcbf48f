"""How does a run of all tests share them out among workers, and what does it say at its end?"""

import os
import resource
import signal
import time
from collections import Counter
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from host_tests.depth import DEPTH, STEPS, left_out

# Long files whose tests need no one order: each goes to the next free worker, with its own twin.
_SHARED_OUT = (
    "device/test_faults.py",
    "device/test_heap.py",
    "device/test_coap_faults.py",
    "device/test_http_faults.py",
    "device/test_modem.py",
    "board/test_deploy.py",
    "board/test_deploy_beside.py",
    "tools/test_demo.py",
    "twin/command/test_command.py",
)
_SLOWEST = 10


class _Scheduling(LoadScopeScheduling):
    """A file goes to one worker whole, a portable file once for each interpreter."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        if "portable/" in file:
            return f"{file}[{test.rpartition('[')[2]}"
        return nodeid if file.endswith(_SHARED_OUT) else file


class _Run:
    """What the run itself prints: what only `make proof` runs, wall and CPU, the slowest files."""

    def __init__(self) -> None:
        self._began = float(os.environ.get("SIGNET_BEGAN", time.time()))  # make: with the lint
        self._seconds: Counter[str] = Counter()
        self._tests: Counter[str] = Counter()
        self.for_proof: dict[str, int] = {}
        """By file: tests that were left out, or with depth proof those that no other runs."""

    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> _Scheduling:
        return _Scheduling(config, log)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        self.for_proof = getattr(node, "workeroutput", {}).get("for_proof", self.for_proof)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = report.nodeid.partition("::")[0]
        self._seconds[file] += report.duration
        self._tests[file] += report.when == "call"

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        say = terminalreporter.write_line
        if self.for_proof:
            what = "are among them" if DEPTH == "proof" else "were left out"
            count = sum(self.for_proof.values())
            say(f"depth {DEPTH}: {count} tests that only `make proof` runs {what}")
            if DEPTH == "proof":
                say(f"beside {STEPS['test']} times the examples and cuts of `make test`:")
                for file, count in sorted(self.for_proof.items()):
                    say(f"{count:10} tests  {file}")
        if len(self._seconds) < _SLOWEST:
            return
        own, children = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        cpu_s = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
        wall_s = time.time() - self._began
        say(f"{wall_s:.0f} s, {cpu_s:.0f} s of CPU on {os.cpu_count()} cores; the slowest files:")
        for file, seconds in self._seconds.most_common(_SLOWEST):
            say(f"{seconds:8.1f} s {self._tests[file]:5} tests  {file}")


_RUN = pytest.StashKey[_Run]()


def pytest_configure(config: pytest.Config) -> None:
    # `make test &` inherits SIGINT as ignored; the programs that are tested must not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run = config.stash[_RUN] = _Run()
    config.pluginmanager.register(run)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    proofs = [item for item in items if item.get_closest_marker("proof")]
    by_file = dict(Counter(item.nodeid.partition("::")[0] for item in proofs) + left_out)
    config.stash[_RUN].for_proof = by_file
    if hasattr(config, "workeroutput"):
        config.workeroutput["for_proof"] = by_file
    if DEPTH != "proof" and proofs:
        config.hook.pytest_deselected(items=proofs)
        out = set(proofs)
        items[:] = [item for item in items if item not in out]
