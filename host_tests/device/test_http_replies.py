"""Does every report arrive when the reply to one of them is late, broken or lost?

A board reports without a pause; replies of the twin go out broken, one after another (RFC 9112;
tools/twin/web/broken.py says how).
"""

import json

import pytest

from host_tests.device.http_programs import HASTY, Seen, counts, none_missing

ALIBABA = ("alibaba", "https", HASTY, {"timeout_s": 1})
WATSON = ("watson", "https", HASTY, {"timeout_s": 1, "command_poll_s": 0})

# What spoils a reply, and what the board says about it.
SPOILED = [
    ("silent", "no whole reply in time"),
    ("dribble", "no whole reply in time"),
    ("cut_head", "the reply was cut short"),
    ("huge", "the peer broke HTTP: .*"),
    ("garbage", "the peer broke HTTP: .*"),
]
HARMLESS = ["bytes", "interim", "close"]

both = pytest.mark.parametrize(
    "_lasting", [ALIBABA, WATSON], indirect=True, ids=lambda entry: entry[0]
)
alibaba = pytest.mark.parametrize("_lasting", [ALIBABA], indirect=True, ids=["alibaba"])
watson = pytest.mark.parametrize("_lasting", [WATSON], indirect=True, ids=["watson"])


@pytest.fixture
def spoiled(lasting, twin, request):
    """Waits until the board reports; then spoils a reply, or several."""

    def spoil(how, n=1):
        cloud = request.node.callspec.params["_lasting"][0]
        lasting.wait_for(r"^report \d+ stored")
        lasting.mark()
        seen = Seen(twin, cloud)
        seen.stored(1)
        twin.fault("misbehave_http", cloud=cloud, how=how, n=n)
        return seen

    return spoil


def _first_and_later(seen, more=3):
    """The numbers from the first report on, as 0, 1, 2, ..."""
    numbers = seen.more(more)
    return [number - numbers[0] for number in numbers]


@both
@pytest.mark.parametrize(("how", "says"), SPOILED)
def test_after_a_reply_that_is_no_good_the_report_comes_again_and_none_is_missing(
    lasting, spoiled, how, says
):
    seen = spoiled(how)
    lasting.wait_for(f"^connection lost.*: {says}; next try in ")
    numbers = _first_and_later(seen)
    assert none_missing(numbers)
    assert len(numbers) == max(numbers) + 2, "one, whose reply was lost, came twice"
    assert seen.count("connections") == 1


@both
@pytest.mark.parametrize("how", HARMLESS)
def test_a_reply_that_is_only_odd_costs_nothing(lasting, spoiled, how):
    seen = spoiled(how)
    assert counts(_first_and_later(seen))
    assert "lost" not in lasting.output()
    assert seen.beside_stored() == 0
    assert seen.count("connections") == int(how == "close")


@both
def test_a_kept_connection_that_is_reset_is_made_anew_at_once(lasting, spoiled):
    seen = spoiled("reset")
    numbers = _first_and_later(seen)
    assert none_missing(numbers) and len(numbers) == max(numbers) + 2
    assert "lost" not in lasting.output()
    assert seen.count("connections") == 1


@alibaba
def test_of_half_an_answer_nothing_is_believed(lasting, spoiled):
    seen = spoiled("cut")
    lasting.wait_for("^connection lost.*: the reply was cut short; next try in ")
    assert none_missing(_first_and_later(seen))


@alibaba
@pytest.mark.parametrize("how", ["cut", "reset"])
def test_a_report_whose_reply_was_lost_comes_again_under_its_alink_id(spoiled, how):
    seen = spoiled(how)
    (again,) = seen.stored(1, dup=True)
    same = [m for m in seen.stored() if m["payload"] == again["payload"]]
    assert len(same) == 2 and json.loads(again["payload"])["id"].isdigit()


@both
@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("reset", "connection lost.*: (reset|closed) by the peer; next try in "),
        ("garbage", r"report \d+: the peer broke HTTP: .*, 3 times; it goes last and alone"),
    ],
)
def test_three_replies_lost_in_a_row_cost_no_report(lasting, spoiled, how, says):
    seen = spoiled(how, n=3)
    lasting.wait_for("^" + says)
    assert none_missing(_first_and_later(seen))
