"""Do we and h11 read every reply alike, whole, damaged or in pieces?  Hypothesis searches for one.

Every interpreter reads some of such replies in test_http_replay.py.
"""

import check
from check_http import misread, read
from host.h11_judge import judge
from host.replies import WANTED, Tape, cuts, damaged, reply
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from signet.wire.http import Reply

INTERPRETERS = ("cpython",)

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"

# On purpose: why, the reply, what h11 says, what we say.
_ON_PURPOSE = (
    ("7.1.1: BWS before ;", _CHUNKED + b"5 ;a\r\nHello\r\n0\r\n\r\n", "error", "done"),
    ("2.2: bare CR", _CHUNKED + b"5;a\rb\r\nHello\r\n0\r\n\r\n", "done", "error"),
    ("a line takes heap", _OK + b"a: " + b"b" * 1020 + b"\r\n\r\n", "done", "error"),
    ("a head takes time", _OK + (b"a: " + b"b" * 990 + b"\r\n") * 9 + b"\r\n", "done", "error"),
)

_CASES = 12  # made of each example: drawing one costs as much as to compare three
_AT_LEAST = check.scaled(10_000)  # replies, each other than all before
_often = settings(
    max_examples=check.scaled(1200),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_compared = set()


def _compare(data, tape):
    verdict = judge(data, WANTED)
    places = cuts(tape, len(data))
    wrong = misread(data, places, verdict, WANTED)
    assert wrong is None, f"{data} cut at {places}: {wrong}; h11: {verdict}"
    _compared.add(data)


@_often
@given(some.binary(min_size=150, max_size=150))
def _search(decisions):
    data = reply(Tape(decisions))
    _compare(data, Tape(decisions[::-1]))
    for turn in range(1, _CASES):
        tape = Tape(decisions[turn * 8 :])
        _compare(damaged(tape, data), tape)


def test_each_reply_is_read_as_h11_reads_it():
    _search()
    assert len(_compared) >= _AT_LEAST


def test_where_we_differ_from_h11_we_do_so_on_purpose():
    for why, data, theirs, ours in _ON_PURPOSE:
        check.equal(judge(data, own_rules=True).outcome, theirs, why)
        check.equal(read(data, (), Reply()), ours, why)
