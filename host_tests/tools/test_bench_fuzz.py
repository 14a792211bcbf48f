"""Does `signet bench fuzz` find what it looks for, and nothing in the code as it is?"""

import re
import shutil

import pytest
from typer.testing import CliRunner

from host_tests import screens
from host_tests.depth import scaled
from tools.bench import command, fuzz, programs
from tools.paths import LIB
from tools.ui import UserError

_COAP, _HTTP, _WEBSOCKET, _MODEM = (
    fuzz.TARGETS[name] for name in ("coap", "http", "websocket", "modem")
)
_SESSIONS = [n for n, target in fuzz.TARGETS.items() if target.program == "fuzz_sessions"]
_READERS = [n for n, target in fuzz.TARGETS.items() if target.program == "fuzz_readers"]
_MESSAGES = scaled(15_000, fuzz.FEWEST)


def _measure(target):
    steps = []
    found = fuzz.measure(2 * _MESSAGES, _MESSAGES, 7, steps.append, target=target)
    assert sum(steps) == sum(row.messages for row in found)
    return found


@pytest.fixture(scope="module")
def coap_rows():
    return _measure(_COAP)


@pytest.fixture(scope="module")
def http_rows():
    return _measure(_HTTP)


@pytest.fixture(scope="module")
def websocket_rows():
    return _measure(_WEBSOCKET)


@pytest.fixture(scope="module")
def modem_rows():
    return _measure(_MODEM)


@pytest.fixture(params=["coap_rows", "http_rows", "websocket_rows", "modem_rows"])
def rows(request):
    return request.getfixturevalue(request.param)


# A mistake, planted into a copy of lib/: what a client does with each message, wrongly.
_WRONG_COAP = """

_right = Exchange.received


def _wrong(self, datagram, now_ms):
    event = _right(self, datagram, now_ms)
    {}
    return event


Exchange.received = _wrong
"""
_WRONG_HTTP = """

_right = Reply.feed


def _wrong(self, data):
    _right(self, data)
    {}


Reply.feed = _wrong
"""
_WRONG_WEBSOCKET = """

_right = Frames.took


def _wrong(self, count):
    control = _right(self, count)
    {}
    return control


Frames.took = _wrong
"""
_WRONG_SESSION = """

_right = loads


def loads(payload, where):
    {}
    return _right(payload, where)
"""


@pytest.fixture
def planted(tmp_path):
    """Fuzzes a copy of lib/ that makes a mistake with each datagram, or piece of a reply."""

    def run(mistake, count=2 * _MESSAGES, target=_COAP):
        name, wrong = {
            _COAP: ("wire/exchange", _WRONG_COAP),
            _HTTP: ("wire/http", _WRONG_HTTP),
            _WEBSOCKET: ("wire/websocket", _WRONG_WEBSOCKET),
        }.get(target, ("wire/exact_json", _WRONG_SESSION))
        shutil.copytree(LIB, tmp_path / "lib")
        file = tmp_path / "lib" / "signet" / f"{name}.py"
        file.write_text(file.read_text() + wrong.format(mistake))
        return fuzz.measure(count, 0, 7, lambda _: None, lib=tmp_path / "lib", target=target)

    return run


def test_nothing_but_the_errors_for_it_comes_and_memory_does_not_grow(rows):
    for row in rows:
        assert row.first is None
        assert row.passed, row
        assert sum(row.counts[name] for name in row.target.outcomes) == row.messages


def test_every_interpreter_makes_the_same_of_the_same_messages(rows):
    one, other, *boards = rows
    assert [row.interpreter for row in boards] == programs.builds()
    for row in boards:
        assert (row.counts, row.events, row.states) == (one.counts, one.events, one.states)
    assert other.counts != one.counts, "two processes must not send the same"


def test_the_exchange_meets_them_in_every_state_and_goes_on_answering(coap_rows):
    for row in coap_rows:
        assert min(row.states.values()) > _MESSAGES // 100
        assert len(row.states) == 4
        for kind in ("response", "acknowledged", "notification", "pong", "Lost", "ProtocolError"):
            assert row.events[kind], kind
        assert row.counts["clean"] > _MESSAGES // 256


def test_replies_of_every_kind_end_in_every_way(http_rows):
    for row in http_rows:
        assert row.states.keys() == {"length", "chunks", "close", "interim", "nothing"}
        assert min(row.counts[name] for name in _HTTP.outcomes) > _MESSAGES // 20
        for kind in ("kept alive", "not kept alive", "too long to keep", "cut in the content"):
            assert row.events[kind], kind
        assert row.counts["clean"] > _MESSAGES // 256


def test_a_modem_is_lost_in_many_ways_and_found_again(modem_rows):
    for row in modem_rows:
        assert min(row.states.values()) > _MESSAGES // 5
        for text in ("has reset itself", "does not answer any more", "has lost the"):
            assert any(text in event for event in row.events), (text, row.events)
        assert row.counts["clean"] > _MESSAGES // 256


@pytest.mark.proof
def test_a_million_damaged_bytes_of_modems_bring_nothing_but_errors():
    for row in fuzz.measure(200_000, 20_000, 11, lambda _: None, target=_MODEM):
        assert row.passed, row


def test_an_exception_is_found_with_its_message(planted):
    rows = planted("b''[0 if len(datagram) == 23 else slice(1)]", 1000)
    for row in rows:
        assert not row.passed
        assert row.first["error"].startswith("IndexError: ")
        assert len(bytes.fromhex(row.first["message"])) == 23
        assert "_wrong" in row.first["trace"]
    assert f"datagram: {rows[0].first['message']}" in fuzz.verdict(rows)


