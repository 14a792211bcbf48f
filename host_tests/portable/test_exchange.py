"""Does wire/exchange.py send, repeat, acknowledge, reject and match as RFC 7252 says?

Datagrams are written out by hand; figures and section numbers are those of RFC 7252.
"""

from binascii import unhexlify

import check
from signet.errors import Lost, ProtocolError, Throttled, TimedOut
from signet.wire import coap
from signet.wire.exchange import Exchange

_TEMPERATURE = ((coap.URI_PATH, b"temperature"),)
_OPTION = b"\xbbtemperature"  # option 11, 11 bytes
_22_3_C = b"\xff22.3 C"
_2_05 = 0x45

# How far the first wait is from ACK_TIMEOUT of 2000 ms to its 1.5 fold, by random bytes.
_SHORTEST = b"\0\0\0\0"
_LONGEST = b"\0\0\x03\xe8"


def _exchange(message_id, random=_SHORTEST, **settings):
    def urandom(count):
        assert count == len(random)
        return random

    return Exchange(message_id, urandom, **settings)


def _sent(exchange):
    datagrams = []
    while True:
        datagram = exchange.outgoing()
        if datagram is None:
            return datagrams
        datagrams.append(bytes(datagram))


def _get(exchange, token=None, now_ms=0, **how):
    exchange.request(coap.GET, _TEMPERATURE, b"", now_ms, token=token, **how)
    return _sent(exchange)


def _ping(exchange, now_ms):
    exchange.request(0, (), b"", now_ms, True, b"")


def _hex(text, rest=b""):
    return unhexlify(text.replace(" ", "")) + rest


def _is_response(event, payload, code=_2_05):
    assert event[0] == "response", event
    check.equal(event[1].payload, payload)
    check.equal(event[1].code, code)


# Section 2.2


def test_figure_4_two_get_requests_with_piggybacked_responses():
    exchange = _exchange(0xBC90)
    check.equal(_get(exchange, b"\x71"), [_hex("41 01 bc90 71", _OPTION)])
    _is_response(exchange.received(_hex("61 45 bc90 71 ff", b"22.5 C"), 50), b"22.5 C")
    check.equal(_get(exchange, b"\x72"), [_hex("41 01 bc91 72", _OPTION)])
    _is_response(exchange.received(_hex("61 84 bc91 72 ff", b"Not found"), 90), b"Not found", 0x84)
    check.equal(_sent(exchange), [])


def test_figure_5_a_get_request_with_a_separate_response():
    exchange = _exchange(0x7A10)
    check.equal(_get(exchange, b"\x73"), [_hex("41 01 7a10 73", _OPTION)])
    check.equal(exchange.received(_hex("60 00 7a10"), 50), ("acknowledged",))
    assert exchange.busy
    _is_response(exchange.received(_hex("41 45 23bb 73 ff", b"22.5 C"), 5000), b"22.5 C")
    check.equal(_sent(exchange), [_hex("60 00 23bb")])
    assert not exchange.busy


def test_figure_6_a_request_and_a_response_in_non_confirmable_messages():
    exchange = _exchange(0x7A11)
    check.equal(_get(exchange, b"\x74", confirmable=False), [_hex("51 01 7a11 74", _OPTION)])
    _is_response(exchange.received(_hex("51 45 23bc 74 ff", b"22.5 C"), 80), b"22.5 C")
    check.equal(_sent(exchange), [])


# Appendix A


def test_figure_16_piggybacked_response_with_an_empty_token():
    exchange = _exchange(0x7D34)
    sent = _get(exchange, b"")
    check.equal(sent, [_hex("40 01 7d34 bb 74656d7065726174757265")])
    check.equal(len(sent[0]), 16)
    response = _hex("60 45 7d34 ff 32322e332043")
    check.equal(len(response), 11)
    _is_response(exchange.received(response, 20), b"22.3 C")


def test_figure_17_piggybacked_response_with_a_token():
    exchange = _exchange(0x7D35)
    sent = _get(exchange, b"\x20")
    check.equal(sent, [_hex("41 01 7d35 20 bb 74656d7065726174757265")])
    check.equal(len(sent[0]), 17)
    response = _hex("61 45 7d35 20 ff 32322e332043")
    check.equal(len(response), 12)
    _is_response(exchange.received(response, 20), b"22.3 C")


