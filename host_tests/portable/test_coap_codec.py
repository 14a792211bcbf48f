"""Is every valid CoAP message encoded and decoded as RFC 7252 says, and everything else refused?

Bytes come from RFC 7252 appendix A, RFC 8613 appendix C, from the rules of RFC 7252 section 3 by
hand, and from aiocoap (host/generated.py).
"""

from binascii import unhexlify

import check
from check_coap import encode
from signet.errors import ProtocolError
from signet.wire import coap


def _h(text):
    return unhexlify(text.replace(" ", ""))


# bytes, type, code, message id, token, options, payload
_DOCUMENTS = (
    # RFC 7252 figures 16 and 17; the RFC states 16, 11, 17 and 12 bytes.
    ("4001 7d34 bb74656d7065726174757265", 0, 1, 0x7D34, b"", [(11, b"temperature")], b""),
    ("6045 7d34 ff32322e332043", 2, 69, 0x7D34, b"", [], b"22.3 C"),
    ("4101 7d35 20 bb74656d7065726174757265", 0, 1, 0x7D35, b" ", [(11, b"temperature")], b""),
    ("6145 7d35 20 ff32322e332043", 2, 69, 0x7D35, b" ", [], b"22.3 C"),
    # RFC 8613 C.4, C.6, C.7, C.8
    (
        "44015d1f00003974396c6f63616c686f737483747631",
        0,
        1,
        0x5D1F,
        b"\0\x009t",
        [(3, b"localhost"), (11, b"tv1")],
        b"",
    ),
    (
        "44022f8eef9bbf7a396c6f63616c686f73746b19140837cbf3210017a2d3ff72cd7273fd331ac45cffbe55c3",
        0,
        2,
        0x2F8E,
        b"\xef\x9b\xbfz",
        [(3, b"localhost"), (9, unhexlify("19140837cbf3210017a2d3"))],
        unhexlify("72cd7273fd331ac45cffbe55c3"),
    ),
    (
        "64445d1f0000397490ffdbaad1e9a7e7b2a813d3c31524378303cdafae119106",
        2,
        68,
        0x5D1F,
        b"\0\x009t",
        [(9, b"")],
        unhexlify("dbaad1e9a7e7b2a813d3c31524378303cdafae119106"),
    ),
    (
        "64445d1f00003974920100ff4d4c13669384b67354b2b6175ff4b8658c666a6cf88e",
        2,
        68,
        0x5D1F,
        b"\0\x009t",
        [(9, b"\1\0")],
        unhexlify("4d4c13669384b67354b2b6175ff4b8658c666a6cf88e"),
    ),
    # Empty (4.1): ACK, RST, ping
    ("6000 1234", 2, 0, 0x1234, b"", [], b""),
    ("7000 ffff", 3, 0, 0xFFFF, b"", [], b""),
    ("4000 0000", 0, 0, 0, b"", [], b""),
)

# First number, then what an option of one byte "v" with that number begins with (3.1).
_NUMBERS = (
    (0, "01"),
    (1, "11"),
    (12, "c1"),
    (13, "d100"),
    (14, "d101"),
    (61, "d130"),
    (268, "d1ff"),
    (269, "e10000"),
    (270, "e10001"),
    (2088, "e1071b"),
    (2089, "e1071c"),
    (2090, "e1071d"),
    (65535, "e1fef2"),
)
# The same for the length of option 1.
_LENGTHS = (
    (0, "10"),
    (1, "11"),
    (12, "1c"),
    (13, "1d00"),
    (14, "1d01"),
    (268, "1dff"),
    (269, "1e0000"),
    (270, "1e0001"),
    (1024, "1e02f3"),
)

