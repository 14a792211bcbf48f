"""Do many boards come in at once, and is what was acknowledged on file, whatever happens then?"""

import asyncio
import contextlib
import os
import resource
import signal
import sqlite3
import ssl
from pathlib import Path

import pytest

from host_tests.support import Twin
from host_tests.twin.mqtt_device import Raw, connect_of, gateway_connect
from tools.twin.registry.store import open_store
from tools.twin.wire import packets

_EVENT = "iot-2/evt/status/fmt/json"
_WILL = packets.Will("iot-2/evt/lost/fmt/json", b"{}", 1, False)
_BURST = 200


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory):
    """A twin with as many devices as come at once."""
    twin = Twin(tmp_path_factory.mktemp("crowd"))
    twin.state.mkdir(mode=0o700)
    with contextlib.closing(open_store(twin.state)) as store:
        for number in range(_BURST):
            store.add("watson", "device", "signet/esp32", f"b-{number}", secret="of-all")
    with twin:
        yield twin


@pytest.mark.parametrize(("way", "count"), [("mqtt", _BURST), ("mqtts", _BURST // 4)])
def test_a_burst_of_logins_is_let_in(crowd: Twin, way: str, count: int) -> None:
    door = crowd.way("watson", way)
    secured = ssl.create_default_context(cafile=crowd.ready["ca_file"]) if door["tls"] else None
    come = asyncio.Event()

    async def enter(number: int) -> bytes:
        hello = connect_of(
            crowd,
            "watson",
            client_id=f"d:signet:esp32:b-{number}",
            password=b"of-all",
            will=_WILL,  # so that the broker has to know each
        )
        await come.wait()
        name = door["host"] if secured else None
        reader, writer = await asyncio.open_connection(
            door["address"], door["port"], ssl=secured, server_hostname=name
        )
        writer.write(hello.encode())
        answer = await reader.readexactly(4)
        all_in.append(writer)
        return answer

    async def burst() -> set[bytes]:
        tasks = [asyncio.create_task(enter(number)) for number in range(count)]
        come.set()
        answers = await asyncio.gather(*tasks)
        for writer in all_in:
            writer.close()
        return set(answers)

    all_in: list[asyncio.StreamWriter] = []
    assert asyncio.run(burst()) == {b"\x20\x02\x00\x00"}


def test_what_was_acknowledged_is_on_file_when_the_twin_is_killed(tmp_path: Path) -> None:
    with Twin(tmp_path) as twin:
        willed = connect_of(twin, "watson", will=_WILL)  # its broker acknowledges
        logins = [willed, gateway_connect(twin)]  # the gate does
        topics = [_EVENT, "iot-2/type/router/id/gateway-1/evt/status/fmt/json"]
        sent = 10_000
        with contextlib.ExitStack() as stack:
            raws = [stack.enter_context(Raw(twin.way("watson"))) for _ in logins]
            for raw, login, topic in zip(raws, logins, topics, strict=True):
                assert raw.login(login) == 0
                reports = (
                    packets.Publish(topic, b"%d" % n, 1, packet_id=n) for n in range(1, sent + 1)
                )
                raw.send(b"".join(report.encode() for report in reports))
            acknowledged: list[set[int]] = [set() for _ in raws]
            for raw, ids in zip(raws * 200, acknowledged * 200, strict=True):
                packet = raw.receive()
                assert packet is not None
                ids.add(packet.packet_id())
            os.kill(twin.ready["pid"], signal.SIGKILL)
            for raw, ids in zip(raws, acknowledged, strict=True):
                while (packet := raw.receive()) is not None:
                    ids.add(packet.packet_id())
        twin.stop()
        with contextlib.closing(sqlite3.connect(twin.ready["database"])) as database:
            for topic, ids in zip(topics, acknowledged, strict=True):
                rows = database.execute("SELECT payload FROM messages WHERE topic=?", (topic,))
                filed = {int(payload) for (payload,) in rows}
                assert len(ids) < sent  # it was killed on the way
                assert ids <= filed


def test_a_twin_without_room_for_another_connection_says_so_once_and_serves_on(
    own_twin: Twin,
) -> None:
    pid = own_twin.ready["pid"]
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    in_use = len(list(Path(f"/proc/{pid}/fd").iterdir()))
    with contextlib.ExitStack() as stack:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (in_use + 3, before[1]))
        raws = [stack.enter_context(Raw(own_twin.way("watson"))) for _ in range(6)]
        own_twin.wait_for_output("no file is left for another connection")
        assert raws[0].login(gateway_connect(own_twin)) == 0
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        assert raws[-1].login(connect_of(own_twin, "watson")) == 0
    assert own_twin.output().count("no file is left") == 1


def test_with_a_full_disk_nothing_is_acknowledged_unfiled_and_later_all_is_well(
    own_twin: Twin,
) -> None:
    pid, database = own_twin.ready["pid"], Path(own_twin.ready["database"])
    unlimited = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    topic = "iot-2/type/router/id/gateway-1/evt/status/fmt/json"
    logins = {
        topic: gateway_connect(own_twin),  # the gate acknowledges
        _EVENT: connect_of(own_twin, "watson", clean_session=False, will=_WILL),  # its broker
    }
    acknowledged = set()
    with contextlib.ExitStack() as stack:
        raws = {name: stack.enter_context(Raw(own_twin.way("watson"))) for name in logins}
        for name, raw in raws.items():
            assert raw.login(logins[name]) == 0
        size = Path(f"{database}-wal").stat().st_size
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size + (1 << 14), unlimited[1]))
        for name, raw in raws.items():
            raw.send(b"".join(_report(name, number).encode() for number in range(1, 101)))
        for name, raw in raws.items():
            while (packet := raw.receive()) is not None:
                acknowledged.add((name, b"%01000d" % packet.packet_id()))
    own_twin.wait_for_output("cannot be put on file")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, unlimited)
    for name, login in logins.items():
        with Raw(own_twin.way("watson")) as raw:
            assert raw.login(login) == 0
            raw.send(_report(name, 101).encode())
            packet = raw.receive()
            assert packet is not None and packet.packet_id() == 101
    with contextlib.closing(sqlite3.connect(database)) as opened:
        filed = set(opened.execute("SELECT topic, payload FROM messages"))
    assert acknowledged <= filed