def test_figure_18_a_lost_request_is_sent_again_with_the_same_bytes():
    exchange = _exchange(0x7D36)
    first = _get(exchange, b"\x31")
    check.equal(exchange.tick(1999), None)
    check.equal(_sent(exchange), [])
    check.equal(exchange.tick(2000), None)
    check.equal(_sent(exchange), first)
    _is_response(exchange.received(_hex("61 45 7d36 31", _22_3_C), 2100), b"22.3 C")


def test_figure_19_a_lost_piggybacked_response_is_asked_for_again():
    exchange = _exchange(0x7D37)
    first = _get(exchange, b"\x42")
    exchange.tick(2000)
    check.equal(_sent(exchange), first)
    _is_response(exchange.received(_hex("61 45 7d37 42", _22_3_C), 2100), b"22.3 C")
    check.equal(exchange.received(_hex("61 45 7d37 42", _22_3_C), 2101), None)
    check.equal(_sent(exchange), [])


def test_figure_20_separate_response():
    exchange = _exchange(0x7D38)
    check.equal(_get(exchange, b"\x53"), [_hex("41 01 7d38 53", _OPTION)])
    check.equal(exchange.received(_hex("60 00 7d38"), 10), ("acknowledged",))
    _is_response(exchange.received(_hex("41 45 ad7b 53", _22_3_C), 9000), b"22.3 C")
    check.equal(_sent(exchange), [_hex("60 00 ad7b")])


def test_figure_21_after_a_reboot_the_ack_is_ignored_and_the_response_rejected():
    exchange = _exchange(0x7D3A)  # 0x7d39 was used before the reboot
    check.equal(exchange.received(_hex("60 00 7d39"), 10), None)
    check.equal(_sent(exchange), [])
    check.equal(exchange.received(_hex("41 45 ad7c 64", _22_3_C), 9000), None)
    check.equal(_sent(exchange), [_hex("70 00 ad7c")])
    check.equal(exchange.ignored, 2)


def test_figure_22_non_confirmable_request_and_response():
    exchange = _exchange(0x7D40)
    check.equal(_get(exchange, b"\x75", confirmable=False), [_hex("51 01 7d40 75", _OPTION)])
    _is_response(exchange.received(_hex("51 45 ad7d 75", _22_3_C), 10), b"22.3 C")
    check.equal(_sent(exchange), [])


def test_figure_23_non_confirmable_request_and_confirmable_response():
    exchange = _exchange(0x7D41)
    check.equal(_get(exchange, b"\x86", confirmable=False), [_hex("51 01 7d41 86", _OPTION)])
    _is_response(exchange.received(_hex("41 45 ad7e 86", _22_3_C), 10), b"22.3 C")
    check.equal(_sent(exchange), [_hex("60 00 ad7e")])


# Sections 4.2 and 4.8: retransmission


def _transmissions(exchange):
    """Times in ms at which a request without any answer is sent, and at which it fails."""
    _get(exchange)
    times = [0]
    now_ms = 0
    while True:
        now_ms += exchange.wait_ms(now_ms)
        event = exchange.tick(now_ms)
        if event:
            return times, now_ms, event
        if _sent(exchange):
            times.append(now_ms)


def test_with_the_longest_first_wait_max_transmit_span_is_45_s_and_max_transmit_wait_93_s():
    times, failed_ms, event = _transmissions(_exchange(1, _LONGEST))
    check.equal(times, [0, 3000, 9000, 21_000, 45_000])
    check.equal(failed_ms, 93_000)
    check.equal(event[0], "failed")
    assert isinstance(event[1], TimedOut)


def test_with_the_shortest_first_wait_it_begins_with_ack_timeout():
    times, failed_ms, _ = _transmissions(_exchange(1, _SHORTEST))
    check.equal(times, [0, 2000, 6000, 14_000, 30_000])
    check.equal(failed_ms, 62_000)


def test_the_first_wait_is_never_outside_ack_timeout_and_its_1_5_fold():
    for random in (b"\0\0\x03\xe9", b"\0\0\xff\xff", b"\xff\xff\x80\x00", b"\0\0\0\x01"):
        exchange = _exchange(1, random)
        _get(exchange)
        assert 2000 <= exchange.wait_ms(0) <= 3000


