"""Does the registry answer by key, and is what waits for the file told when it is there?"""

import contextlib
import resource
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from host_tests.twin.mqtt_device import connect_of
from tools.twin.clouds import CLOUDS
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import RefusedError, Way
from tools.twin.clouds.watson.mqtt import Watson
from tools.twin.descriptors import shortage
from tools.twin.registry.store import Store, open_store
from tools.twin.twin import ready_device
from tools.twin.wire.packets import Connect

_MANY = 2000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with contextlib.closing(open_store(tmp_path)) as opened:
        yield opened


def _steps(store: Store, act: Callable[[], Any]) -> int:
    """How many instructions of its virtual machine SQLite carries out."""
    count = [0]

    def another() -> int:
        count[0] += 1
        return 0

    store.database.set_progress_handler(another, 1)
    with contextlib.suppress(RefusedError):
        act()
    store.database.set_progress_handler(None, 1)
    return count[0]


def _questions(store: Store, rules: Cloud) -> dict[str, Callable[[], Any]]:
    """What a login or a message of that cloud asks."""
    name, way = rules.name, Way(rules.name == "azure", 1883)
    kind, product, device = rules.ready[0]
    if name == "azure":
        hub = f"{product}.azure-devices.net"
        users = f"{hub}/{device.upper()}/?api-version=2021-04-12", "0ne000A1B2C/registrations/x/a"
        connects = [Connect(4, device.upper(), True, 60, None, user, b"x") for user in users]
    else:
        entry = ready_device(store, name, kind, product, device)
        twin: Any = SimpleNamespace(device=lambda _: rules.identity(entry))
        connects = [connect_of(twin, name)]
        rules.login(connects[0], way)
    asked = {f"login {n}": lambda c=c: rules.login(c, way) for n, c in enumerate(connects)}
    asked["entry by name"] = lambda: store.named(name, "none")
    asked["of a product"] = lambda: store.has_product(name, "none")
    asked["behind a gateway"] = lambda: store.behind(name, "signet/router/gateway-1")
    return asked


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_question_costs_the_same_however_many_devices_there_are(
    store: Store, cloud: str
) -> None:
    rules = CLOUDS[cloud](store)
    kind, product, _ = rules.ready[0]
    questions = _questions(store, rules)
    few = {what: _steps(store, act) for what, act in questions.items()}
    for number in range(_MANY):
        store.add(cloud, kind, product, f"other-{number}")
    many = {what: _steps(store, act) for what, act in questions.items()}
    assert all(many[what] <= few[what] + 20 for what in few), (few, many)


def test_an_org_is_found_as_it_is_spelt_and_else_by_its_letters(store: Store) -> None:
    store.add("watson", "device", "Org1/type", "d")
    store.add("watson", "application", "other", "a-other-1")
    assert [store.org("watson", name) for name in ("Org1", "oRG1", "Other", "org", "type")] == [
        "Org1",
        "Org1",
        "other",
        None,
        None,
    ]
    assert isinstance(Watson(store), Cloud)


def test_what_waits_for_the_file_is_done_in_order_once_others_can_read_it(store: Store) -> None:
    rounds: list[Callable[[], None]] = []
    told: list[Any] = []
    store.batch.in_rounds(rounds.append, _unlost)
    store.journal.listen(
        lambda record: told.append((record["what"], record["id"], _on_file(store)))
    )
    for number in (1, 2):
        store.record_soon("watson", "a/b", "up", "t", b"%d" % number, status="stored")
        store.batch.when_safe(lambda number=number: told.append((number, _on_file(store))))
    store.mark(2, "acked")
    assert (told, _on_file(store)) == ([], 0)
    (commit,) = rounds
    commit()
    assert told == [("message", 1, 2), (1, 2), ("message", 2, 2), (2, 2), ("marked", 2, 2)]
    store.record("watson", "a/b", "up", "t", b"3", status="stored")
    assert _on_file(store) == 3


def _on_file(store: Store) -> int:
    with contextlib.closing(sqlite3.connect(store.path)) as other:
        return int(other.execute("SELECT count(*) FROM messages").fetchone()[0])


def test_another_process_writes_between_two_rounds(store: Store, tmp_path: Path) -> None:
    rounds: list[Callable[[], None]] = []
    store.batch.in_rounds(rounds.append, _unlost)
    store.record_soon("watson", "a/b", "up", "t", b"1", status="stored")

    def add() -> None:
        with contextlib.closing(open_store(tmp_path)) as other:
            other.add("watson", "device", "a/b", "c")

    writer = threading.Thread(target=add)
    writer.start()
    rounds.pop()()
    writer.join(60)
    assert store.device("watson", "device", "a/b", "c")
    store.record_soon("watson", "a/b", "up", "t", b"2", status="stored")


def test_too_few_files_for_the_boards_are_said() -> None:
    assert shortage(1024, 462) == ""
    assert shortage(1024, 463).startswith("at most 462 of the 463 registered")


@pytest.mark.parametrize("statement", ["INSERT", "COMMIT", "another's"])
def test_a_full_disk_lets_nobody_believe_in_what_is_not_on_file(
    store: Store, statement: str
) -> None:
    rounds: list[Callable[[], None]] = []
    told: list[int] = []
    lost: list[sqlite3.Error] = []
    store.batch.in_rounds(rounds.append, lost.append)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    if statement == "COMMIT":
        size = Path(f"{store.path}-wal").stat().st_size
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + (1 << 14), limit[1]))
    else:
        pages = store.database.execute("PRAGMA page_count").fetchone()[0]
        store.database.execute(f"PRAGMA max_page_count={pages + 1}")
    try:
        for number, size in enumerate((1, 1 if statement == "another's" else 1 << 16, 1)):
            with contextlib.suppress(sqlite3.OperationalError):
                store.record_soon("watson", "a/b", "up", "t", bytes(size), status="stored")
                store.batch.when_safe(lambda number=number: told.append(number))
                if statement == "another's" and number == 1:
                    query = "INSERT INTO devices VALUES('', '', '', '', zeroblob(65536), 1, '')"
                    store.database.execute(query)
        while rounds:
            rounds.pop(0)()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert len(lost) == 1
    assert _on_file(store) == len(told) == (0 if statement == "COMMIT" else 1)


def test_what_fails_once_on_file_is_told_and_holds_up_nothing(store: Store) -> None:
    rounds: list[Callable[[], None]] = []
    told: list[int] = []
    store.batch.in_rounds(rounds.append, _unlost)
    store.record_soon("watson", "a/b", "up", "t", b"1", status="stored")
    store.batch.when_safe(lambda: told.append(1 // 0))
    store.batch.when_safe(lambda: told.append(2))
    store.record("watson", "a/b", "up", "t", b"2", status="stored")
    assert (told, _on_file(store)) == ([2], 2)
    rounds.pop(0)()
    with pytest.raises(ZeroDivisionError):
        rounds.pop()()


def _unlost(error: sqlite3.Error) -> None:
    raise error
