"""Do we and the library `websockets` read every stream of frames alike?  Hypothesis searches.

Every interpreter reads some of such streams in test_websocket_replay.py.
"""

import check
from check_websocket import misread, read
from host.frames import close, heard, is_accepted, judge, opening_reply, stream
from host.replies import Tape, cuts
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from signet.errors import ProtocolError
from signet.wire import websocket as wire
from signet.wire import websocket_handshake as handshake

INTERPRETERS = ("cpython",)

_ACCEPT = handshake.opening("good.test", b"the sample nonce")[1]
_often = settings(
    max_examples=check.scaled(1000),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_outcomes = {}


def _compare(data, tape):
    verdict = judge(data)
    places = cuts(tape, len(data))
    wrong = misread(data, places, tuple(verdict))
    assert wrong is None, f"{data} cut at {places}: {wrong}; websockets: {verdict}"
    _outcomes[verdict.outcome] = _outcomes.get(verdict.outcome, 0) + 1


@_often
@given(some.binary(min_size=120, max_size=120))
def _search(decisions):
    for turn in range(6):
        tape = Tape(decisions[turn * 16 :])
        _compare(stream(tape), tape)
        _compare(close(tape), tape)


def test_each_stream_is_read_as_websockets_reads_it():
    _search()
    assert min(_outcomes[name] for name in ("more", "closed", "error", "lax")) > check.scaled(
        100
    ), _outcomes


@_often
@given(some.binary(max_size=200))
def _search_noise(data):
    _compare(data, Tape(data[::-1]))


def test_and_so_is_noise():
    _search_noise()


@_often
@given(some.sampled_from((2, 8, 9, 10)), some.binary(max_size=600), some.binary(min_size=4))
def _search_frames(opcode, payload, mask):
    if opcode > 2:
        payload = b"\x03\xe8" + bytes(byte & 127 for byte in payload[:123])
    out = bytearray(len(payload) + 8)
    size = wire.frame(opcode, payload, mask[:4], out)
    assert heard(bytes(out[:size])) == [(opcode, payload)]


def test_websockets_hears_what_we_say():
    _search_frames()


@_often
@given(some.binary(min_size=40, max_size=40))
def _search_replies(decisions):
    reply = opening_reply(Tape(decisions))
    try:
        handshake.check_reply(reply, _ACCEPT)
        ours = True
    except ProtocolError:
        ours = False
    assert ours == is_accepted(reply), reply
    _outcomes[ours] = _outcomes.get(ours, 0) + 1


def test_we_take_the_replies_that_websockets_takes():
    _search_replies()
    assert min(_outcomes[True], _outcomes[False]) > check.scaled(100)


def test_a_close_frame_between_fragments_is_read():
    assert read(bytes.fromhex("020141 8802 03e8 ")) == ("closed", b"A", [(8, b"\x03\xe8")])