def test_ack_timeout_and_max_retransmit_are_settings():
    exchange = _exchange(1, ack_timeout_ms=10_000, max_retransmit=2)
    times, failed_ms, _ = _transmissions(exchange)
    check.equal(times, [0, 10_000, 30_000])
    check.equal(failed_ms, 70_000)
    times, failed_ms, _ = _transmissions(_exchange(1, max_retransmit=0))
    check.equal((times, failed_ms), ([0], 2000))


def test_waits_of_hours_need_no_float():
    _, failed_ms, _ = _transmissions(_exchange(1, ack_timeout_ms=600_000, max_retransmit=6))
    check.equal(failed_ms, 600_000 * 127)


def test_a_late_tick_sends_once_and_not_what_it_has_missed():
    exchange = _exchange(1)
    first = _get(exchange)
    check.equal(exchange.tick(50_000), None)
    check.equal(_sent(exchange), first)
    check.equal(exchange.wait_ms(50_000), 4000)


def test_a_failed_request_leaves_room_for_the_next():
    exchange = _exchange(7)
    _transmissions(exchange)
    assert not exchange.busy
    check.equal(exchange.wait_ms(93_000), None)
    check.equal(exchange.tick(1_000_000), None)
    check.equal(_get(exchange, b"", now_ms=100_000), [_hex("40 01 0008", _OPTION)])


def test_an_empty_ack_ends_retransmission_and_the_response_may_take_exchange_lifetime():
    exchange = _exchange(1)
    _get(exchange)
    exchange.received(_hex("60 00 0001"), 100)
    check.equal(exchange.wait_ms(100), 247_000)
    check.equal(exchange.tick(247_099), None)
    check.equal(_sent(exchange), [])
    event = exchange.tick(247_100)
    assert event[0] == "failed" and isinstance(event[1], TimedOut)
    assert not exchange.busy


def test_a_non_is_not_repeated_and_waits_non_lifetime():
    exchange = _exchange(1)
    _get(exchange, confirmable=False)
    check.equal(exchange.wait_ms(0), 145_000)
    check.equal(exchange.tick(144_999), None)
    check.equal(exchange.tick(145_000)[0], "failed")
    check.equal(_sent(exchange), [])


# Sections 5.2.2 and 4.5: separate responses, duplicates


def test_a_separate_response_without_an_empty_ack_is_enough():
    exchange = _exchange(1)
    _get(exchange, b"T")
    _is_response(exchange.received(_hex("41 45 beef 54 ff 78"), 500), b"x")
    check.equal(_sent(exchange), [_hex("60 00 beef")])
    check.equal(exchange.tick(5000), None)
    check.equal(_sent(exchange), [])
    check.equal(exchange.received(_hex("60 00 0001"), 600), None)  # the ACK came late


def test_a_con_request_may_be_answered_by_a_non():
    exchange = _exchange(1)
    _get(exchange, b"T")
    exchange.received(_hex("60 00 0001"), 100)
    _is_response(exchange.received(_hex("51 45 beef 54 ff 78"), 500), b"x")
    check.equal(_sent(exchange), [])


def test_a_confirmable_response_is_acknowledged_again_when_our_ack_was_lost():
    exchange = _exchange(1)
    _get(exchange, b"T")
    response = _hex("41 45 beef 54 ff 78")
    exchange.received(response, 500)
    for now_ms in (2500, 6500, 14_500, 247_499):
        check.equal(_sent(exchange), [_hex("60 00 beef")])
        check.equal(exchange.received(response, now_ms), None)
    check.equal(_sent(exchange), [_hex("60 00 beef")])
    check.equal(exchange.ignored, 0)


def test_a_duplicate_is_acknowledged_while_the_next_request_is_outstanding():
    exchange = _exchange(1)
    _get(exchange, b"T")
    exchange.received(_hex("41 45 beef 54 ff 78"), 500)
    _sent(exchange)
    _get(exchange, b"U", now_ms=600)
    check.equal(exchange.received(_hex("41 45 beef 54 ff 78"), 700), None)
    check.equal(_sent(exchange), [_hex("60 00 beef")])
    assert exchange.busy


def test_after_exchange_lifetime_a_message_id_means_a_new_message():
    exchange = _exchange(1)
    _get(exchange, b"T")
    exchange.received(_hex("41 45 beef 54 ff 78"), 500)
    _sent(exchange)
    exchange.received(_hex("41 45 beef 54 ff 78"), 247_500)
    check.equal(_sent(exchange), [_hex("70 00 beef")])


