"""Does a CoapClient get on with libcoap's coap-server, over UDP and over DTLS?"""

import check
from check import equal, raises
from check_coap import (
    BLOCK2,
    CONTENT,
    CONTENT_FORMAT,
    GET,
    NON,
    POST,
    PUT,
    URI_QUERY,
    ask,
    path,
    values,
)
from signet.client.coap import CoapClient
from signet.client.coap_blocks import download, rest, upload
from signet.client.coap_observe import Observer
from signet.clock import Deadline
from signet.errors import ProtocolError, Untrusted
from signet.net.datagram import UdpChannel
from signet.net.dtls import DtlsChannel
from signet.net.trust import context
from signet.wire import coap

SERVERS = {
    "udp": ("libcoap", "udp"),
    "losing": ("libcoap", "udp", None, "-l", "2-3"),  # of its datagrams; the first is a pong
    "good": ("libcoap", "dtls", "good"),
    "wrong_name": ("libcoap", "dtls", "wrong_name"),
    "wrong_ca": ("libcoap", "dtls", "wrong_ca"),
    "expired": ("libcoap", "dtls", "expired"),
}

_TOKEN, _SEQUENCE, _MESSAGE_ID = 2088, 2089, 2090  # Alibaba's: Elective, Critical, Elective
_BAD_OPTION = 130  # 4.02
_BODY = b"".join([b"line %03d of what was stored\n" % line for line in range(60)])  # 1740 bytes


def _udp(name):
    endpoint = check.server(name)
    if endpoint["missing"]:
        check.skip(endpoint["missing"])
    return UdpChannel(endpoint["host"], endpoint["port"], Deadline(5000))


def _dtls(name):
    below = _udp(name)
    with open(check.server(name)["ca_der"], "rb") as file:
        trust = context(file.read(), datagrams=True)
    return DtlsChannel(below, check.server(name)["name"], trust, 10_000)


def _noted(channel):
    """Returns the list of what is sent through a channel from now on."""
    sent = []
    send = channel.send
    channel.send = lambda datagram, replies: sent.append(bytes(datagram)) or send(datagram)
    return sent


def _client(channel, **arguments):
    client = CoapClient(**arguments)
    client.use(channel)
    return client


def _gets_the_time(client):
    answer = ask(client, GET, "time", ((URI_QUERY, b"ticks"),))
    equal((answer.code, values(answer, CONTENT_FORMAT)), (CONTENT, [b""]))
    assert int(answer.payload) > 1_700_000_000


def _stores_and_fetches(client):
    answer = upload(client, PUT, path("kept"), _BODY, Deadline(9000), 256)
    assert answer.code >> 5 == 2, answer.code
    equal(download(client, path("kept"), Deadline(9000), wanted=128).payload, _BODY)


def test_get():
    _gets_the_time(_client(_udp("udp")))


def test_get_non():
    client = _client(_udp("udp"))
    answer = ask(client, GET, "time", confirmable=False)
    equal((answer.code, answer.type), (CONTENT, NON))


def test_ping():
    client = _client(_udp("udp"))
    client.ping()
    equal(client.poll(5000), ("pong",))


def test_elective_options_of_alibaba_are_passed_over():
    client = _client(_udp("udp"))
    answer = ask(client, GET, "time", ((_TOKEN, b"t" * 32), (_MESSAGE_ID, b"1")))
    equal((answer.code, [number for number, _ in answer.options]), (CONTENT, [12, 14]))


def test_critical_option_of_alibaba_comes_back_in_a_4_02_that_is_understood():
    client = _client(_udp("udp"), known=(_TOKEN, _SEQUENCE, _MESSAGE_ID))
    answer = ask(client, POST, "time", ((_TOKEN, b"t" * 32), (_SEQUENCE, b"s" * 16)), b"report")
    equal(answer.code, 0x82)
    equal(values(answer, _SEQUENCE), [b"s" * 16])


