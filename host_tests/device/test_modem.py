"""Do reports arrive through an NB-IoT modem, whatever it and its network do?

On each run the modem must not have heard a command that its manual does not allow.
"""

import pytest

from host_tests.device.coap_programs import COUNT, SLEEP, numbers_of, reports
from tools.modem.emulator import FAMILIES
from tools.modem.switches import Switches

SHORT = [("bg95", "coap"), ("bc95", "coaps")]
ALL = [(family, way) for family in FAMILIES for way in ("coap", "coaps")]
MATRIX = [pytest.param(*each, marks=() if each in SHORT else pytest.mark.proof) for each in ALL]

# Patience that tests have no time for.
QUICK = {"ack_timeout_ms": 1000, "retry_s": 1}

SWITCHES = {
    "echo": {"echo": True},
    "split": {"split": 3},
    "9600 baud": {"baud": 9600},
    "late answers": {"answer_s": 0.05},
    "lines in answers": {"noise": 1.0},
    "no word of data": {"urc_loss": 1.0},
    "data told twice": {"urc_double": 1.0},
    "late open": {"open_s": 1.0, "reboot": 0.1},
    "failed sends": {"send_fail": 0.3},
    "busy": {"cme_error": 0.1},
    "resets": {"reboot": 0.1, "garbage": True, "first_lost": True},
    "lost": {"drop": 0.3},
    "doubled": {"duplicate": 1.0},
    "late": {"late": 0.3, "late_s": 1.5},
    "no network": {"lose_network": 0.05, "register_s": 0.5},
}
PUSHED = ("bc660k", "sim7020")  # a word of data that is not said is a datagram lost
ALL_OFF = {n: getattr(Switches(), n) for switches in SWITCHES.values() for n in switches}
TOGETHER = {
    "echo": True, "split": 7, "noise": 0.2, "urc_loss": 0.1, "urc_double": 0.1, "open_s": 0.2,
    "send_fail": 0.05, "cme_error": 0.02, "reboot": 0.01, "garbage": True, "first_lost": True,
    "drop": 0.3, "duplicate": 0.1, "late": 0.1, "lose_network": 0.01, "psm_s": 1,
}  # fmt: skip


# The virtual board has no such key: `deploy` would refuse a device.json that names one.
KEY = """
import board, json
with open("device.json") as file:
    found = json.load(file)
if "wake" not in found["modem"]:
    found["modem"]["wake"] = 4
    with open("device.json", "w") as file:
        json.dump(found, file)
board.modem_wake = lambda settings, on: print("key", "down" if on else "up")
"""


def told(config, family, way, **changes):
    modem = {"family": family, "open_timeout_s": 10}
    return config("alibaba", way, modem=modem, **(QUICK | changes))


@pytest.mark.parametrize(("family", "way"), MATRIX)
def test_a_board_that_sleeps_deeply_reports_through_its_modem(wired, twin, config, family, way):
    after = twin.last_id()
    device, modem = wired(family)
    device.run(told(config, family, way, ack_timeout_ms=10_000), SLEEP)
    assert numbers_of(reports(twin, 3, after))[:3] == [0, 1, 2]
    device.stop()
    assert device.output().count("authenticated") == 1
    assert modem.malformed == []
    counts = modem.counters
    if way == "coap":  # /auth, then one for each report, the last perhaps on its way
        assert 0 <= counts["up"] - counts["down"] <= 1
        assert counts["up"] - len(reports(twin, 3, after)) in (1, 2)


@pytest.mark.parametrize(("family", "way"), MATRIX)
def test_a_modem_that_sleeps_while_the_board_does_is_woken(wired, twin, config, family, way):
    after = twin.last_id()
    by_key = family not in ("bc660k", "bc95", "sara_n2")  # their manuals: a byte wakes them
    device, modem = wired(family, reboot_s=0.1, garbage=True, first_lost=True, by_key=by_key)
    program = SLEEP.replace("board.deep", "print('good night')\nboard.deep")
    program = program.replace("(50)", "(1000)")
    device.run(told(config, family, way, ack_timeout_ms=10_000), KEY + program)
    for count in (1, 2):
        device.wait_for("good night(?:.|\n)*" * count, 60)
        modem.sleep()
        if by_key:
            device.wait_for("key down(?:.|\n)*" * count, 60)
            modem.press_key()
    numbers = numbers_of(reports(twin, 3, after, timeout_s=60))
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    assert [text for _, kind, text in modem.events if kind == "radio"].count("asleep") == 2
    assert modem.malformed == []


@pytest.mark.parametrize(("family", "way"), MATRIX)
def test_each_thing_that_goes_wrong_at_the_modem_costs_no_report(wired, twin, config, family, way):
    after = twin.last_id()
    device, modem = wired(family)
    device.run(told(config, family, way), COUNT)
    for name, switches in SWITCHES.items():
        count = len(reports(twin, 1, after))
        changes = ALL_OFF | switches
        if family in PUSHED:
            changes["urc_loss"] *= 0.3
        if way == "coaps":  # a handshake is forty commands
            changes["reboot"] /= 5
            changes["lose_network"] /= 5
        modem.change(**changes)
        try:
            reports(twin, count + 3, after, timeout_s=90)
        except AssertionError as error:
            pytest.fail(f"{name}: {error}; {device.output()[-1000:]}")
    device.stop()
    numbers = numbers_of(reports(twin, 1, after))
    assert sorted(set(numbers)) == list(range(max(numbers) + 1))
    assert modem.malformed == []


@pytest.mark.proof
@pytest.mark.timeout(700)
@pytest.mark.parametrize(("family", "way"), ALL)
def test_nothing_is_lost_when_all_goes_wrong_at_once(wired, twin, config, family, way):
    after = twin.last_id()
    device, modem = wired(family, **TOGETHER)
    # A handshake over such a line takes a minute: one for all reports.
    device.run(told(config, family, way), SLEEP if way == "coap" else COUNT)
    numbers = numbers_of(reports(twin, 3, after, timeout_s=600))
    assert sorted(set(numbers)) == list(range(max(numbers) + 1)), device.output()
    assert modem.malformed == []


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        ({"no_sim": True}, "SIM"),
        ({"denied": True}, "denies"),
        ({"register_s": 600}, "coverage"),
    ],
)
def test_what_keeps_the_modem_off_line_is_said_and_reports_wait(
    wired, twin, config, switches, said
):
    after = twin.last_id()
    device, modem = wired("bg95", **switches)
    device.run(told(config, "bg95", "coap"), COUNT)
    device.wait_for(f"not connected: .*{said}", 40)
    modem.change(no_sim=False, denied=False, register_s=0.05)
    modem.reboot()
    assert numbers_of(reports(twin, 2, after, timeout_s=40))[:2] == [0, 1]


def test_another_family_is_said(wired, config):
    device, _ = wired("bc95")
    device.run(told(config, "bg95", "coap"), COUNT)
    device.wait_for("not connected: .*BC95", 40)


def test_a_modem_that_is_not_there_is_said(device, config):
    device.run(told(config, "bg95", "coap"), COUNT)
    device.wait_for("not connected: .*modem.*answer", 40)