def test_the_message_id_of_another_request_s_answer_or_of_another_endpoint_s_is_no_duplicate():
    """A server restarted within EXCHANGE_LIFETIME counts anew; so does a new endpoint (4.4)."""
    exchange = _exchange(1)
    for token in (b"T", b"U"):
        _get(exchange, token)
        _is_response(exchange.received(_hex("41 45 0001", token) + b"\xffx", 500), b"x")
        check.equal(_sent(exchange), [_hex("60 00 0001")])
    exchange.received(_hex("40 00 abcd"), 600)
    exchange.forget()
    check.equal(_sent(exchange), [])
    _get(exchange, b"U")
    _is_response(exchange.received(_hex("41 45 0001 55 ff 78"), 700), b"x")


def test_a_duplicate_non_is_delivered_once():
    exchange = _exchange(1)
    _get(exchange, b"T", confirmable=False)
    _is_response(exchange.received(_hex("51 45 beef 54 ff 78"), 500), b"x")
    check.equal(exchange.received(_hex("51 45 beef 54 ff 78"), 501), None)
    check.equal(_sent(exchange), [])
    # after NON_LIFETIME it is another message, though still for nobody
    check.equal(exchange.ignored, 0)
    exchange.received(_hex("51 45 beef 54 ff 78"), 145_500)
    check.equal(exchange.ignored, 1)


def test_what_is_remembered_of_the_peer_is_bounded():
    exchange = _exchange(1)
    for number in range(50):
        _get(exchange, b"T", now_ms=number)
        exchange.received(_hex("41 45") + bytes((0xBE, number)) + _hex("54 ff 78"), number)
        _sent(exchange)
    assert len(exchange._seen) <= 8
    exchange.received(_hex("41 45 be31 54 ff 78"), 60)  # the newest, 49
    check.equal(_sent(exchange), [_hex("60 00 be31")])


# Sections 4.4, 5.3.2: matching


def test_a_piggybacked_response_must_match_message_id_and_token():
    exchange = _exchange(0x1234)
    _get(exchange, b"TT")
    for wrong in (
        "62 45 1235 5454 ff 78",
        "62 45 1234 5455 ff 78",
        "61 45 1234 54 ff 78",
        "60 45 1234",
    ):
        check.equal(exchange.received(_hex(wrong), 10), None)
    check.equal(exchange.ignored, 4)
    check.equal(_sent(exchange), [])  # an ACK is rejected silently (4.2)
    _is_response(exchange.received(_hex("62 45 1234 5454 ff 78"), 10), b"x")


def test_a_separate_response_must_match_the_token():
    exchange = _exchange(0x1234)
    _get(exchange, b"TT")
    check.equal(exchange.received(_hex("42 45 1234 5455 ff 78"), 10), None)
    check.equal(_sent(exchange), [_hex("70 00 1234")])
    check.equal(exchange.received(_hex("52 45 1234 5455 ff 78"), 10), None)
    check.equal(_sent(exchange), [])
    check.equal(exchange.ignored, 2)
    assert exchange.busy


def test_a_response_after_cancel_is_rejected():
    exchange = _exchange(1)
    exchange.request(coap.GET, (), b"", 0, token=b"T")
    exchange.cancel()
    assert not exchange.busy
    check.equal(_sent(exchange), [])
    check.equal(exchange.received(_hex("61 45 0001 54 ff 78"), 10), None)
    check.equal(_sent(exchange), [])
    check.equal(exchange.received(_hex("41 45 beef 54 ff 78"), 10), None)
    check.equal(_sent(exchange), [_hex("70 00 beef")])


def test_a_response_before_any_request_ends_nothing():
    exchange = _exchange(1)
    check.equal(exchange.received(_hex("60 45 0001"), 0), None)
    check.equal(exchange.received(_hex("50 45 0001"), 0), None)
    check.equal(exchange.received(_hex("70 00 0001"), 0), None)
    check.equal(exchange.ignored, 3)


def test_a_second_empty_ack_is_ignored():
    exchange = _exchange(1)
    _get(exchange)
    exchange.received(_hex("60 00 0001"), 100)
    check.equal(exchange.received(_hex("60 00 0001"), 200), None)
    assert exchange.busy
    check.equal(exchange.wait_ms(200), 246_900)


