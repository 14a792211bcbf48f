"""Does client/coap.py carry exchanges over any datagram channel, wait, and say when it is over?

A channel that answers by a function, and servers on UDP that follow a script. Datagrams are
written out by hand from RFC 7252 section 3.
"""

from binascii import unhexlify

import check
from signet import clock
from signet.client import coap_blocks
from signet.client.coap import CoapClient
from signet.clock import Deadline
from signet.errors import Lost, ProtocolError, TimedOut
from signet.net.datagram import UdpChannel
from signet.net.dtls import DtlsChannel
from signet.net.trust import context
from signet.wire import coap

# The client's own tokens have 4 bytes. 64 45 is a piggybacked 2.05, 60 00 an empty ACK, 44 45 a
# separate 2.05, 70 00 a RST; ff 6f 6b is the payload "ok".
SERVERS = {
    "polite": (
        "udp",
        [
            ("datagram",),
            ("send", "6445{mid}{token}ff6f6b"),
            ("datagram",),
            ("send", "6445{mid}{token}ff6f6b"),
        ],
    ),
    "silent": ("udp", "black_hole"),
    "loses": ("udp", [("datagram",), ("datagram",), ("send", "6445{mid}{token}ff6f6b")]),
    "separate": (
        "udp",
        [("datagram",), ("send", "6000{mid}"), ("wait", 30), ("send", "4445beef{token}ff6f6b")],
    ),
    "repeats": (
        "udp",
        [
            ("datagram",),
            ("send", "4445beef{token}ff6f6b"),
            ("send", "4445beef{token}ff6f6b"),
            ("send", "6445{mid}{token}ff6f6b"),
        ],
    ),
    # 2.05, option 2090 with "7", and 600 bytes
    "long": ("udp", [("datagram",), ("send", "6445{mid}{token}e1071d37ff{ok300}")]),
    "long_dtls": (
        "dtls",
        "good",
        [("datagram",), ("send", "6445{mid}{token}e1071d37ff{ok300}")],
    ),
    "rejects": ("udp", [("datagram",), ("send", "7000{mid}")]),
    "strangers": (
        "udp",
        [
            ("datagram",),
            ("send_from_other", "6445{mid}{token}ff6e6f"),
            ("send", "6445{mid}{token}ff6f6b"),
        ],
    ),
    "noise": (
        "udp",
        [
            ("datagram",),
            ("send", "ff"),
            ("send", "6445{mid}00000000ff6e6f"),
            ("send", "6445{mid}{token}ff6f6b"),
        ],
    ),
}

_TIME = ((coap.URI_PATH, b"time"),)


def _hex(text, rest=b""):
    return unhexlify(text.replace(" ", "")) + rest


# Over UDP


def _over_udp(name, largest=1152, **settings):
    end = check.server(name)
    client = CoapClient(0x1234, ack_timeout_ms=200, **settings)
    client.use(UdpChannel(end["host"], end["port"], Deadline(2000), largest))
    return client


def _over_dtls(name, largest):
    end = check.server(name)
    with open(end["ca"], "rb") as file:
        trust = context(file.read(), datagrams=True)
    client = CoapClient(0x1234)
    below = UdpChannel(end["host"], end["port"], Deadline(2000), largest)
    client.use(DtlsChannel(below, "good.test", trust, 9000))
    return client


def _ask(client, timeout_ms=5000):
    return client.ask(coap.GET, _TIME, b"", Deadline(timeout_ms)).payload


def test_a_request_and_its_answer():
    client = _over_udp("polite")
    check.equal(_ask(client), b"ok")
    check.equal(_ask(client), b"ok")
    client.close()
    first, second = check.connections("polite", 20)
    check.equal(first[:4], _hex("44 01 1234"))
    check.equal(second[:4], _hex("44 01 1235"))
    check.equal(first[8:], _hex("b4", b"time"))
    check.equal(first[6:8], _hex("1234"))
    assert first[4:8] != second[4:8]
    check.equal(client.exchange.next_message_id, 0x1236)


def test_a_lost_request_is_sent_again():
    client = _over_udp("loses")
    check.equal(_ask(client), b"ok")
    client.close()
    first, second = check.connections("loses", 26)
    check.equal(first, second)


