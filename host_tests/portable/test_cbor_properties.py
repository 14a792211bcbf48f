"""Do we and cbor2 agree on every value, and on any bytes at all?  Hypothesis searches for one.

cbor2's canonical form sorts keys as RFC 7049 does, shorter ones first; among texts that is the
order of RFC 8949 too, so bytes are compared for maps with text keys only.
"""

import cbor2
import check
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from signet.errors import ProtocolError
from signet.wire import cbor

INTERPRETERS = ("cpython",)

_text = some.text(some.characters(exclude_categories=("Cs",)), max_size=30)
_keys = _text | some.binary(max_size=5) | some.integers(-(2**64), 2**64 - 1)
_scalars = (
    some.none()
    | some.booleans()
    | some.integers(-(2**64), 2**64 - 1)
    | some.integers(-300, 300)
    | some.floats(allow_nan=False)
    | some.floats(allow_nan=False, width=32)
    | some.floats(allow_nan=False, width=16)
    | some.binary(max_size=300)
    | _text
)


def _values(keys):
    return some.recursive(
        _scalars,
        lambda inner: some.lists(inner, max_size=5) | some.dictionaries(keys, inner, max_size=5),
        max_leaves=15,
    )


_often = settings(
    max_examples=check.scaled(500),
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)


@_often
@given(_values(_text))
def test_dumps_writes_what_cbor2_writes(value):
    assert cbor.dumps(value) == cbor2.dumps(value, canonical=True)


@_often
@given(_values(_keys))
def test_each_reads_what_the_other_writes(value):
    # repr, because 1, 1.0 and True are equal and yet not the same
    assert repr(_sorted(cbor2.loads(cbor.dumps(value)))) == repr(_sorted(value))
    assert repr(cbor.loads(cbor2.dumps(value), 30)) == repr(value)


@_often
@given(_values(_text), some.lists(some.tuples(some.integers(0), some.integers(0, 255))))
def test_what_we_read_of_any_bytes_cbor2_reads_too(value, damages):
    data = bytearray(cbor2.dumps(value))
    for place, byte in damages:
        data[place % len(data)] = byte
    try:
        ours = cbor.loads(bytes(data), 20)
    except ProtocolError:
        return
    assert repr(ours) == repr(cbor2.loads(bytes(data), allow_duplicate_keys=False))


@_often
@given(some.binary(max_size=60))
def test_noise_is_read_as_cbor2_reads_it_or_refused(data):
    try:
        ours = cbor.loads(data)
    except ProtocolError:
        return
    assert repr(ours) == repr(cbor2.loads(data, allow_duplicate_keys=False))


def _sorted(value):
    if isinstance(value, dict):
        return sorted((repr(key), _sorted(item)) for key, item in value.items())
    return [_sorted(item) for item in value] if isinstance(value, list) else value
