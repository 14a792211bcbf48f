"""Does a client watch a resource as RFC 7641 says?

Figures, section numbers and datagrams are those of RFC 7641, the latter written out by hand.
"""

from binascii import unhexlify

import check
from signet.client.coap import CoapClient
from signet.client.coap_observe import Observer
from signet.clock import Deadline
from signet.errors import Lost
from signet.wire import coap
from signet.wire.coap import Message
from signet.wire.exchange import Exchange
from signet.wire.observe import REGISTER, Observation, fresher

_TEMPERATURE = ((coap.URI_PATH, b"temperature"),)


def _hex(text, rest=b""):
    return unhexlify(text.replace(" ", "")) + rest


# Section 3.4


def test_a_notification_is_fresher_as_3_4_says():
    for old, new, after_ms, expected in (
        (1, 2, 0, True),
        (2, 1, 0, False),
        (7, 7, 0, False),
        (0, 0x7F_FFFF, 0, True),
        (0, 0x80_0000, 0, False),
        (0, 0xFF_FFFF, 0, False),
        (0x80_0000, 0, 0, False),
        (0x80_0001, 0, 0, True),
        (0xFF_FFFF, 0, 0, True),
        (0xFF_FFFE, 5, 0, True),
        (5, 0xFF_FFFE, 0, False),
        (9, 1, 128_000, False),
        (9, 1, 128_001, True),
        (9, 9, 128_001, True),
    ):
        check.equal(fresher(new, 1000 + after_ms, old, 1000), expected, (old, new, after_ms))


def _message(number, code=0x45, more=()):
    options = [] if number is None else [(6, number)]
    return Message(1, code, 1, b"J", options + list(more), b"x")


def test_reordered_and_repeated_notifications_are_no_news():
    observation = Observation()
    for number, expected in ((b"\x09", True), (b"\x0b", True), (b"\x0a", False), (b"\x0b", False)):
        check.equal(observation.take(_message(number), 0), expected)
    assert observation.take(_message(b"\x01"), 128_001)


def test_a_notification_without_observe_or_with_an_error_ends_the_observation():  # 3.2
    for last in (_message(None), _message(b"\x0a", 0x84), _message(None, 0x84)):
        observation = Observation()
        assert observation.take(_message(b"\x09"), 0)
        assert observation.active
        assert observation.take(last, 0)
        assert not observation.active


def test_only_the_three_least_significant_bytes_count():  # 3.4
    observation = Observation()
    observation.take(_message(b"\x00\x00\x00\x05"), 0)
    assert not observation.take(_message(b"\x01\x00\x00\x04"), 0)


def test_a_representation_is_fresh_for_max_age_60_s_if_it_has_none():  # RFC 7252 section 5.10.5
    observation = Observation()
    observation.take(_message(b"\x09"), 1000)
    check.equal(observation.until_ms, 61_000)
    observation.take(_message(b"\x0a", 0x45, [(14, b"\x0f")]), 2000)
    check.equal(observation.until_ms, 17_000)
    observation.take(_message(b"\x0b", 0x45, [(14, b"\xff\xff\xff\xff")]), 3000)
    check.equal(observation.until_ms, 3000 + 4_294_967_295_000)


def test_of_an_option_that_comes_twice_the_first_counts():  # RFC 7252 section 5.4.5
    observation = Observation()
    observation.take(_message(b"\x05", 0x45, [(6, b"\x09"), (14, b"\x05"), (14, b"\x3c")]), 0)
    check.equal(observation.until_ms, 5000)
    assert observation.take(_message(b"\x06"), 0)


# Appendix A.1

# Observe 9 (option 6, 1 byte), Max-Age 15 (option 14: delta 8, 1 byte)
_18_5 = _hex("61 45 1633 4a 61 09 81 0f ff", b"18.5 Cel")
_19_2 = _hex("51 45 7b50 4a 61 10 81 0f ff", b"19.2 Cel")
_19_7 = _hex("51 45 7b51 4a 61 19 81 0f ff", b"19.7 Cel")


