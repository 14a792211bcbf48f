"""Does wire.cbor read and write values as RFC 8949 says, and refuse all other bytes?

Vectors of RFC 8949 appendix A; its rules by hand; and cbor2 (host/generated.py).
"""

from binascii import hexlify, unhexlify
from struct import pack, unpack

import check
from signet.errors import ProtocolError
from signet.wire import cbor

_INFINITY = float("inf")
_SINGLE = pow(2.0, 24) + 1.0 == pow(2.0, 24)  # floats have single precision, as on most boards

# RFC 8949 appendix A, what this module knows of it: read and written. (pow, where a float's
# decimal form does not reach its last bit: .mpy files keep 16 digits, ports read them roughly.)
_BOTH = (
    ("00", 0),
    ("01", 1),
    ("0a", 10),
    ("17", 23),
    ("1818", 24),
    ("1819", 25),
    ("1864", 100),
    ("1903e8", 1000),
    ("1a000f4240", 1000000),
    ("1b000000e8d4a51000", 1000000000000),
    ("1bffffffffffffffff", 18446744073709551615),
    ("3bffffffffffffffff", -18446744073709551616),
    ("20", -1),
    ("29", -10),
    ("3863", -100),
    ("3903e7", -1000),
    ("f90000", 0.0),
    ("f93c00", 1.0),
    ("f93e00", 1.5),
    ("f97bff", 65504.0),
    ("fa47c35000", 100000.0),
    ("fa7f7fffff", (2.0 - pow(2.0, -23)) * pow(2.0, 127)),
    ("f90001", pow(2.0, -24)),
    ("f90400", pow(2.0, -14)),
    ("f9c400", -4.0),
    ("f97c00", _INFINITY),
    ("f9fc00", -_INFINITY),
    ("f4", False),
    ("f5", True),
    ("f6", None),
    ("40", b""),
    ("4401020304", b"\1\2\3\4"),
    ("60", ""),
    ("6161", "a"),
    ("6449455446", "IETF"),
    ("62225c", '"\\'),
    ("62c3bc", "\u00fc"),
    ("63e6b0b4", "\u6c34"),
    ("64f0908591", "\U00010151"),
    ("80", []),
    ("83010203", [1, 2, 3]),
    ("8301820203820405", [1, [2, 3], [4, 5]]),
    ("98190102030405060708090a0b0c0d0e0f101112131415161718181819", list(range(1, 26))),
    ("a0", {}),
    ("a201020304", {1: 2, 3: 4}),
    ("a26161016162820203", {"a": 1, "b": [2, 3]}),
    ("826161a161626163", ["a", {"b": "c"}]),
    (
        "a56161614161626142616361436164614461656145",
        {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
    ),
)
# The same appendix, where it needs double precision; and how the nearest single is written, which
# CPython's struct and IEEE 754 give: beyond the largest that is infinity.
_DOUBLES = (
    ("fb3ff199999999999a", 1.1, "fa3f8ccccd"),
    ("fb7e37e43c8800759c", 1.0e300, "f97c00"),
    ("fbc010666666666666", -4.1, "fac0833333"),
)
# The same appendix: longer than need be, so read only.
_READ = (
    ("fa7f800000", _INFINITY),
    ("faff800000", -_INFINITY),
    ("fb7ff0000000000000", _INFINITY),
    ("fbfff0000000000000", -_INFINITY),
)
# The same appendix: tags, simple values and indefinite lengths, which no report needs.
_UNKNOWN = (
    "c249010000000000000000",
    "c349010000000000000000",
    "f7",
    "f0",
    "f818",
    "f8ff",
    "c074323031332d30332d32315432303a30343a30305a",
    "c11a514b67b0",
    "c1fb41d452d9ec200000",
    "d74401020304",
    "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    "5f42010243030405ff",
    "7f657374726561646d696e67ff",
    "9fff",
    "9f018202039f0405ffff",
    "9f01820203820405ff",
    "83018202039f0405ff",
    "83019f0203ff820405",
    "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
    "bf61610161629f0203ffff",
    "826161bf61626163ff",
    "bf6346756ef563416d7421ff",
)
# RFC 8949 appendix F: not well-formed.
_MALFORMED = (
    # end of input in a head, in a string, in an array or map
    "18 19 1a 1b 1901 1a0102 1b01020304050607 38 58 78 98 9a01ff00 b8 d8 f8 f900 fa0000 fb000000",
    "41 61 5affffffff00 5bffffffffffffffff010203 7affffffff00 7b7fffffffffffffff010203",
    "81 818181818181818181 8200 a1 a20102 a100 a2000000 c0",
    "5f4100 7f6100 9f 9f0102 bf bf01020102 819f 9f8000 9f9f9f9f9fffffffff 9f819f819f9fffffff",
    # simple values in two bytes that have one, reserved lengths
    "f800 f801 f818 f81f",
    "1c 1d 1e 3c 3d 3e 5c 5d 5e 7c 7d 7e 9c 9d 9e bc bd be dc dd de fc fd fe",
    # indefinite lengths of what has none, breaks where none may be
    "5f00ff 5f21ff 5f6100ff 5f80ff 5fa0ff 5fc000ff 5fe0ff 7f4100ff 5f5f4100ffff 7f7f6100ffff",
    "ff 81ff 8200ff a1ff a1ff00 a100ff a20000ff 9f81ff 9f829f819f9fffffffff",
    "bf00ff bf000000ff 1f 3f df",
)


def _same(got, expected):
    """Equal, and of equal types: 1, 1.0 and True are not the same."""
    check.equal(got, expected)
    assert type(got) is type(expected), (got, expected)
    if isinstance(got, list):
        for index in range(len(got)):
            _same(got[index], expected[index])
    elif isinstance(got, dict):
        for key in got:
            _same(got[key], expected[key])


def _refused(data, depth=8):
    error = check.raises(ProtocolError, cbor.loads, data, depth)
    assert str(error).startswith("the peer broke CBOR: "), error
    return str(error)


def test_the_examples_of_rfc_8949_are_written():
    for text, value in _BOTH:
        check.equal(hexlify(cbor.dumps(value)).decode(), text, value)
    for text, value, single in _DOUBLES:
        check.equal(hexlify(cbor.dumps(value)).decode(), single if _SINGLE else text, value)


def test_the_examples_of_rfc_8949_are_read():
    for text, value in _BOTH + _READ:
        _same(cbor.loads(unhexlify(text)), value)
    for text, value, _ in _DOUBLES:
        _same(cbor.loads(unhexlify(text)), value)


def test_negative_zero_keeps_its_sign_and_nan_has_one_form():
    check.equal(cbor.dumps(-0.0), unhexlify("f98000"))
    check.equal(pack(">f", cbor.loads(unhexlify("f98000"))), unhexlify("80000000"))
    check.equal(cbor.dumps(float("nan")), unhexlify("f97e00"))
    for text in ("f97e00", "fa7fc00000", "fb7ff8000000000000"):
        nan = cbor.loads(unhexlify(text))
        assert nan != nan, text


def test_tags_simple_values_and_indefinite_lengths_are_refused():
    for text in _UNKNOWN:
        _refused(unhexlify(text))


def test_what_rfc_8949_calls_not_well_formed_is_refused():
    for line in _MALFORMED:
        for text in line.split():
            _refused(unhexlify(text))


def test_each_error_says_what_is_wrong():
    for text, what in (
        ("", "cut off"),
        ("8201", "cut off"),
        ("0000", "bytes behind the value"),
        ("9f", "indefinite or reserved length"),
        ("1c", "indefinite or reserved length"),
        ("c000", "tag or unknown simple value"),
        ("f7", "tag or unknown simple value"),
        ("f814", "tag or unknown simple value"),
        ("61ff", "text that is not UTF-8"),
        ("a2616101616102", "key twice, or list or map as key"),
        ("a18001", "key twice, or list or map as key"),
        ("a1a001", "key twice, or list or map as key"),
        ("818181818181818180", "nested too deep"),
    ):
        check.equal(_refused(unhexlify(text)), "the peer broke CBOR: " + what)


def test_a_value_cut_off_anywhere_is_refused():
    for text, _ in _BOTH:
        data = unhexlify(text)
        for end in range(len(data)):
            check.equal(_refused(data[:end]), "the peer broke CBOR: cut off")
        _refused(data + b"\0")


def test_depth_is_bounded():
    for text in ("81" * 7 + "80", "a100" * 7 + "a0"):
        cbor.loads(unhexlify(text))
        _refused(unhexlify(text), 7)
        _refused(unhexlify("81" + text))
    cbor.loads(b"\x01", 0)
    _refused(b"\x80", 0)
    _refused(b"\x81" * 5000)
    _refused(b"\xa1\x00" * 5000)


def test_a_length_that_is_not_there_allocates_nothing_for_it():
    for text in (
        "5a00ffffff00",
        "7a00ffffff00",
        "9a00ffffff00",
        "ba00ffffff00",
        "9bffffffffffffffff00",
        "a3000000",
        "a30000000001",
    ):
        check.equal(_refused(unhexlify(text)), "the peer broke CBOR: cut off")


def test_arguments_longer_than_need_be_are_read():
    for text, value in (
        ("1800", 0),
        ("1900ff", 255),
        ("1b0000000000000001", 1),
        ("5900026161", b"aa"),
        ("7a0000000161", "a"),
        ("980101", [1]),
        ("b9000101f5", {1: True}),
    ):
        _same(cbor.loads(unhexlify(text)), value)


def test_map_keys_are_sorted_by_their_bytes():
    # The order of RFC 8949 4.2.1
    keys = (10, 100, -1, "z", "aa", (100,), (-1,), False)
    texts = ("0a", "1864", "20", "617a", "626161", "811864", "8120", "f4")
    expected = unhexlify("a8" + "".join([text + "00" for text in texts]))
    for turn in range(8):
        check.equal(cbor.dumps(dict.fromkeys(keys[turn:] + keys[:turn], 0)), expected)


def test_a_tuple_and_a_bytearray_are_written_as_a_list_and_bytes():
    check.equal(cbor.dumps((1, bytearray(b"a"))), unhexlify("82014161"))
    data = cbor.dumps(bytearray(b"a"))
    check.equal((type(data), data), (bytes, b"Aa"))
    check.equal(cbor.loads(bytearray(data)), b"a")


def test_what_has_no_form_is_a_value_error_that_names_it():
    for value, what in (
        (object(), "object"),
        ([1, {"a": object}], "type"),
        (2**64, "64 bits"),
        (-(2**64) - 1, "64 bits"),
        (1j, "complex"),
    ):
        error = check.raises(ValueError, cbor.dumps, value)
        assert what in str(error), error


def test_a_list_that_holds_itself_is_a_runtime_error():
    value = []
    value.append(value)
    check.raises(RuntimeError, cbor.dumps, value)


def test_every_half_is_read_and_written_back():
    # Read against its own definition (RFC 8949 appendix D); 1.25 packs some halves wrong.
    for bits in range(0, 0x10000, 13):
        exponent, mantissa = bits >> 10 & 31, bits & 1023
        if exponent == 31 and mantissa:
            continue  # not a number
        if exponent == 31:
            value = _INFINITY
        elif exponent:
            value = (1024 + mantissa) * 2.0 ** (exponent - 25)
        else:
            value = mantissa * 2.0**-24
        data = b"\xf9" + bits.to_bytes(2, "big")
        check.equal(cbor.loads(data), -value if bits >> 15 else value, hex(bits))
        check.equal(cbor.dumps(cbor.loads(data)), data)


def test_a_float_that_single_precision_holds_is_never_written_as_a_double():
    # On a board with single floats every value is one of these.
    state = 1
    for _ in range(300):
        state = (state * 1103515245 + 12345) & 0x3FFFFFFF
        body = (state << 1).to_bytes(4, "big")
        (value,) = unpack(">f", body)
        if value == value:
            data = cbor.dumps(value)
            assert data == b"\xfa" + body or len(data) == 3, (data, body)
            check.equal(cbor.loads(data), value)


def test_values_agree_with_cbor2():
    names = {"double": lambda text: unpack(">d", unhexlify(text))[0]}
    count = 0
    for text, literal, single in check.sample("cbor"):
        value = eval(literal, names)
        check.equal(cbor.dumps(value), unhexlify(single if _SINGLE else text))
        _same(cbor.loads(unhexlify(text)), value)
        count += 1
    assert count >= check.scaled(500), count


def test_damaged_values_are_read_or_refused_but_raise_nothing_else():
    state = 8949
    refused = 0
    for text, _, _ in check.sample("cbor"):
        data = bytearray(unhexlify(text))
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x3FFFFFFF
            data[(state >> 12) % len(data)] = state >> 4 & 255
            try:
                cbor.dumps(cbor.loads(data))
            except ProtocolError:
                refused += 1
    assert refused > check.scaled(200), refused