def test_an_ack_does_not_end_a_non():
    exchange = _exchange(1)
    _get(exchange, b"T", confirmable=False)
    check.equal(exchange.received(_hex("60 00 0001"), 100), None)
    check.equal(exchange.received(_hex("61 45 0001 54"), 100), None)
    assert exchange.busy


def test_an_ack_with_a_request_or_a_reserved_class_is_ignored():
    exchange = _exchange(1)
    _get(exchange, b"T")
    for code in ("01", "1f", "20", "c0", "ff"):
        check.equal(exchange.received(_hex("61" + code + "0001 54"), 100), None)
    assert exchange.busy
    check.equal(exchange.ignored, 5)


def test_every_code_from_2_00_to_5_31_is_a_response():  # 12.1
    for code in ("40", "5f", "60", "84", "a0", "bf"):
        exchange = _exchange(1)
        _get(exchange, b"T")
        check.equal(exchange.received(_hex("61" + code + "0001 54"), 100)[0], "response")


# Sections 4.2, 4.3: rejection, ping


def test_a_reset_ends_a_request():
    for confirmable in (True, False):
        exchange = _exchange(5)
        _get(exchange, confirmable=confirmable)
        check.equal(exchange.received(_hex("70 00 0006"), 10), None)
        assert exchange.busy
        event = exchange.received(_hex("70 00 0005"), 20)
        assert event[0] == "failed" and isinstance(event[1], Lost)
        assert not isinstance(event[1], TimedOut)
        assert not exchange.busy


def test_a_reset_that_is_not_empty_is_ignored():
    exchange = _exchange(5)
    _get(exchange, b"T")
    check.equal(exchange.received(_hex("71 45 0005 54"), 20), None)
    assert exchange.busy


def test_a_request_code_is_no_answer_even_with_our_token():
    exchange = _exchange(1)
    _get(exchange, b"T")
    for kind, reply in (("51", []), ("41", [_hex("70 00 beef")])):
        check.equal(exchange.received(_hex(kind + "1f beef 54"), 20), None)
        check.equal(_sent(exchange), reply)
    assert exchange.busy


def test_a_response_with_an_empty_token_is_no_answer_to_a_ping():
    exchange = _exchange(1)
    _ping(exchange, 0)
    for response in ("50 45 beef", "40 45 beef", "60 45 0001"):
        check.equal(exchange.received(_hex(response), 20), None)
    assert exchange.busy


def test_ping_is_an_empty_con_and_its_answer_a_reset():
    exchange = _exchange(0xFFFF)
    _ping(exchange, 0)
    check.equal(_sent(exchange), [_hex("40 00 ffff")])
    assert exchange.busy
    check.equal(exchange.tick(2000), None)
    check.equal(_sent(exchange), [_hex("40 00 ffff")])
    check.equal(exchange.received(_hex("60 00 ffff"), 2050), None)
    check.equal(exchange.received(_hex("70 00 ffff"), 2100), ("pong",))
    assert not exchange.busy
    check.equal(exchange.next_message_id, 0)


def test_a_ping_that_nobody_answers_times_out():
    exchange = _exchange(1)
    _ping(exchange, 0)
    for now_ms in (2000, 6000, 14_000, 30_000):
        check.equal(exchange.tick(now_ms), None)
    check.equal(exchange.tick(62_000)[0], "failed")


def test_the_peer_s_ping_is_answered_with_a_reset():
    exchange = _exchange(1)
    check.equal(exchange.received(_hex("40 00 abcd"), 0), None)
    check.equal(_sent(exchange), [_hex("70 00 abcd")])
    check.equal(exchange.ignored, 0)
    check.equal(exchange.received(_hex("50 00 abcd"), 0), None)  # an Empty NON (4.3)
    check.equal(_sent(exchange), [])


def test_this_is_no_server():
    exchange = _exchange(1)
    check.equal(exchange.received(_hex("41 01 abcd 54 b4", b"time"), 0), None)
    check.equal(exchange.received(_hex("41 01 abcd 54 b4", b"time"), 0), None)
    check.equal(_sent(exchange), [_hex("70 00 abcd")] * 2)
    check.equal(exchange.received(_hex("51 02 abce 54"), 0), None)
    check.equal(_sent(exchange), [])
    check.equal(exchange.ignored, 1)


