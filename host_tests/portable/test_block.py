"""Does wire/block.py move large bodies as RFC 7959 says?

Figures and section numbers are those of RFC 7959; datagrams are put together by hand, options in
the RFC's own notation: 2:1/0/64 is Block2, block 1, no more, of 64 bytes.
"""

from binascii import unhexlify

import check
from signet.errors import Lost, ProtocolError, SignetError
from signet.wire import coap
from signet.wire.block import Transfer, block, block_of
from signet.wire.coap import Message
from signet.wire.exchange import Exchange

_SIZES = {"16": 0, "32": 1, "64": 2, "128": 3, "256": 4, "512": 5, "1024": 6}
_CONTENT, _CHANGED, _CONTINUE = 0x45, 0x44, 0x5F
_INCOMPLETE, _TOO_LARGE = 0x88, 0x8D


def _value(notation):
    """2:1/0/64 -> (23, value of one byte)."""
    kind, rest = notation.split(":")
    number, more, size = rest.split("/")
    value = int(number) << 4 | int(more) << 3 | _SIZES[size]
    return {"1": 27, "2": 23}[kind], bytes((value,)) if value else b""


def _options(notations):
    return [_value(notation) for notation in notations.split()]


def _body(size):
    return bytes([(7 * index + index // 256) & 255 for index in range(size)])


def _part(body, notation):
    """The bytes of a body that a block has."""
    number, _, size = notation.split(":")[1].split("/")
    return body[int(number) * int(size) : (int(number) + 1) * int(size)]


def _encoded(blocks, last, payload):
    """What follows option `last` in a message; every value has one byte (RFC 7252 section 3.1)."""
    data = b""
    for number, value in sorted(_options(blocks)):
        delta = number - last
        data += bytes((delta << 4 | 1,) if delta < 13 else (0xD1, delta - 13)) + value
        last = number
    return data + (b"\xff" + payload if payload else b"")


class _Figure:
    """Plays the server of a figure, whose first message id is 1234."""

    def __init__(self, code, path, transfer):
        self._exchange = Exchange(1234, lambda count: bytes(count))
        self._code = code
        # Uri-Path: 11, less than 13 bytes
        self._path = bytes((0xB0 | len(path),)) + path
        self._transfer = transfer
        self._mid = 1233
        self._now_ms = 0

    def _header(self, kind, code):
        mid = bytes((self._mid >> 8, self._mid & 255))
        return bytes((0x44 | kind << 4, code)) + mid + b"\0\0" + mid

    def _sent(self):
        datagram = bytes(self._exchange.outgoing())
        check.equal(self._exchange.outgoing(), None)
        return datagram

    def asks(self, blocks, payload=b""):
        """The client sends this request."""
        self._mid += 1
        self._exchange.request(self._code, *self._parts())
        expected = self._header(0, self._code) + self._path + _encoded(blocks, 11, payload)
        self.request = expected
        check.equal(self._sent(), expected)

    def _parts(self):
        options = ((coap.URI_PATH, self._path[1:]),)
        blocks, payload = self._transfer.request()
        options += blocks
        return options, payload, self._now_ms

    def lost(self):
        """The request, or its answer, is lost: it comes again, with the same bytes."""
        self._now_ms += self._exchange.wait_ms(self._now_ms)
        check.equal(self._exchange.tick(self._now_ms), None)
        check.equal(self._sent(), self.request)

    def answers(self, code, blocks, payload=b""):
        """The server answers; returns whether the client has all it wants."""
        datagram = self._header(2, code) + _encoded(blocks, 0, payload)
        event = self._exchange.received(datagram, self._now_ms)
        check.equal(event[0], "response")
        return self._transfer.received(event[1])


def _fetch(figure, body, pairs):
    """pairs: request and response in the RFC's notation; all are 2.05 Content."""
    for asked, given in pairs:
        figure.asks(asked)
        done = figure.answers(_CONTENT, given, _part(body, given))
    return done


# Section 2.2


def test_the_values_that_the_rfc_spells_out():
    check.equal(block(2, False, 32), bytes((33,)))
    check.equal(block(3, True, 128), bytes((59,)))
    check.equal(block(0, False, 16), b"")
    check.equal(block(1_048_575, True, 1024), b"\xff\xff\xfe")


def test_a_block_that_no_option_can_say_is_a_mistake():
    for number, size in ((0, 8), (0, 100), (0, 2048), (-1, 16)):
        check.raises(ValueError, block, number, False, size)


def test_the_reserved_size_and_a_fourth_byte_are_errors_of_the_peer():
    for value in (b"\x07", b"\x0f", b"\0\0\0\0"):
        message = Message(2, 0x45, 0, b"", [(23, value)])
        check.raises(ProtocolError, block_of, message, 23)
        check.raises(ProtocolError, Transfer(()).received, message)


def test_leading_zeros_are_read():
    check.equal(block_of(Message(2, 0x45, 0, b"", [(23, b"\0\x21")]), 23), (2, False, 32))
    check.equal(
        block_of(Message(2, 0x45, 0, b"", [(23, b"\xff\xff\xfe")]), 23), (1_048_575, True, 1024)
    )
    check.equal(block_of(Message(2, 0x45, 0), 23), None)


# Section 3.1, Block2


def test_figure_2_simple_block_wise_get():
    transfer = Transfer(())
    body = _body(300)
    figure = _Figure(coap.GET, b"status", transfer)
    done = _fetch(
        figure,
        body,
        (("", "2:0/1/128"), ("2:1/0/128", "2:1/1/128"), ("2:2/0/128", "2:2/0/128")),
    )
    assert done
    check.equal(transfer.result.payload, body)


def test_figure_3_early_negotiation():
    transfer = Transfer((), wanted=64, early=True)
    body = _body(6 * 64)  # the last block has 1 to 64 bytes
    figure = _Figure(coap.GET, b"status", transfer)
    done = _fetch(
        figure,
        body,
        (
            ("2:0/0/64", "2:0/1/64"),
            ("2:1/0/64", "2:1/1/64"),
            ("2:2/0/64", "2:2/1/64"),
            ("2:3/0/64", "2:3/1/64"),
            ("2:4/0/64", "2:4/1/64"),
            ("2:5/0/64", "2:5/0/64"),
        ),
    )
    assert done
    check.equal(transfer.result.payload, body)


_LATE = (
    ("", "2:0/1/128"),
    ("2:2/0/64", "2:2/1/64"),
    ("2:3/0/64", "2:3/1/64"),
    ("2:4/0/64", "2:4/1/64"),
    ("2:5/0/64", "2:5/0/64"),
)


def test_figure_4_late_negotiation():
    transfer = Transfer((), wanted=64)
    body = _body(5 * 64 + 1)
    assert _fetch(_Figure(coap.GET, b"status", transfer), body, _LATE)
    check.equal(transfer.result.payload, body)


def test_figures_5_and_6_late_negotiation_with_a_lost_con_or_a_lost_ack():
    transfer = Transfer((), wanted=64)
    body = _body(350)
    figure = _Figure(coap.GET, b"status", transfer)
    assert not _fetch(figure, body, _LATE[:1])
    figure.asks("2:2/0/64")
    figure.lost()
    assert not figure.answers(_CONTENT, "2:2/1/64", _part(body, "2:2/1/64"))
    assert _fetch(figure, body, _LATE[2:])
    check.equal(transfer.result.payload, body)


# Section 3.2, Block1


def test_figure_7_simple_atomic_block_wise_put():
    body = _body(300)
    transfer = Transfer((), body, size=128)
    figure = _Figure(coap.PUT, b"options", transfer)
    for blocks in ("1:0/1/128", "1:1/1/128"):
        figure.asks(blocks, _part(body, blocks))
        assert not figure.answers(_CONTINUE, blocks)
    figure.asks("1:2/0/128", body[256:])
    assert figure.answers(_CHANGED, "1:2/0/128")
    check.equal(transfer.result.code, _CHANGED)


def test_figure_8_simple_stateless_block_wise_put():
    body = _body(384)
    transfer = Transfer((), body, size=128)
    figure = _Figure(coap.PUT, b"options", transfer)
    for blocks, answer in (("1:0/1/128", "1:0/0/128"), ("1:1/1/128", "1:1/0/128")):
        figure.asks(blocks, _part(body, blocks))
        assert not figure.answers(_CHANGED, answer)
    figure.asks("1:2/0/128", body[256:])
    assert figure.answers(_CHANGED, "1:2/0/128")


def test_figure_9_simple_atomic_block_wise_put_with_negotiation():
    body = _body(6 * 32 + 5)
    transfer = Transfer((), body, size=128)
    figure = _Figure(coap.PUT, b"options", transfer)
    figure.asks("1:0/1/128", body[:128])
    assert not figure.answers(_CONTINUE, "1:0/1/32")
    for blocks in ("1:4/1/32", "1:5/1/32"):
        figure.asks(blocks, _part(body, blocks))
        assert not figure.answers(_CONTINUE, blocks)
    figure.asks("1:6/0/32", body[192:])
    assert figure.answers(_CHANGED, "1:6/0/32")


# Section 3.3, both


def test_figure_10_atomic_block_wise_post_with_block_wise_response():
    body, answer = _body(300), _body(500)
    transfer = Transfer((), body, size=128)
    figure = _Figure(coap.POST, b"soap", transfer)
    for blocks in ("1:0/1/128", "1:1/1/128"):
        figure.asks(blocks, _part(body, blocks))
        assert not figure.answers(_CONTINUE, blocks)
    figure.asks("1:2/0/128", body[256:])
    assert not figure.answers(_CHANGED, "2:0/1/128 1:2/0/128", answer[:128])
    for asked, given in (("2:1/0/128", "2:1/1/128"), ("2:2/0/128", "2:2/1/128")):
        figure.asks(asked)
        assert not figure.answers(_CHANGED, given, _part(answer, given))
    figure.asks("2:3/0/128")
    assert figure.answers(_CHANGED, "2:3/0/128", answer[384:])
    check.equal(transfer.result.payload, answer)
    check.equal(transfer.result.code, _CHANGED)


def test_figure_11_block_wise_post_with_early_negotiation_of_the_response():
    body, answer = _body(300), _body(250)
    transfer = Transfer((), body, size=128, wanted=64, early=True)
    figure = _Figure(coap.POST, b"soap", transfer)
    for blocks in ("1:0/1/128", "1:1/1/128"):
        figure.asks(blocks, _part(body, blocks))
        assert not figure.answers(_CONTINUE, blocks)
    figure.asks("1:2/0/128 2:0/0/64", body[256:])
    assert not figure.answers(_CHANGED, "1:2/0/128 2:0/1/64", answer[:64])
    for asked, given in (("2:1/0/64", "2:1/1/64"), ("2:2/0/64", "2:2/1/64")):
        figure.asks(asked)
        assert not figure.answers(_CHANGED, given, _part(answer, given))
    figure.asks("2:3/0/64")
    assert figure.answers(_CHANGED, "2:3/0/64", answer[192:])
    check.equal(transfer.result.payload, answer)


# What may come instead; a Transfer without datagrams


def _answer(transfer, code, blocks="", payload=b"", more=()):
    return transfer.received(Message(2, code, 1, b"", _options(blocks) + list(more), payload))


def _asked(transfer):
    """Block options of the next request as numbers, and its payload."""
    options, payload = transfer.request()
    return sorted(options), payload


def test_a_body_of_one_block_goes_out_without_block1():
    transfer = Transfer(((11, b"x"),), b"a" * 64, size=64)
    check.equal(_asked(transfer), ([(11, b"x")], b"a" * 64))
    assert _answer(transfer, _CHANGED)


def test_an_answer_of_one_message_needs_no_block2():
    transfer = Transfer(())
    assert _answer(transfer, _CONTENT, "", b"abc")
    check.equal(transfer.result.payload, b"abc")
    transfer = Transfer((), wanted=64, early=True)
    check.equal(_asked(transfer), ([(23, b"\x02")], b""))
    assert _answer(transfer, _CONTENT, "2:0/0/64", b"abc")
    check.equal(transfer.result.payload, b"abc")


def test_the_response_keeps_its_options():
    transfer = Transfer(())
    _answer(transfer, _CONTENT, "2:0/1/16", _body(16), [(12, b"\x32")])
    _answer(transfer, _CONTENT, "2:1/0/16", b"", [(12, b"\x32")])
    check.equal(dict(transfer.result.options)[12], b"\x32")
    check.equal(transfer.result.payload, _body(16))


def test_a_server_may_want_smaller_blocks_than_it_was_asked_for():
    body = _body(100)
    transfer = Transfer((), wanted=64, early=True)
    assert not _answer(transfer, _CONTENT, "2:0/1/32", body[:32])
    check.equal(_asked(transfer), ([_value("2:1/0/32")], b""))
    assert not _answer(transfer, _CONTENT, "2:1/1/32", body[32:64])
    assert not _answer(transfer, _CONTENT, "2:4/1/16", body[64:80])
    check.equal(_asked(transfer), ([_value("2:5/0/16")], b""))


def test_4_13_with_a_smaller_size_starts_again_with_that():  # 2.9.3
    body = _body(200)
    for size in (128, 1024):  # in blocks, and at once
        transfer = Transfer((), body, size=size)
        assert not _answer(transfer, _TOO_LARGE, "1:0/1/64")
        check.equal(_asked(transfer), ([_value("1:0/1/64")], body[:64]))
        assert not _answer(transfer, _CONTINUE, "1:0/1/64")
        check.equal(_asked(transfer), ([_value("1:1/1/64")], body[64:128]))


def test_4_13_without_a_smaller_size_is_the_answer():
    for blocks in ("", "1:0/1/128", "1:0/1/256"):
        transfer = Transfer((), _body(200), size=128)
        assert _answer(transfer, _TOO_LARGE, blocks)
        check.equal(transfer.result.code, _TOO_LARGE)


def test_4_08_starts_again_once():  # 2.9.2
    body = _body(200)
    transfer = Transfer((), body, size=128)
    _answer(transfer, _CONTINUE, "1:0/1/128")
    assert not _answer(transfer, _INCOMPLETE, "1:1/0/128")
    check.equal(_asked(transfer), ([_value("1:0/1/128")], body[:128]))
    _answer(transfer, _CONTINUE, "1:0/1/128")
    assert _answer(transfer, _INCOMPLETE)
    check.equal(transfer.result.code, _INCOMPLETE)


def test_any_other_error_ends_an_upload():
    transfer = Transfer((), _body(200), size=128)
    assert _answer(transfer, 0x83, "1:0/1/128", b"no")
    check.equal((transfer.result.code, transfer.result.payload), (0x83, b"no"))


def test_a_server_cannot_make_blocks_larger():
    body = _body(200)
    transfer = Transfer((), body, size=64)
    _answer(transfer, _CONTINUE, "1:0/1/1024")
    check.equal(_asked(transfer), ([_value("1:1/1/64")], body[64:128]))


def test_answers_to_another_block_are_errors_of_the_peer():
    for code, blocks in (
        (_CONTINUE, "1:1/1/64"),
        (_CONTINUE, ""),
        (_CHANGED, ""),
    ):
        transfer = Transfer((), _body(200), size=64)
        check.raises(ProtocolError, _answer, transfer, code, blocks)
    transfer = Transfer((), _body(65), size=64)
    _answer(transfer, _CONTINUE, "1:0/1/64")
    check.raises(ProtocolError, _answer, transfer, _CONTINUE, "1:1/0/64")


def test_the_last_answer_may_leave_block1_out_as_libcoap_s_does():
    transfer = Transfer((), _body(65), size=64)
    _answer(transfer, _CONTINUE, "1:0/1/64")
    assert _answer(transfer, 0x41)
    check.equal(transfer.result.code, 0x41)
    transfer = Transfer((), _body(65), size=64)
    _answer(transfer, _CONTINUE, "1:0/1/64")
    check.raises(ProtocolError, _answer, transfer, _CHANGED, "1:0/0/64")


def test_blocks_out_of_order_or_not_of_their_size_are_errors_of_the_peer():
    for blocks, size in (
        ("2:2/1/64", 64),
        ("2:0/1/64", 64),
        ("2:1/1/64", 63),
        ("2:1/1/64", 0),
        ("2:1/1/64", 65),
        ("2:1/0/64", 65),
        ("2:1/0/128", 1),
    ):
        transfer = Transfer(())
        _answer(transfer, _CONTENT, "2:0/1/64", _body(64))
        check.raises(ProtocolError, _answer, transfer, _CONTENT, blocks, _body(size))
    check.raises(ProtocolError, _answer, Transfer(()), _CONTENT, "2:1/0/64", b"x")


def test_a_body_that_has_changed_is_fetched_from_its_beginning_once():  # 2.4
    first, second = [(4, b"\x01")], [(4, b"\x02")]
    old, new = _body(100), bytes(100)
    transfer = Transfer(())
    _answer(transfer, _CONTENT, "2:0/1/64", old[:64], first)
    assert not _answer(transfer, _CONTENT, "2:1/0/64", new[64:], second)
    check.equal(_asked(transfer), ([_value("2:0/0/64")], b""))
    assert not _answer(transfer, _CONTENT, "2:0/1/64", new[:64], second)
    assert _answer(transfer, _CONTENT, "2:1/0/64", new[64:], second)
    check.equal(transfer.result.payload, new)

    transfer = Transfer(())
    _answer(transfer, _CONTENT, "2:0/1/64", old[:64], first)
    _answer(transfer, _CONTENT, "2:1/0/64", new[64:], second)
    _answer(transfer, _CONTENT, "2:0/1/64", new[:64], second)
    check.raises(Lost, _answer, transfer, _CONTENT, "2:1/0/64", old[64:], first)


def test_an_error_in_the_middle_is_the_answer():
    transfer = Transfer(())
    _answer(transfer, _CONTENT, "2:0/1/64", _body(64))
    assert _answer(transfer, 0x84)
    check.equal(transfer.result.code, 0x84)


def test_a_body_larger_than_the_limit_is_refused_as_soon_as_that_is_known():
    transfer = Transfer((), largest=128)
    _answer(transfer, _CONTENT, "2:0/1/64", _body(64))
    _answer(transfer, _CONTENT, "2:1/1/64", _body(64))
    check.raises(ProtocolError, _answer, transfer, _CONTENT, "2:2/0/64", b"x")
    # Size2 says it with the first block (4)
    transfer = Transfer((), largest=128)
    check.raises(
        ProtocolError, _answer, transfer, _CONTENT, "2:0/1/64", _body(64), [(28, b"\x81")]
    )


def test_of_an_option_that_comes_twice_the_first_counts():  # RFC 7252 section 5.4.5
    transfer = Transfer(())
    twice = [(4, b"A"), (4, b"B"), (28, b"\x50"), (28, b"\xff\xff")]
    assert not _answer(transfer, _CONTENT, "2:0/1/64", _body(64), twice)
    assert _answer(transfer, _CONTENT, "2:1/0/64", b"x" * 16, [(4, b"A")])
    transfer = Transfer(())
    _answer(transfer, 0x81, "", b"", [(252, b"A"), (252, b"B")])
    check.equal(_asked(transfer), ([(252, b"A")], b""))


def test_echo_is_sent_back_once():  # RFC 9175 section 2.3
    transfer = Transfer((), b"x")
    echo = [(252, b"\xab\xcd")]
    assert not _answer(transfer, 0x81, "", b"", echo)
    check.equal(_asked(transfer), (echo, b"x"))
    assert _answer(transfer, 0x81, "", b"", echo)
    check.equal(transfer.result.code, 0x81)
    assert _answer(Transfer(()), 0x81)


def test_echo_in_the_middle_of_an_upload_repeats_that_block():
    body = _body(200)
    transfer = Transfer((), body, size=128)
    _answer(transfer, _CONTINUE, "1:0/1/128")
    assert not _answer(transfer, 0x81, "", b"", [(252, b"e")])
    check.equal(_asked(transfer), ([_value("1:1/0/128"), (252, b"e")], body[128:]))


def test_no_server_raises_anything_else_or_goes_on_for_ever():
    state = 7

    def below(limit):
        nonlocal state
        state = (state * 1_103_515_245 + 12_345) & 0x3FFFFFFF
        return (state >> 8) % limit

    codes = (_CONTENT, _CHANGED, _CONTINUE, _CONTINUE, _TOO_LARGE, _INCOMPLETE, 0x81)
    for _ in range(check.scaled(300)):
        transfer = Transfer((), bytes(below(100)), 16 << below(3), 16 << below(3), below(2), 200)
        rounds = 0
        try:
            while rounds < 100:
                rounds += 1
                answer = []
                for number, value in transfer.request()[0]:
                    if not below(20):
                        value = bytes([below(256) for _ in range(below(5))])
                    if below(9):
                        answer.append((number, value))
                if not below(3):
                    answer.append((23, bytes((rounds - 1 << 4 | 8,))))
                if not below(9):
                    answer.append(((4, 28, 252)[below(3)], bytes([below(256)])))
                code = codes[below(len(codes))]
                payload = bytes(16 if below(4) else below(70))
                if transfer.received(Message(2, code, 1, b"", answer, payload)):
                    break
        except SignetError:
            pass
        assert rounds < 100


# Section 3.4, with Observe


def test_figure_12_the_rest_of_a_notification_is_fetched_with_plain_gets():
    body = _body(270)
    etag = [(4, unhexlify("6f00f392")), (6, unhexlify("f392"))]
    transfer = Transfer(((11, b"status"),))
    assert not _answer(transfer, _CONTENT, "2:0/1/128", body[:128], etag)
    check.equal(_asked(transfer), ([(11, b"status"), _value("2:1/0/128")], b""))
    assert not _answer(transfer, _CONTENT, "2:1/1/128", body[128:256], etag[:1])
    assert _answer(transfer, _CONTENT, "2:2/0/128", body[256:], etag[:1])
    check.equal(transfer.result.payload, body)
