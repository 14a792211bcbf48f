"""Is the JSON of a peer bounded before it is read, and what is in it before it is kept?"""

import check
from signet.errors import ProtocolError
from signet.wire import exact_json


def _nested(levels, inside=b""):
    return b"[" * levels + inside + b"]" * levels


def test_eight_levels_are_read_and_no_more():
    for payload, good in (
        (_nested(8), True),
        (_nested(9), False),
        (b'{"a":' * 8 + b"1" + b"}" * 8, True),
        (b'{"a":' * 9 + b"1" + b"}" * 9, False),
        (b'[{"a":' * 4 + b"1" + b"}]" * 4, True),
        (b'[{"a":' * 4 + b"[]" + b"}]" * 4, False),
        (b"[" + b"[]," * 40 + b"[]]", True),  # many, but not in one another
        (b'[{},"]]]]",' + _nested(8) + b"]", False),  # what a string closes is not closed
        (b'["[[[[[[[[[",{"{{{{":"\\"[[["},"\\\\",' + _nested(7) + b"]", True),
        (b'["\\\\\\"",' + _nested(7) + b"]", True),
        (b'["\\\\",' + _nested(8) + b"]", False),
        (b"]" * 9 + _nested(9), False),
        (_nested(600), False),
        (_nested(600, b'"' + b"]" * 600 + b'"'), False),
        (b"[" * 4096, False),
        (b"[" * 20_000, False),
    ):
        if good:
            assert exact_json.loads(payload, "t"), payload
        else:
            error = check.raises(ProtocolError, exact_json.loads, payload, "a/topic")
            assert "on a/topic" in str(error) and len(str(error)) < 60, error


def test_what_is_read_has_4096_bytes_at_most():
    assert len(exact_json.loads(b'"' + b"x" * 4094 + b'"', "t")) == 4094
    check.raises(ProtocolError, exact_json.loads, b'"' + b"x" * 4095 + b'"', "t")


def test_an_integer_is_read_exactly():
    for number in (0, -1, 1 << 31, (1 << 53) + 1, (1 << 64) + 1, 10**300):
        check.equal(exact_json.loads(b'{"n": %d}' % number, "t"), {"n": number})


def test_a_member_is_kept_only_within_its_bounds():
    for value, kinds, good in (
        (0, (int,), True),
        ((1 << 53) - 1, (int,), True),
        (1 << 53, (int,), False),
        (-1, (int,), False),
        (10**300, (int,), False),
        (True, (int,), False),
        (1.0, (int,), False),
        ("7", (int,), False),
        (None, (int, str), False),
        ("", (str,), True),
        ("x" * 256, (str,), True),
        ("x" * 257, (str,), False),
        ("a\nb", (str,), False),
        (7, (str,), False),
        (["7"], (str, int), False),
        (7, (str, int), True),
        ("7", (str, int), True),
    ):
        if good:
            check.equal(exact_json.member({"m": value}, "m", "t", *kinds), value)
        else:
            error = check.raises(ProtocolError, exact_json.member, {"m": value}, "m", "t", *kinds)
            check.equal(str(error), "m on t is missing or bad")
    check.raises(ProtocolError, exact_json.member, {}, "m", "t", int)