def _registered():
    """The first half of figure 3: exchange, observation."""
    exchange = Exchange(0x1633, lambda count: bytes(count))
    observation = Observation()
    exchange.request(coap.GET, _TEMPERATURE + (REGISTER,), b"", 3000, token=b"\x4a")  # noqa: RUF005
    # Observe 0 is empty; Uri-Path: delta 5, 11 bytes
    check.equal(bytes(exchange.outgoing()), _hex("41 01 1633 4a 60 5b", b"temperature"))
    kind, message = exchange.received(_18_5, 9000)
    check.equal((kind, message.payload), ("response", b"18.5 Cel"))
    assert observation.take(message, 9000)
    assert observation.active
    exchange.observed.append(b"\x4a")
    return exchange, observation


def test_figure_3_a_client_registers_and_receives_the_state_and_a_new_one():
    exchange, observation = _registered()
    kind, message = exchange.received(_19_2, 16_000)
    check.equal((kind, message.payload), ("notification", b"19.2 Cel"))
    assert observation.take(message, 16_000)
    check.equal(exchange.outgoing(), None)
    check.equal(observation.until_ms, 31_000)


def test_figure_4_the_client_registers_again_after_max_age():
    exchange, observation = _registered()
    _, message = exchange.received(_19_2, 16_000)
    observation.take(message, 16_000)  # the next, 19.7 Cel, is lost; the server boots again
    exchange.request(coap.GET, _TEMPERATURE + (REGISTER,), b"", 31_000, token=b"\xb2")  # noqa: RUF005
    check.equal(bytes(exchange.outgoing()), _hex("41 01 1634 b2 60 5b", b"temperature"))
    # Observe 42: another count than that of before; another observation
    kind, message = exchange.received(_hex("61 45 1634 b2 61 2a 81 0f ff", b"19.7 Cel"), 38_000)
    check.equal((kind, message.payload), ("response", b"19.7 Cel"))
    assert Observation().take(message, 38_000)


def test_a_confirmable_notification_is_acknowledged_and_taken_once():  # 3.5
    exchange, _ = _registered()
    notification = _hex("41 45 7b50 4a 61 10 ff", b"19.2 Cel")
    check.equal(exchange.received(notification, 16_000)[0], "notification")
    check.equal(exchange.outgoing(), _hex("60 00 7b50"))
    check.equal(exchange.received(notification, 18_000), None)
    check.equal(exchange.outgoing(), _hex("60 00 7b50"))
    check.equal(exchange.outgoing(), None)
    check.equal(exchange.ignored, 0)


def test_a_notification_that_is_not_wanted_any_more_is_rejected():  # 3.6
    exchange, _ = _registered()
    exchange.observed.remove(b"\x4a")
    check.equal(exchange.received(_19_2, 16_000), None)
    check.equal(exchange.outgoing(), _hex("70 00 7b50"))
    check.equal(exchange.received(_hex("41 45 7b51 4a 61 11"), 17_000), None)
    check.equal(exchange.outgoing(), _hex("70 00 7b51"))


def test_a_notification_comes_through_while_a_request_is_outstanding():
    exchange, _ = _registered()
    exchange.request(coap.GET, (), b"", 16_000, token=b"T")
    exchange.outgoing()
    check.equal(exchange.received(_19_2, 16_100)[0], "notification")
    assert exchange.busy
    check.equal(exchange.received(_hex("61 45 1634 54"), 16_200)[0], "response")


def test_a_notification_with_an_unknown_critical_option_is_rejected():
    exchange, _ = _registered()
    # Observe, then option 9: delta 3
    check.equal(exchange.received(_hex("51 45 7b50 4a 61 10 31 00"), 16_000), None)
    check.equal(exchange.outgoing(), _hex("70 00 7b50"))


# The Observer, over a channel that answers by a function


class _Channel:
    """Keeps what is sent; `answer` says what comes back, a list of datagrams."""

    ignored, largest = 0, 1152

    def __init__(self, answer):
        self.sent = []
        self.coming = []
        self._answer = answer

    def send(self, datagram, replies=None):
        self.sent.append(bytes(datagram))
        self.coming += self._answer(self.sent[-1])
        return True

    def opened(self):
        return True

    def receive(self):
        return self.coming.pop(0) if self.coming else None

    def wait(self, timeout_ms):
        return bool(self.coming)

    def close(self):
        pass


def _reply(request, rest):
    """An ACK 2.05 to a request of ours, whose token has 4 bytes."""
    return b"\x64\x45" + request[2:8] + rest