_MALFORMED = (
    ("nothing", ""),
    ("3 bytes", "40017d"),
    ("version 0", "00017d34"),
    ("version 2", "80017d34"),
    ("version 3", "c0017d34"),
    ("token length 9", "49017d34 010203040506070809"),
    ("token length 15", "4f017d34 0102030405060708090a0b0c0d0e0f"),
    ("token length 15 alone", "4f017d34"),
    ("token cut off", "42017d34 20"),
    ("token missing", "41017d34"),
    ("class 1", "40207d34"),
    ("class 6", "40c07d34"),
    ("class 7", "40e17d34"),
    ("Empty with a token", "41007d34 20"),
    ("Empty with a token length only", "41007d34"),
    ("Empty with an option", "60007d34 b161"),
    ("Empty with a payload", "70007d34 ff61"),
    ("Empty with one byte more", "60007d34 00"),
    ("Empty with a marker", "60007d34 ff"),
    ("marker without payload", "40017d34 ff"),
    ("marker without payload after an option", "40017d34 b161 ff"),
    ("delta 15, length 0", "40017d34 f0"),
    ("delta 15, length 1", "40017d34 f161"),
    ("delta 15, length 14", "40017d34 fe000061"),
    ("length 15, delta 0", "40017d34 0f61"),
    ("length 15, delta 13", "40017d34 df00616161"),
    ("length 15, delta 14", "40017d34 ef000061616161"),
    ("delta 13 cut off", "40017d34 d0"),
    ("delta 14 cut off", "40017d34 e0"),
    ("delta 14 cut in two", "40017d34 e000"),
    ("length 13 cut off", "40017d34 1d"),
    ("length 14 cut in two", "40017d34 1e00"),
    ("delta 13 there, length 13 not", "40017d34 dd00"),
    ("delta 14 there, length 14 not", "40017d34 ee000000"),
    ("value of 1 missing", "40017d34 b1"),
    ("value of 12 short", "40017d34 bc6161616161616161616161"),
    ("value of 13 missing", "40017d34 1d00"),
    ("value of 65804 missing", "40017d34 1effff61"),
    ("option number 65536", "40017d34 e0fef3"),
    ("option number 65804", "40017d34 e0ffff"),
    ("option numbers that add up to 65536", "40017d34 e0fef2 10"),
)


def _same(got, type, code, message_id, token, options, payload):
    check.equal((got.type, got.code, got.message_id), (type, code, message_id))
    check.equal((got.token, list(got.options), got.payload), (token, list(options), payload))


def _one(number, value, head=""):
    return coap.Message(0, coap.GET, 0x7D34, b"", [(number, value)], _h(head))


def test_messages_of_the_documents_are_encoded():
    for text, *fields in _DOCUMENTS:
        check.equal(encode(coap.Message(*fields)), _h(text))


def test_messages_of_the_documents_are_decoded():
    for text, *fields in _DOCUMENTS:
        _same(coap.decode(_h(text)), *fields)


def test_a_bytearray_is_decoded_to_bytes():
    message = coap.decode(bytearray(_h("4101 7d35 20 b161 ff62")))
    for part in (message.token, list(message.options)[0][1], message.payload):  # noqa: RUF015
        assert type(part) is bytes, type(part)


def test_each_option_number_has_its_delta():
    for number, begin in _NUMBERS:
        datagram = _h("40017d34") + _h(begin) + b"v"
        check.equal(encode(_one(number, b"v")), datagram, number)
        check.equal(list(coap.decode(datagram).options), [(number, b"v")])


def test_each_option_length_has_its_form():
    for length, begin in _LENGTHS:
        value = b"v" * length
        datagram = _h("40017d34") + _h(begin) + value
        check.equal(encode(_one(1, value)), datagram, length)
        check.equal(list(coap.decode(datagram).options), [(1, value)])


def test_a_value_of_65804_bytes_is_the_longest():
    too_long = check.raises(ValueError, coap.encode_into, bytearray(9), _one(1, range(65805)))
    check.equal(str(too_long), "option longer than 65804 bytes")
    if not check.MICROPYTHON:  # there is no room for it
        value = b"v" * 65804
        datagram = _h("40017d34 1effff") + value
        check.equal(encode(_one(1, value)), datagram)
        check.equal(list(coap.decode(datagram).options), [(1, value)])


def test_deltas_are_taken_from_the_option_before():
    options = [(3, b"h"), (11, b"a"), (11, b"b"), (12, b""), (15, b"q"), (60, b"\1"), (2088, b"t")]
    datagram = _h("40017d34 3168 8161 0162 10 3171 d12001 e106df74")
    check.equal(encode(coap.Message(0, 1, 0x7D34, b"", options)), datagram)
    check.equal(list(coap.decode(datagram).options), options)


def test_options_are_sent_by_number_and_equal_numbers_as_given():
    given = (
        (2089, b"s"),
        (11, b"z"),
        (15, b"q=2"),
        (11, b"a"),
        (0, b""),
        (11, b"z"),
        (15, b"q=1"),
        (65535, b""),
        (0, b"0"),
    )
    sent = [
        (0, b""),
        (0, b"0"),
        (11, b"z"),
        (11, b"a"),
        (11, b"z"),
        (15, b"q=2"),
        (15, b"q=1"),
        (2089, b"s"),
        (65535, b""),
    ]
    message = coap.Message(1, coap.PUT, 1, b"", given, b"p")
    datagram = encode(message)
    check.equal(list(coap.decode(datagram).options), sent)
    check.equal(message.options, given, "the message keeps its order")


def test_what_rfc_7252_calls_a_format_error_is_refused():
    for name, text in _MALFORMED:
        try:
            coap.decode(_h(text))
        except ProtocolError as error:
            assert str(error).startswith("the peer broke CoAP: "), error
        else:
            raise AssertionError(name + " was taken")