def test_a_separate_response_is_acknowledged():
    client = _over_udp("separate")
    client.request(coap.GET, _TIME)
    check.equal(client.poll(5000), ("acknowledged",))
    event = client.poll(5000)
    check.equal((event[0], event[1].payload), ("response", b"ok"))
    client.close()
    check.equal(check.connections("separate", 17)[1], _hex("60 00 beef"))


def test_a_repeated_separate_response_is_acknowledged_again_and_given_once():
    client = _over_udp("repeats")
    check.equal(_ask(client), b"ok")
    check.equal(client.poll(200), None)
    client.close()
    check.equal(check.connections("repeats", 21)[1:3], [_hex("60 00 beef")] * 2)


def test_of_an_answer_larger_than_the_buffer_code_and_options_count():  # 4.6
    client = _over_udp("long")
    message = client.ask(coap.GET, _TIME, b"", Deadline(2000))
    check.equal((message.cut, len(message.payload)), (False, 600))
    for client in _over_udp("long", largest=384), _over_dtls("long_dtls", 384):
        message = client.ask(coap.GET, _TIME, b"", Deadline(9000))
        check.equal((message.code, list(message.options)), (0x45, [(2090, b"7")]))
        assert message.cut and (b"ok" * 300).startswith(message.payload)
        client.close()
    client = _over_udp("long", largest=384)
    check.raises(ProtocolError, coap_blocks.download, client, _TIME, Deadline(2000))


def test_a_rejected_request_is_lost():
    client = _over_udp("rejects")
    error = check.raises(Lost, _ask, client)
    assert not isinstance(error, TimedOut)
    client.close()


def test_nobody_answers():
    client = _over_udp("silent", max_retransmit=0)
    client.request(coap.GET, _TIME)
    event = client.poll(5000)
    assert event[0] == "failed" and isinstance(event[1], TimedOut)
    client.close()


def test_a_deadline_ends_a_request_that_could_still_be_repeated():
    client = _over_udp("silent")
    check.raises(TimedOut, _ask, client, 50)
    assert not client.exchange.busy
    client.close()


def test_strangers_and_noise_are_counted_and_change_nothing():
    for name, count in (("strangers", 1), ("noise", 2)):
        client = _over_udp(name)
        check.equal(_ask(client), b"ok")
        check.equal(client.ignored, count)
        client.close()
        check.equal(client.ignored, count)


# Over a channel that answers by a function


class _Channel:
    """Keeps what is sent and hinted; `answer` says what comes back, a list of datagrams."""

    ignored, largest = 0, 1152

    def __init__(self, answer=None):
        self.sent = []
        self.hints = []
        self.waits = []
        self.coming = []
        self.closed = 0
        self.down = None
        self.is_open = True
        self._answer = answer

    def opened(self):
        return self.is_open

    def send(self, datagram, replies=None):
        if self.down == "send":
            raise Lost("no network")
        self.sent.append(bytes(datagram))
        self.hints.append(replies)
        if self._answer:
            self.coming += self._answer(self.sent[-1])
        return self.down != "busy"

    def receive(self):
        if self.down == "receive":
            raise Lost("no network")
        return self.coming.pop(0) if self.coming else None

    def wait(self, timeout_ms):
        self.waits.append(timeout_ms)
        if not self.coming:
            clock.sleep_ms(1)
        return bool(self.coming)

    def close(self):
        self.closed += 1


def _begin(answer=None, ack_timeout_ms=20, **settings):
    channel = _Channel(answer)
    client = CoapClient(0x1234, ack_timeout_ms=ack_timeout_ms, **settings)
    client.use(channel)
    return client, channel


def _ack(request, rest=b"\xffok"):
    return b"\x64\x45" + request[2:8] + rest


def test_request_returns_at_once_and_poll_brings_the_answer():
    client, channel = _begin(lambda request: [_ack(request)])
    token = client.request(coap.POST, _TIME, b"x")
    check.equal(channel.sent, [_hex("44 02 1234") + token + _hex("b4", b"time\xffx")])
    assert client.exchange.busy
    check.equal(channel.waits, [])
    event = client.poll(0)
    check.equal((event[0], event[1].token, event[1].payload), ("response", token, b"ok"))
    assert not client.exchange.busy
    check.equal(client.poll(0), None)


def test_one_request_at_a_time():
    client, channel = _begin()
    client.request(coap.GET, _TIME)
    check.raises(RuntimeError, client.request, coap.GET, _TIME)
    check.equal(len(channel.sent), 1)