@pytest.mark.proof
def test_an_answer_to_another_request_is_found(planted):
    rows = planted("if event and event[0] == 'response': event[1].token = b'other'")
    assert "AssertionError: an answer to something else" in fuzz.verdict(rows)


@pytest.mark.proof
def test_an_exception_of_the_reply_is_found(planted):
    rows = planted("b''[0 if self.status == 304 else slice(1)]", 1000, _HTTP)
    assert "IndexError: " in fuzz.verdict(rows)
    assert f"reply: {rows[0].first['message']}" in fuzz.verdict(rows)


@pytest.mark.proof
@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        ("if len(data) == 1: self.body.clear()", "the content depends on the pieces"),
        ("self.done = self.done or len(data) == 7", "it depends on the pieces"),
        (
            "self.keep_alive = self.status == 200 or len(data) > 50",
            "status, headers or end depend on",
        ),
    ],
)
def test_a_reply_that_is_read_otherwise_in_pieces_is_found(planted, mistake, found):
    assert f"AssertionError: {found}" in fuzz.verdict(planted(mistake, 1000, _HTTP))


@pytest.mark.proof
def test_a_frame_that_is_read_otherwise_in_pieces_is_found(planted):
    rows = planted("self.left += count == 5", 1000, _WEBSOCKET)
    assert "AssertionError: it depends on the pieces" in fuzz.verdict(rows)


@pytest.mark.parametrize("name", _SESSIONS)
def test_out_of_a_session_come_events_only(name):
    rows = fuzz.measure(0, 300, 7, lambda _: None, target=fuzz.TARGETS[name])
    for row in rows:
        assert row.first is None, row.first
        assert row.counts == rows[0].counts, "not the same on every build"
        assert row.events["opened"] > 10
        assert row.events["acked"] > 3
        assert row.counts["clean"] == 3, "one in 256, and at the end"


@pytest.mark.parametrize("name", _READERS)
def test_a_reader_raises_what_it_promises_and_takes_no_more_work_than_its_bytes_are_worth(name):
    rows = fuzz.measure(scaled(4000), scaled(2000), 7, lambda _: None, target=fuzz.TARGETS[name])
    for row in rows:
        assert row.first is None, row.first
        assert min(row.counts[outcome] for outcome in row.target.outcomes) >= row.messages // 20
        assert row.counts["clean"] > 0
    for row in rows[3:]:
        assert row.counts == rows[2].counts, "not the same on every build"


def test_a_reader_whose_work_is_not_linear_is_found(planted):
    rows = planted("[0 for _ in range(len(payload) ** 2 // 8)]", 1, fuzz.TARGETS["json"])
    assert re.search(r"AssertionError: \d+ for \d+ bytes", fuzz.verdict(rows))


def test_a_session_that_is_lost_by_a_mistake_of_ours_is_found(planted):
    rows = planted(
        "{}[payload[:1]] if payload[7:8] == b'7' else 0", 600, fuzz.TARGETS["enos-mqtt"]
    )
    assert "AssertionError: lost by KeyError" in fuzz.verdict(rows)


@pytest.mark.proof
def test_growth_of_memory_is_found(planted):
    rows = planted("self.kept = getattr(self, 'kept', b'') + datagram[:4]")
    assert all(row.growth > fuzz.GROWTH_BYTES for row in rows)
    assert "memory grew from" in fuzz.verdict(rows)


@pytest.mark.proof
def test_a_leak_of_one_byte_in_ten_datagrams_is_found(planted):
    rows = planted(
        "self.seen = getattr(self, 'seen', 0) + 1\n    self.kept = bytes(self.seen // 10)",
        6 * _MESSAGES,
    )
    assert all(row.growth > fuzz.GROWTH_BYTES for row in rows)


def test_too_few_messages_say_nothing_about_growth(rows):
    few = rows[0]._replace(messages=fuzz.FEWEST - 1, memory=(0, 1 << 20))
    assert few.growth is None
    assert few.passed
    assert "nothing is said about growth" in fuzz.verdict([few])
    assert "memory grew" in fuzz.verdict([few._replace(messages=fuzz.FEWEST)])


def test_no_messages_are_no_success():
    nothing = ["fuzz", "--cpython", "0", "--micropython", "0"]
    done = CliRunner().invoke(command.app, nothing)
    assert isinstance(done.exception, UserError)
    assert "more than 0" in str(done.exception)
    assert "Nothing but ProtocolError" not in done.output


def test_a_hang_is_found(planted, monkeypatch):
    monkeypatch.setattr(programs, "_SILENCE_S", 1.0)
    with pytest.raises(UserError, match="fuzz_coap on CPython has said nothing for 1 s: it hangs"):
        planted("while len(datagram) == 23: pass")


@pytest.mark.proof
def test_the_command_prints_counts_and_fails_for_what_it_finds(monkeypatch):
    few = ["fuzz", "--cpython", "300", "--micropython", "300"]
    done = CliRunner().invoke(command.app, few, env={"COLUMNS": "80"})
    assert done.exit_code == 0, done.output
    screens.look("bench fuzz", done.stdout)
    for text in ("CPython", "accepted", "other", "growth", "waiting for an ACK", "kept alive"):
        assert text in done.stdout
    assert "nothing is said about growth" in done.stdout
    monkeypatch.setattr(fuzz, "FEWEST", 300 // 2)
    monkeypatch.setattr(fuzz, "GROWTH_BYTES", -(1 << 30))
    assert CliRunner().invoke(command.app, few).exit_code == 1
