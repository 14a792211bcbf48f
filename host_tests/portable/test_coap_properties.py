"""Do our codec and aiocoap's agree on every valid message?  Hypothesis searches for one where not.

aiocoap takes malformed messages too, so it judges valid ones only. It also knows the format of
standard options, so those get values that RFC 7252 table 4 allows.
"""

import aiocoap
import check
from aiocoap.numbers import OptionNumber
from aiocoap.optiontypes import OpaqueOption
from check_coap import encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from signet.wire import coap

INTERPRETERS = ("cpython",)

_TEXT = (3, 8, 11, 15, 20, 35, 39)
_UINT = {6: 3, 7: 2, 12: 2, 13: 3, 14: 4, 16: 1, 17: 2, 23: 3, 27: 3, 28: 4, 60: 4, 258: 1}
_LENGTHS = (0, 1, 12, 13, 14, 268, 269, 270, 400)


def _shortest(number):
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def _uint(number):
    values = some.integers(0, 256 ** _UINT[number] - 1).map(_shortest)
    return some.tuples(some.just(number), values)


_opaque_numbers = some.sampled_from((1, 4, 5, 9, 61, 252, 2088, 2089, 2090)) | some.integers(
    0, 65535
).filter(lambda number: number not in _TEXT and number not in _UINT)
_values = some.binary(max_size=20) | some.sampled_from(_LENGTHS).map(lambda size: b"v" * size)
_option = (
    some.tuples(some.sampled_from(_TEXT), some.text(max_size=20).map(str.encode))
    | some.sampled_from(tuple(_UINT)).flatmap(_uint)
    | some.tuples(_opaque_numbers, _values)
)
_heads = some.tuples(
    some.integers(0, 3), some.integers(1, 31) | some.integers(64, 191), some.integers(0, 65535)
)
_MESSAGES = 10  # made of each example: drawing one costs more than to compare ten
_AT_LEAST = check.scaled(10_000)  # datagrams, each other than all before
_often = settings(
    max_examples=check.scaled(1500),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
_compared = set()


def _messages(heads, tokens, options, payloads):
    """Other parts together each time, and the options in another order."""
    for turn in range(_MESSAGES):
        cut = turn % (len(options) + 1)
        yield coap.Message(
            *heads[turn % len(heads)],
            tokens[turn % len(tokens)],
            (options[cut:] + options[:cut])[turn // 3 :],
            payloads[turn % len(payloads)],
        )


def _theirs(message):
    """The same message made by aiocoap."""
    made = aiocoap.Message(code=message.code, payload=message.payload)
    made.mtype = aiocoap.Type(message.type)
    made.mid = message.message_id
    made.token = message.token
    for number, value in message.options:
        made.opt.add_option(OpaqueOption(OptionNumber(number), value))
    return made.encode()


def _compare(message):
    datagram = encode(message)
    assert datagram == _theirs(message)
    in_order = sorted(message.options, key=lambda option: option[0])  # stable on CPython

    theirs = aiocoap.Message.decode(datagram)
    ours = coap.decode(datagram)
    for read in (theirs, ours):
        assert read.code == message.code
        assert read.token == message.token
        assert read.payload == message.payload
    assert (theirs.mtype, theirs.mid) == (ours.type, ours.message_id)
    assert (ours.type, ours.message_id) == (message.type, message.message_id)
    assert [(int(o.number), o.encode()) for o in theirs.opt.option_list()] == in_order
    assert list(ours.options) == in_order
    _compared.add(datagram)


@_often
@given(
    some.lists(_heads, min_size=4, max_size=4, unique=True),
    some.lists(some.binary(max_size=8), min_size=3, max_size=3, unique=True),
    some.lists(_option, max_size=8),
    some.lists(some.binary(max_size=40), min_size=5, max_size=5, unique=True),
)
def _search(heads, tokens, options, payloads):
    for message in _messages(heads, tokens, options, payloads):
        _compare(message)


def test_each_reads_what_the_other_writes():
    _search()
    assert len(_compared) >= _AT_LEAST