def test_a_malformed_con_is_rejected_and_everything_else_malformed_ignored():
    exchange = _exchange(1)
    _get(exchange, b"T")
    for con in (
        "49 45 abcd",
        "41 45 abcd",
        "40 45 abcd ff",
        "40 45 abcd f0",
        "40 00 abcd 00",
        "40 e1 abcd",
    ):
        check.equal(exchange.received(_hex(con), 0), None)
        check.equal(_sent(exchange), [_hex("70 00 abcd")], con)
    for other in (
        "",
        "40",
        "40 45 ab",
        "61 45 0001",
        "60 00 0001 00",
        "70 00 0001 00",
        "51 45 abcd",
        "80 00 abcd",
        "00 00 abcd",
        "c0 00 abcd",
    ):
        check.equal(exchange.received(_hex(other), 0), None)
        check.equal(_sent(exchange), [], other)
    check.equal(exchange.ignored, 16)
    assert exchange.busy


# Section 5.4.1: critical options


def test_an_unknown_critical_option_ends_the_request():
    # option 9 in each; piggybacked, NON, CON
    for response, reply in (
        ("61 45 0001 54 91 00", []),
        ("51 45 beef 54 91 00", []),
        ("41 45 beef 54 91 00", ["70 00 beef"]),
    ):
        exchange = _exchange(1)
        _get(exchange, b"T")
        event = exchange.received(_hex(response), 10)
        assert event[0] == "failed" and isinstance(event[1], ProtocolError), event
        assert "9" in str(event[1])
        check.equal(_sent(exchange), [_hex(text) for text in reply])
        assert not exchange.busy


def test_a_critical_option_that_no_response_may_have_counts_as_unknown():
    exchange = _exchange(1)
    _get(exchange, b"T")
    check.equal(exchange.received(_hex("61 45 0001 54 b1 78"), 10)[0], "failed")  # Uri-Path


def test_the_second_of_a_critical_option_is_not_understood():  # 5.4.5
    # Block2, Block1, and 2089, which the caller knows
    for options in ("d1 0a 08 01 18", "d1 0e 08 01 18", "e1 071c 61 01 62"):
        exchange = _exchange(1, known=(2089,))
        _get(exchange, b"T")
        event = exchange.received(_hex("61 45 0001 54" + options), 10)
        assert event[0] == "failed" and isinstance(event[1], ProtocolError), event


def test_unknown_elective_options_are_skipped():
    exchange = _exchange(1)
    _get(exchange, b"T")
    # 2090: delta 13 + 14, extended 2090 - 269 = 1821
    _is_response(exchange.received(_hex("61 45 0001 54 e3 071d 313233 ff 78"), 10), b"x")


def test_block_options_are_understood():
    exchange = _exchange(1)
    _get(exchange, b"T")
    _is_response(exchange.received(_hex("61 45 0001 54 d1 0a 00 41 00 ff 78"), 10), b"x")


def test_a_critical_option_of_the_caller_s_own_is_understood():
    # option 2089 in a 4.02, as libcoap sends it back: extended 2089 - 269 = 1820
    response = _hex("61 82 0001 54 e2 071c abcd")
    exchange = _exchange(1)
    _get(exchange, b"T")
    check.equal(exchange.received(response, 10)[0], "failed")
    exchange = _exchange(1, known=(2088, 2089, 2090))
    _get(exchange, b"T")
    _is_response(exchange.received(response, 10), b"", 0x82)


# Sections 4.4, 4.7, 5.3.1: ids, tokens, NSTART


def test_one_request_at_a_time():
    exchange = _exchange(1)
    _get(exchange)
    assert exchange.busy
    check.raises(RuntimeError, exchange.request, coap.GET, (), b"", 0)
    check.raises(RuntimeError, _ping, exchange, 0)
    check.equal(exchange.next_message_id, 2)


def test_message_ids_count_and_wrap():
    exchange = _exchange(0xFFFE)
    for expected in ("fffe", "ffff", "0000", "0001"):
        check.equal(_get(exchange, b""), [_hex("40 01" + expected, _OPTION)])
        exchange.cancel()
    check.equal(exchange.next_message_id, 2)