def _begin(answer):
    channel = _Channel(answer)
    client = CoapClient(0x1633, ack_timeout_ms=50, max_retransmit=1)
    client.use(channel)
    return client, channel


def _watching():
    """A client whose server answers all requests with Observe 9, and its observer."""
    client, channel = _begin(lambda request: [_reply(request, _hex("61 09 ff", b"18.5 Cel"))])
    observer = Observer(client, _TEMPERATURE, Deadline(2000))
    assert observer.active
    check.equal(observer.message.payload, b"18.5 Cel")
    check.equal(channel.sent[0][8:], _hex("60 5b", b"temperature"))
    return client, channel, observer


def _notify(channel, number, payload, kind=b"\x54", code=b"\x45"):
    token = channel.sent[0][4:8]
    message_id = bytes((0x7B, number))
    channel.coming.append(
        kind + code + message_id + token + bytes((0x61, number)) + b"\xff" + payload
    )


def test_an_observer_takes_news_only():
    client, channel, observer = _watching()
    for number, payload in ((11, b"19.2"), (10, b"old"), (12, b"19.7")):
        _notify(channel, number, payload)
    check.equal(observer.take(client.poll(0)).payload, b"19.2")
    check.equal(observer.take(client.poll(0)), None)
    check.equal(observer.take(client.poll(0)).payload, b"19.7")
    check.equal(observer.message.payload, b"19.7")
    check.equal(observer.take(client.poll(0)), None)


def test_an_observer_leaves_other_events_alone():
    _, _, observer = _watching()
    for event in (
        None,
        ("pong",),
        ("notification", Message(1, 0x45, 1, b"other", [(6, b"\x63")])),
    ):
        check.equal(observer.take(event), None)


def test_a_server_that_does_not_observe_answers_all_the_same():  # 3.1
    client, _ = _begin(lambda request: [_reply(request, _hex("ff", b"18.5 Cel"))])
    observer = Observer(client, _TEMPERATURE, Deadline(2000))
    assert not observer.active
    check.equal(observer.message.payload, b"18.5 Cel")
    check.equal(client.exchange.observed, [])


def test_an_error_ends_an_observation():
    client, channel, observer = _watching()
    _notify(channel, 10, b"gone", code=b"\x84")
    check.equal(observer.take(client.poll(0)).code, 0x84)
    assert not observer.active
    check.equal(client.exchange.observed, [])


def test_refreshing_uses_the_same_token_and_keeps_one_observation():  # 3.3.1
    client, channel, observer = _watching()
    observer.refresh(Deadline(2000))
    check.equal(channel.sent[1][4:], channel.sent[0][4:])
    assert channel.sent[1][2:4] != channel.sent[0][2:4]
    check.equal(len(client.exchange.observed), 1)
    assert 0 < observer.due_ms() <= 60_000


def test_the_answer_to_a_refresh_is_news_even_if_the_server_counts_from_the_beginning_again():
    answers = [_hex("61 09 ff", b"before"), _hex("61 02 ff", b"rebooted")]
    client, _ = _begin(lambda request: [_reply(request, answers.pop(0))])
    observer = Observer(client, _TEMPERATURE, Deadline(2000))
    observer.refresh(Deadline(2000))
    check.equal(observer.message.payload, b"rebooted")
    assert observer.active


def test_deregistering_asks_with_observe_1_and_the_same_token():  # 3.6
    client, channel, observer = _watching()
    observer.deregister(Deadline(2000))
    check.equal(channel.sent[1][4:], channel.sent[0][4:8] + _hex("61 01 5b", b"temperature"))
    assert not observer.active
    _notify(channel, 10, b"late")
    check.equal(client.poll(0), None)
    check.equal(channel.sent[2], _hex("70 00 7b0a"))


def test_forgetting_costs_a_reset_when_the_next_notification_comes():
    client, channel, observer = _watching()
    observer.forget()
    check.equal(len(channel.sent), 1)
    _notify(channel, 10, b"late", b"\x44")
    check.equal(client.poll(0), None)
    check.equal(channel.sent[1], _hex("70 00 7b0a"))


def test_a_registration_that_nobody_answers_fails():
    client, _ = _begin(lambda request: [])
    check.raises(Lost, Observer, client, _TEMPERATURE, Deadline(2000))
    assert not client.exchange.busy
