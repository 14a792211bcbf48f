"""Does every report arrive when token, connection, cloud or power go in the middle of a run?"""

from pathlib import Path

import pytest

from host_tests.depth import STEP
from host_tests.device.coap_programs import COUNT
from host_tests.device.http_programs import HASTY, NIGHTS, POWER, Seen, counts, none_missing
from host_tests.support import Twin
from host_tests.twin.mqtt_device import wait_until
from tools.board.deploy import deploy, project_files
from tools.board.virtual import VirtualBoard
from tools.twin.clouds.doors import DOORS

BOTH = ["alibaba", "watson"]


def test_a_token_that_lapses_again_and_again_loses_nothing(device, twin, config):
    seen = Seen(twin, "alibaba")
    device.run(config("alibaba", "https"), COUNT)
    for fault in ("expire_tokens", "forget_tokens") * 2:
        seen.more(2)
        twin.fault(fault)
    assert counts(seen.more(2))
    assert seen.beside_stored() == 1 + 4 * 2, "each time: refused, /auth"
    assert seen.count("connections") == 1
    for word in ("lost", "again", "not connected", "set aside"):
        assert word not in device.output()


def test_a_token_that_lapses_while_the_board_sleeps_loses_nothing(device, twin, config):
    seen = Seen(twin, "alibaba")
    device.run(config("alibaba", "https"), NIGHTS)
    for fault in ("expire_tokens", "forget_tokens"):
        device.wait_for("^sleeps")
        twin.fault(fault)
        device.mark()
        device.wait_for("^authenticated")
    assert counts(seen.more(1))
    assert seen.beside_stored() == 1 + 2 * 2


def test_a_token_that_lives_a_second_only_loses_nothing(device, config, tmp_path):
    with Twin(tmp_path, "--token-life", "1") as twin:
        seen = Seen(twin, "alibaba")
        values = {**config("alibaba", "https"), **twin.device_config("alibaba", "https")}
        device.run(values, COUNT, ca=Path(twin.ready["ca_file"]))
        device.wait_for("^authenticated\n(?s:.*)^authenticated")
        assert counts(seen.more(1))
        # the board goes on, and may print a moment after the answer
        wait_until(lambda: seen.beside_stored() == 2 * device.output().count("authenticated") - 1)


@pytest.mark.parametrize("cloud", BOTH)
def test_an_idle_connection_that_the_cloud_closes_costs_nothing(device, twin, config, cloud):
    seen = Seen(twin, cloud)
    device.run(config(cloud, "https"), COUNT)
    seen.stored(2)
    for _ in range(3):
        twin.fault("drop_connections", cloud=cloud)
        numbers = seen.more(2)
    assert none_missing(numbers) and len(numbers) <= max(numbers) + 1 + 3
    assert 2 <= seen.count("connections") <= 4
    assert "lost" not in device.output()


@pytest.fixture
def mortal(tmp_path):
    """A twin that is killed and comes back on the same ports, its state kept, its tokens lost."""
    twins = [Twin(tmp_path).start()]
    clouds = twins[0].ready["clouds"]
    ports = {door.key: clouds[door.cloud]["ways"][door.way]["port"] for door in DOORS}

    def rise():
        again = Twin(tmp_path)
        again._ports = ports
        again.start()
        twins.append(again)
        return again

    yield twins[0], rise
    for twin in twins:
        twin.stop()


@pytest.mark.parametrize("cloud", BOTH)
def test_a_cloud_killed_and_restarted_loses_no_report(device, config, mortal, cloud):
    twin, rise = mortal
    values = {**config(cloud, "https"), **twin.device_config(cloud, "https")}
    device.run(values, HASTY, ca=Path(twin.ready["ca_file"]))
    Seen(twin, cloud).more(2)
    twin.process.kill()
    device.wait_for("^(connection lost|not connected).*: cannot reach .*: connection refused")
    again = rise()
    last = again.last_id()
    again.wait_for_messages(cloud, 3, last, direction="up", status="stored")
    seen = Seen(again, cloud)
    seen.after = 0
    assert none_missing(seen.numbers())


def test_a_board_that_loses_power_at_any_moment_loses_no_report_and_keeps_a_whole_token(
    tmp_path, twin, config
):
    """In the middle of each write of the first login, then at other moments."""
    seen = Seen(twin, "alibaba")
    ca = Path(twin.ready["ca_file"])
    files = project_files(config("alibaba", "https"), ca, others=[POWER.encode()])
    with VirtualBoard(tmp_path).create() as board:
        deploy(board.device, files | {"/main.py": POWER.encode()}, restart=False)
        board.power_cut()
        for write in range(1, 13, STEP):
            board.start(cut_at_write=write)
            assert board.wait_for_cut(10), f"there is no write {write}"
        logins = board.output().count("authenticated")
        for more in (1, 2, 3):
            since = board.printed
            board.start()
            board.wait_for(f"report {more} stored", 60, since)
            board.power_cut()
        board.start()
        numbers = seen.more(3)
        output = board.output()
    assert none_missing(numbers)
    assert "Traceback" not in output
    assert output.count("authenticated") == logins, "a token that is on flash is used"
    refused = [m for m in twin.messages("alibaba", seen.after) if m["status"] != "stored"]
    assert not refused