def test_a_token_is_random_and_holds_its_message_id():
    exchange = _exchange(0xABCD, b"\x5a\xa5\0\0")
    check.equal(_get(exchange), [_hex("44 01 abcd 5aa5abcd", _OPTION)])


def test_numbering_goes_on_after_a_reboot():
    before = _exchange(0x1000)
    _get(before)
    kept = before.next_message_id
    check.equal(_get(_exchange(kept), b""), [_hex("40 01 1001", _OPTION)])


def test_no_message_id_comes_again_within_exchange_lifetime():
    exchange = _exchange(0)
    used = {}  # message id -> when last used
    now_ms = 0
    throttled = 0
    while throttled < 3:
        message_id = exchange.next_message_id
        try:
            _ping(exchange, now_ms)
        except Throttled as error:
            throttled += 1
            check.equal(message_id % 32_768, 0)
            assert 0 < error.retry_after_ms <= 247_000
            now_ms += error.retry_after_ms
            continue
        exchange.cancel()
        now_ms = max(now_ms, 140_000)  # the first of them long before the others
        if message_id % 4096 == 0:
            assert now_ms - used.get(message_id, -247_000) >= 247_000
            used[message_id] = now_ms
            now_ms += 1
    assert len(used) == 16


def test_a_request_that_cannot_be_encoded_leaves_nothing_behind():
    exchange = _exchange(1)
    check.raises(ValueError, exchange.request, coap.GET, ((70_000, b""),), b"", 0)
    check.raises(ValueError, exchange.request, coap.GET, (), b"", 0, True, b"123456789")
    assert not exchange.busy
    check.equal(_sent(exchange), [])
    check.equal(_get(exchange, b""), [_hex("40 01 0001", _OPTION)])


def test_one_buffer_serves_all_requests_that_fit():
    exchange = _exchange(1)
    exchange.request(coap.POST, (), b"x" * 300, 0)
    buffer = exchange._buffer
    exchange.cancel()
    for size in (300, 0, 200):
        exchange.request(coap.POST, (), b"x" * size, 0)
        assert exchange._buffer is buffer
        check.equal(len(exchange.outgoing()), 4 + 4 + (1 + size if size else 0))
        exchange.cancel()
    exchange.request(coap.POST, (), b"x" * 900, 0)
    check.equal(len(exchange.outgoing()), 909)


def test_wait_ms_is_zero_while_something_is_to_be_sent():
    exchange = _exchange(1)
    check.equal(exchange.wait_ms(0), None)
    exchange.request(coap.GET, (), b"", 0)
    check.equal(exchange.wait_ms(0), 0)
    _sent(exchange)
    check.equal(exchange.wait_ms(0), 2000)
    check.equal(exchange.wait_ms(1500), 500)
    check.equal(exchange.wait_ms(2500), 0)
    exchange.received(_hex("40 00 abcd"), 0)
    check.equal(exchange.wait_ms(0), 0)


def test_replies_that_nobody_fetches_do_not_pile_up():
    exchange = _exchange(1)
    for number in range(100):
        exchange.received(bytes((0x40, 0, 0, number)), 0)
    assert 0 < len(_sent(exchange)) <= 4


def test_no_mutated_datagram_raises_or_grows_the_heap():
    import gc

    state = 1
    seeds = [
        _hex("61 45 0001 54 c0 d1 0a 00 ff 78"),
        _hex("41 45 beef 54 60 ff 78"),
        _hex("51 45 beef 54 61 05"),
        _hex("60 00 0001"),
        _hex("70 00 0001"),
        _hex("40 00 0001"),
        _hex("41 01 0001 54 b4", b"time"),
    ]
    exchange = _exchange(1)
    exchange.observed.append(b"T")
    gc.collect()
    for number in range(check.scaled(2000)):
        datagram = bytearray(seeds[number % len(seeds)])
        for _ in range(2):
            state = (state * 1_103_515_245 + 12_345) & 0x3FFFFFFF
            datagram[(state >> 8) % len(datagram)] = state >> 16 & 255
        if not exchange.busy:
            exchange.next_message_id = 1
            _get(exchange, b"T", now_ms=number * 1000)
        event = exchange.received(
            bytes(datagram[: len(datagram) - (state >> 20) % 3]), number * 1000
        )
        assert event is None or event[0] in ("response", "acknowledged", "failed", "notification")
        assert len(_sent(exchange)) <= 1