def test_while_another_process_writes_only_what_is_to_be_filed_waits(own_twin: Twin) -> None:
    will = packets.Will("iot-2/type/router/id/gateway-1/evt/lost/fmt/json", b"{}", 1, False)
    with contextlib.ExitStack() as stack:
        reporting, lost, coming, other = (
            stack.enter_context(Raw(own_twin.way(cloud)))
            for cloud in ("watson", "watson", "alibaba", "enos")
        )
        opened = sqlite3.connect(own_twin.ready["database"], isolation_level=None)
        database = stack.enter_context(contextlib.closing(opened))
        assert reporting.login(connect_of(own_twin, "watson")) == 0
        assert lost.login(gateway_connect(own_twin, will=will)) == 0
        assert other.login(connect_of(own_twin, "enos")) == 0
        database.execute("BEGIN IMMEDIATE")
        reporting.send(_report(_EVENT, 1).encode())
        lost.socket.close()
        coming.send(connect_of(own_twin, "alibaba").encode())  # its first login changes its entry
        other.send(packets.encode(packets.PINGREQ, 0, b""))
        assert _kind(other) == packets.PINGRESP
        database.execute("ROLLBACK")
        assert _kind(reporting) == packets.PUBACK
        assert _kind(coming) == packets.CONNACK
        (filed,) = database.execute("SELECT count(*) FROM messages WHERE topic=?", (_EVENT,))
        assert filed == (1,)
        own_twin.wait_for_messages("watson", 1, topic=will.topic)


def _kind(raw: Raw) -> int | None:
    packet = raw.receive()
    return packet.kind if packet else None


def _report(topic: str, number: int) -> packets.Publish:
    return packets.Publish(topic, b"%01000d" % number, 1, packet_id=number)