def test_a_last_request_tells_the_channel_that_one_reply_is_expected():
    client, channel = _begin(max_retransmit=2)
    client.request(coap.GET, _TIME, last=True)
    client.poll(1000)
    check.equal(channel.hints, [1, 1, 1])
    client.request(coap.GET, _TIME)
    check.equal(channel.hints[3:], [None])


def test_the_ack_that_ends_a_last_request_expects_no_reply():
    client, channel = _begin(ack_timeout_ms=5000)
    token = client.request(coap.GET, _TIME, last=True)
    channel.coming += [
        _hex("40 00 9999"),  # a ping meanwhile
        _hex("60 00 1234"),
        _hex("44 45 beef") + token,
    ]
    check.equal(client.poll(1000), ("acknowledged",))
    check.equal(client.poll(1000)[0], "response")
    check.equal(channel.sent[1:], [_hex("70 00 9999"), _hex("60 00 beef")])
    check.equal(channel.hints, [1, None, 0])


def test_a_datagram_that_could_not_be_sent_counts_as_lost():
    client, channel = _begin()
    channel.down = "busy"
    client.request(coap.GET, _TIME)
    check.equal(client.poll(25), None)
    channel.down = None
    client.poll(30)
    check.equal(channel.sent[1], channel.sent[0])


def test_a_channel_that_is_down_ends_the_request():
    client, channel = _begin()
    channel.down = "send"
    check.raises(Lost, client.request, coap.GET, _TIME)
    assert not client.exchange.busy
    for down in ("send", "receive"):
        channel.down = None
        client.request(coap.GET, _TIME)
        channel.down = down
        event = client.poll(1000)
        check.equal(event[0], "failed")
        assert isinstance(event[1], Lost)
        assert not client.exchange.busy


def test_an_answer_counts_even_if_its_ack_cannot_be_sent():
    client, channel = _begin()
    token = client.request(coap.GET, _TIME)
    channel.coming.append(_hex("44 45 beef") + token)
    channel.down = "send"
    check.equal(client.poll(1000)[0], "response")


def test_the_board_is_told_while_the_client_waits():
    told = []
    clock.while_waiting = lambda: told.append(1)
    try:
        client, _ = _begin()
        check.equal(client.poll(3), None)
    finally:
        clock.while_waiting = None
    assert told


def test_a_wait_ends_when_a_retransmission_is_due_or_the_timeout_is_over():
    client, channel = _begin(ack_timeout_ms=10)
    client.request(coap.GET, _TIME)
    client.poll(4)
    assert max(channel.waits) <= 4
    channel.waits = []
    client.poll(8)
    client.poll(20)
    assert max(channel.waits) <= 20
    assert len(channel.sent) > 1


def test_a_wait_is_never_longer_than_a_slice():
    client, channel = _begin(ack_timeout_ms=60_000)
    client.request(coap.GET, _TIME)

    def wait(timeout_ms):
        channel.waits.append(timeout_ms)
        channel.coming.append(_hex("70 00 1234"))
        return True

    channel.wait = wait
    client.poll(100_000)
    check.equal(channel.waits, [500])


def test_time_stands_still_for_a_request_while_the_channel_opens():
    client, channel = _begin(ack_timeout_ms=20, max_retransmit=0)
    channel.is_open = False
    client.request(coap.GET, _TIME)
    check.equal(client.poll(60), None)
    channel.is_open = True
    check.equal([client.poll(5), len(channel.sent)], [None, 1])
    check.equal(client.poll(1000)[0], "failed")


def test_an_outstanding_request_goes_on_over_a_new_channel():
    client, old = _begin()
    client.request(coap.GET, _TIME)
    old.ignored = 3
    new = _Channel(lambda request: [_ack(request)])
    client.use(new)
    check.equal(client.poll(1000)[0], "response")
    check.equal(new.sent, old.sent)
    new.ignored = 4
    check.equal(client.ignored, 7)


def test_closing_twice_is_harmless():
    client, channel = _begin()
    channel.ignored = 2
    client.request(coap.GET, _TIME)
    client.close()
    client.close()
    check.equal(channel.closed, 1)
    check.equal(client.channel, None)
    check.equal(client.ignored, 2)
    assert not client.exchange.busy