def test_critical_option_that_the_caller_does_not_know_is_refused():
    client = _client(_udp("udp"))
    raises(ProtocolError, ask, client, POST, "time", ((_SEQUENCE, b"s" * 16),), b"report")
    _gets_the_time(client)


def test_separate_response():
    channel = _udp("udp")
    sent = _noted(channel)
    client = _client(channel, ack_timeout_ms=300)  # it would ask again if that went on
    client.request(GET, ((coap.URI_PATH, b"async"), (URI_QUERY, b"1")))
    equal(client.poll(5000), ("acknowledged",))
    event, answer = client.poll(5000)
    equal((event, answer.type, answer.code, answer.payload), ("response", 0, CONTENT, b"done"))
    equal((client.poll(100), len(sent)), (None, 2))  # the request, and an ACK


def test_blocks_both_ways():
    _stores_and_fetches(_client(_udp("udp")))


def test_server_chooses_the_block_size():
    client = _client(_udp("udp"))
    upload(client, PUT, path("chosen"), _BODY, Deadline(9000))
    equal(values(ask(client, GET, "chosen"), BLOCK2), [b"\x0e"])  # NUM 0, M 1, SZX 6
    equal(download(client, path("chosen"), Deadline(9000)).payload, _BODY)


def test_observation_until_deregistered():
    client = _client(_udp("udp"))
    observer = Observer(client, path("time"), Deadline(5000))
    assert observer.active
    texts = [observer.message.payload]
    deadline = Deadline(5000)
    while texts[-1] == texts[0] and not deadline.expired():  # the first may come twice
        message = observer.take(client.poll(deadline.remaining_ms()))
        if message:
            texts.append(message.payload)
    assert texts[0] != texts[-1]
    observer.deregister(Deadline(5000))
    equal((observer.active, client.poll(1200)), (False, None))


def _observed(client, observer):
    """The next state of /example_data, whole."""
    deadline = Deadline(5000)
    while not deadline.expired():
        message = observer.take(client.poll(deadline.remaining_ms()))
        if message:
            return rest(client, path("example_data"), message, deadline).payload
    return None


def test_observation_of_a_resource_that_is_large_then_small_then_large_again():
    other = _client(_udp("udp"))
    client = _client(_udp("udp"))
    observer = Observer(client, path("example_data"), Deadline(5000))
    for body in (_BODY, b"small", _BODY[:1024], _BODY[3:]):
        upload(other, PUT, path("example_data"), body, Deadline(9000))
        equal(_observed(client, observer), body)
    observer.deregister(Deadline(5000))


def test_lost_answer_is_asked_for_again():
    channel = _udp("losing")
    sent = _noted(channel)
    _gets_the_time(_client(channel, ack_timeout_ms=100))
    assert len(sent) > 1
    equal(sent, sent[:1] * len(sent))


def test_get_over_dtls():
    client = _client(_dtls("good"))
    _gets_the_time(client)
    client.close()


def test_blocks_both_ways_over_dtls():
    client = _client(_dtls("good"))
    _stores_and_fetches(client)
    client.close()


def test_critical_option_of_alibaba_over_dtls():
    client = _client(_dtls("good"), known=(_SEQUENCE,))
    answer = ask(client, POST, "time", ((_SEQUENCE, b"s" * 16),), b"report")
    equal(answer.code, 0x82)
    client.close()


def test_observation_over_dtls():
    client = _client(_dtls("good"))
    observer = Observer(client, path("time"), Deadline(5000))
    deadline = Deadline(5000)
    message = None
    while not message and not deadline.expired():
        message = observer.take(client.poll(deadline.remaining_ms()))
    assert message.code == CONTENT and observer.active
    client.close()


def test_certificate_that_is_not_the_right_one_is_refused():
    for name in ("wrong_name", "wrong_ca", "expired"):
        client = _client(_dtls(name))
        raises(Untrusted, ask, client, GET, "time")
        client.close()