def test_a_message_cut_off_anywhere_is_refused_or_ends_between_options():
    for text, *_ in _DOCUMENTS:
        whole = _h(text)
        marker = len(whole) - len(coap.decode(whole).payload)
        for end in range(len(whole)):
            try:
                part = coap.decode(whole[:end])
            except ProtocolError:
                assert end < 4 or end <= marker, (text, end)  # a shorter payload is a payload
            else:
                assert end >= 4
                check.equal(encode(part), whole[:end])


def test_class_3_is_not_reserved():
    check.equal(coap.decode(_h("40617d34")).code, 0x61)


def test_an_unknown_option_is_decoded_like_any_other():
    check.equal(list(coap.decode(_h("40017d34 e1071c 61")).options), [(2089, b"a")])


def test_a_buffer_of_the_exact_size_is_enough_and_one_byte_less_is_not():
    for text, *fields in _DOCUMENTS:
        datagram = _h(text)
        buffer = bytearray(len(datagram))
        check.equal(coap.encode_into(buffer, coap.Message(*fields)), len(datagram))
        check.equal(buffer, datagram)
        view = memoryview(bytearray(len(datagram)))
        check.equal(coap.encode_into(view, coap.Message(*fields)), len(datagram))
        for size in range(len(datagram)):
            buffer = bytearray(size)
            error = check.raises(ValueError, coap.encode_into, buffer, coap.Message(*fields))
            check.equal(str(error), "buffer too small")
            check.equal(len(buffer), size)


def test_what_no_message_can_hold_is_a_value_error_that_names_it():
    for fields, what in (
        ((4, 1, 0), "type 4"),
        ((-1, 1, 0), "type"),
        ((0, 256, 0), "code 256"),
        ((0, -1, 0), "code"),
        ((0, 0x20, 0), "code 32"),
        ((0, 0xC3, 0), "code 195"),
        ((0, 0xE1, 0), "code 225"),
        ((0, 1, 65536), "message id 65536"),
        ((0, 1, -1), "message id"),
        ((0, 1, 0, b"123456789"), "token of 9 bytes"),
        ((0, 1, 0, b"", [(65536, b"")]), "option number 65536"),
        ((0, 1, 0, b"", [(-1, b"")]), "option number"),
        ((0, 0, 0, b"t"), "Empty"),
        ((0, 0, 0, b"", [(1, b"")]), "Empty"),
        ((0, 0, 0, b"", (), b"p"), "Empty"),
    ):
        error = check.raises(ValueError, encode, coap.Message(*fields))
        assert what in str(error), error


def test_encoding_allocates_nothing():
    buffer = bytearray(512)
    for options in (
        [(11, b"topic"), (11, b"sys"), (12, b"2"), (2088, b"t" * 35), (2089, b"s" * 300)],
        ((2089, b"s"), (11, b"a"), (11, b"b"), (3, b"h" * 13)),  # out of order
    ):
        message = coap.Message(0, coap.POST, 0xFFFF, b"12345678", options, b"p" * 32)
        size = check.no_heap(coap.encode_into, buffer, message)
        check.equal(bytes(buffer)[:size], encode(message))


def test_what_aiocoap_writes_is_read_and_written_alike():
    count = 0
    for datagram, type, code, message_id, token, options, order, payload in check.sample("coap"):
        datagram = unhexlify(datagram)
        options = [(number, unhexlify(value)) for number, value in options]
        fields = (type, code, message_id, unhexlify(token), options, unhexlify(payload))
        _same(coap.decode(datagram), *fields)
        check.equal(encode(coap.Message(*fields)), datagram)
        shuffled = [options[index] for index in order]
        message = coap.Message(*fields[:4], shuffled, fields[5])
        check.equal(encode(message), datagram)
        count += 1
    assert count >= check.scaled(2000), count


def test_damaged_messages_are_read_or_refused_but_raise_nothing_else():
    state = 20261121
    read = refused = 0
    for datagram, *_ in check.sample("coap"):
        damaged = bytearray(unhexlify(datagram))
        for _ in range(3):
            state = (state * 1103515245 + 12345) & 0x3FFFFFFF
            at = (state >> 12) % len(damaged)
            if state & 0x100:
                damaged[at] = state >> 20 & 255
            elif state & 0x200:
                damaged[at] ^= 1 << (state >> 20 & 7)
            elif len(damaged) > 1:
                damaged = damaged[:at] + damaged[at + 1 :]
        try:
            message = coap.decode(damaged)
        except ProtocolError:
            refused += 1
            continue
        read += 1
        again = coap.decode(encode(message))
        check.equal((again.code, again.token), (message.code, message.token))
        check.equal(list(again.options), list(message.options))
        check.equal(again.payload, message.payload)
    assert read > check.scaled(200), read
    assert refused > check.scaled(200), refused