def test_the_time_goes_on_when_ticks_wrap_and_never_back():
    ticks_ms = clock.ticks_ms
    now = clock.ticks_add(0, -5)
    try:
        clock.ticks_ms = lambda: now
        client = CoapClient()
        check.equal(client.now_ms(), 0)
        now = clock.ticks_add(now, 15)
        check.equal(client.now_ms(), 15)
        now = clock.ticks_add(now, -10)
        check.equal(client.now_ms(), 15)
        now = clock.ticks_add(now, 1)
        check.equal(client.now_ms(), 16)
    finally:
        clock.ticks_ms = ticks_ms


def test_the_first_message_id_is_random_unless_it_was_kept():
    ids = [CoapClient().exchange.next_message_id for _ in range(4)]
    assert min(ids) >= 0
    assert max(ids) <= 0xFFFF
    assert ids != [ids[0]] * 4
    check.equal(CoapClient(0).exchange.next_message_id, 0)


def test_a_ping_is_answered_by_a_reset():
    client, channel = _begin(lambda request: [_hex("70 00 1234")])
    client.ping()
    check.equal(channel.sent, [_hex("40 00 1234")])
    check.equal(client.poll(100), ("pong",))


def test_an_answer_that_cannot_be_understood_is_an_error():
    client, _ = _begin(lambda request: [_ack(request, _hex("91 00"))])
    check.raises(ProtocolError, client.ask, coap.GET, _TIME, b"", Deadline(1000))


def test_a_request_without_response_costs_one_datagram():  # RFC 7967: No-Response 26
    client, channel = _begin()
    client.request(coap.PUT, ((258, b"\x1a"),), b"x", last=True, confirmable=False)
    client.exchange.cancel()
    check.equal(channel.sent[0][:4], _hex("54 03 1234"))
    # 258: delta 13, extended 258 - 13 = 245
    check.equal(channel.sent[0][8:], _hex("d1 f5 1a ff 78"))
    check.equal(client.poll(5), None)
    check.equal(len(channel.sent), 1)


def test_ask_goes_on_after_an_empty_ack():
    def answer(request):
        if request[0] == 0x44:
            return [b"\x60\0" + request[2:4], b"\x54\x45\xbe\xef" + request[4:8] + b"\xffok"]
        return []

    client, channel = _begin(answer)
    check.equal(_ask(client), b"ok")
    check.equal(len(channel.sent), 1)


# Blocks; the values are checked in test_block.py


def test_upload_sends_a_body_in_blocks():
    def answer(request):
        # Block1 after Uri-Path: delta 16, one byte, which the server says again
        mark = request[request.index(b"\xd1\x03", 8) + 2]
        code = 0x5F if mark & 8 else 0x44
        return [bytes((0x64, code)) + request[2:8] + bytes((0xD1, 0x0E, mark))]

    client, channel = _begin(answer)
    body = bytes(range(40))
    changed = coap_blocks.upload(client, coap.PUT, _TIME, body, Deadline(2000), size=16)
    check.equal(changed.code, 0x44)
    parts = [request[8:].split(b"\xff", 1)[1] for request in channel.sent]
    check.equal(parts, [body[:16], body[16:32], body[32:]])


def _in_blocks_of_16(body):
    def answer(request):
        at = request.find(b"\xc1", 8)  # Block2 after Uri-Path: delta 12, one byte
        number = request[at + 1] >> 4 if at > 0 else 0
        part = body[16 * number : 16 * number + 16]
        more = 8 if 16 * number + 16 < len(body) else 0
        return [_ack(request, _hex("d1 0a") + bytes((number << 4 | more,)) + b"\xff" + part)]

    return answer


def test_download_puts_a_body_together():
    body = bytes(range(100, 150))
    client, channel = _begin(_in_blocks_of_16(body))
    check.equal(coap_blocks.download(client, _TIME, Deadline(2000)).payload, body)
    check.equal(len(channel.sent), 4)
    deadline = Deadline(2000)
    check.raises(ProtocolError, coap_blocks.download, client, _TIME, deadline, largest=48)


def test_the_rest_of_a_first_block_is_fetched():
    body = bytes(range(100, 150))
    client, channel = _begin(_in_blocks_of_16(body))
    first = client.ask(coap.GET, _TIME, b"", Deadline(2000))
    check.equal(coap_blocks.rest(client, _TIME, first, Deadline(2000)).payload, body)
    check.equal(len(channel.sent), 4)
    whole = coap.Message(2, 0x45, 1, b"", (), b"all")
    check.equal(coap_blocks.rest(client, _TIME, whole, Deadline(2000)).payload, b"all")
