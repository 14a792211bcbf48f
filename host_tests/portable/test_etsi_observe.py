"""Does a CoapClient do what the ETSI CoAP test descriptions TD_COAP_OBS ask of a client?

One test for each description of cabo/td-coap4 block.yml; there is no 03. The server is aiocoap,
and aiocoap reads the datagrams.
"""

from check import equal
from check_coap import (
    ACK,
    CON,
    CONTENT,
    CONTENT_FORMAT,
    GET,
    INTERNAL_SERVER_ERROR,
    NON,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    OBSERVE,
    RST,
    ask,
    begin,
    empty,
    path,
    piggybacked,
    requests,
    seen,
    shown,
    to,
    values,
    works_in_silence,
)
from signet.client.coap import CoapClient
from signet.client.coap_observe import Observer
from signet.clock import Deadline, sleep_ms

SERVERS = {"plugtest": ("coap", "plugtest")}


def _notification(client, observer, timeout_ms=5000):
    """Waits for news; returns the Message, or None."""
    deadline = Deadline(timeout_ms)
    while not deadline.expired():
        message = observer.take(client.poll(deadline.remaining_ms()))
        if message is not None:
            return message
    return None


def _registration(request, reply, where="obs"):
    requests(request, CON, GET, where)
    equal(values(request, OBSERVE), [b""])
    piggybacked(reply, request, CONTENT)
    equal(len(values(reply, OBSERVE)), 1)


def _notified(each, registered, before, kind=CON):
    """Checks a notification; before: the Seen whose Observe value it must surpass."""
    equal((each.sender, each.type, each.code), ("server", kind, CONTENT))
    equal(each.token, registered.token)
    equal(values(each, CONTENT_FORMAT), values(registered, CONTENT_FORMAT))
    assert _number(each) > _number(before)


def _number(each):
    return int.from_bytes(values(each, OBSERVE)[0], "big")


def _observe(where="obs", kind=CON, **arguments):
    """Registers and takes one notification; returns client, observer, and what passed."""
    client = begin(**arguments)
    observer = Observer(client, path(where), Deadline(5000))
    assert observer.active
    registered = observer.message
    to(where, "change")
    message = _notification(client, observer)
    notes = seen(4 if kind == CON else 3)
    _registration(notes[0], notes[1], where)
    shown(registered, notes[1])
    _notified(notes[2], notes[1], notes[1], kind)
    if kind == CON:
        empty(notes[3], "client", ACK, notes[2].message_id)
    shown(message, notes[2])
    return client, observer, notes


def test_TD_COAP_OBS_01_confirmable_notifications():
    client, observer, _ = _observe()
    for count in (6, 8):
        to("obs", "change")
        message = _notification(client, observer)
        notes = seen(count)
        _notified(notes[-2], notes[1], notes[-4])
        empty(notes[-1], "client", ACK, notes[-2].message_id)
        shown(message, notes[-2])


def test_TD_COAP_OBS_02_non_confirmable_notifications():
    client, observer, _ = _observe("obs-non", NON)
    to("obs-non", "change")
    message = _notification(client, observer)
    notes = seen(4)
    _notified(notes[3], notes[1], notes[2], NON)
    shown(message, notes[3])


def test_TD_COAP_OBS_02_non_confirmable_registration():
    client = begin()
    options = list(path("obs-non"))
    options.append((OBSERVE, b""))
    token = client.request(GET, options, confirmable=False)
    client.exchange.observed.append(token)
    first = client.poll(5000)
    to("obs-non", "change")
    second = client.poll(5000)
    request, reply, notified = seen(3)
    requests(request, NON, GET, "obs-non")
    equal(values(request, OBSERVE), [b""])
    equal((reply.type, reply.code, reply.token), (NON, CONTENT, token))
    _notified(notified, reply, reply, NON)
    equal((first[0], second[0]), ("response", "notification"))
    shown(first[1], reply)
    shown(second[1], notified)


def test_TD_COAP_OBS_04_client_registers_again_after_max_age():
    client, observer, before = _observe(max_age=2)
    to("obs", "change")
    _notification(client, observer)
    to("obs", "lose")
    to("obs", "change")
    equal(_notification(client, observer, 100), None)
    assert observer.due_ms() > 0
    sleep_ms(observer.due_ms())
    equal(observer.due_ms(), 0)
    observer.refresh(Deadline(5000))
    request, reply = seen(8, 6)
    _registration(request, reply)
    equal(request.token, before[0].token)
    # the number of a server that lost everything begins anew; this is what the resource is now
    assert _number(reply) < _number(seen(8, 4)[0])
    shown(observer.message, reply)
    assert observer.active and observer.due_ms() > 0
    to("obs", "change")
    message = _notification(client, observer)
    notes = seen(10)
    _notified(notes[8], reply, reply)
    empty(notes[9], "client", ACK, notes[8].message_id)
    shown(message, notes[8])


def test_TD_COAP_OBS_05_client_that_is_switched_off_says_nothing():
    client, _, _ = _observe("obs-hasty")
    client.close()
    to("obs-hasty", "change")
    deadline = Deadline(5000)
    while to("obs-hasty", "observers") and not deadline.expired():
        sleep_ms(50)
    for each in seen(7, 4):
        equal((each.sender, each.type), ("server", CON))


def test_TD_COAP_OBS_06_rebooted_client_rejects_what_it_does_not_know():
    client, _, before = _observe()
    rebooted = CoapClient()
    rebooted.use(client.channel)
    to("obs", "change")
    works_in_silence(rebooted, 6)
    notified, rejected = seen(6, 4)
    _notified(notified, before[1], before[2])
    empty(rejected, "client", RST, notified.message_id)
    equal(to("obs", "observers"), 0)
    to("obs", "change")
    equal(rebooted.poll(200), None)
    seen(6)


def test_TD_COAP_OBS_06_client_forgets_an_observation():
    client, observer, _ = _observe("obs-non", NON)
    observer.forget()
    to("obs-non", "change")
    works_in_silence(client, 5)
    notified, rejected = seen(5, 3)
    empty(rejected, "client", RST, notified.message_id)


def _ended(code):
    client, observer, before = _observe()
    to("obs", "end", code=code)
    message = _notification(client, observer)
    notified, acknowledged = seen(6, 4)
    equal((notified.type, notified.code, notified.token), (CON, code, before[0].token))
    equal(values(notified, OBSERVE), [])
    empty(acknowledged, "client", ACK, notified.message_id)
    shown(message, notified)
    assert not observer.active
    to("obs", "change")
    equal(_notification(client, observer, 200), None)
    seen(6)


def test_TD_COAP_OBS_07_resource_is_deleted():
    _ended(NOT_FOUND)


def test_TD_COAP_OBS_08_content_format_changes():
    _ended(NOT_ACCEPTABLE)


def test_TD_COAP_OBS_08_content_format_changes_in_another_edition():
    _ended(INTERNAL_SERVER_ERROR)


def test_TD_COAP_OBS_09_resource_is_updated():
    client, observer, before = _observe()
    to("obs", "change", body="as somebody else wants it")
    message = _notification(client, observer)
    notified, acknowledged = seen(6, 4)
    _notified(notified, before[1], before[2])
    empty(acknowledged, "client", ACK, notified.message_id)
    shown(message, notified)
    equal(message.payload, b"as somebody else wants it")


def test_TD_COAP_OBS_10_get_does_not_cancel():
    client, observer, before = _observe()
    answer = ask(client, GET, "obs")
    request, reply = seen(6, 4)
    requests(request, CON, GET, "obs")
    assert request.token != before[0].token
    piggybacked(reply, request, CONTENT)
    equal((values(request, OBSERVE), values(reply, OBSERVE)), ([], []))
    shown(answer, reply)
    to("obs", "change")
    message = _notification(client, observer)
    notified, acknowledged = seen(8, 6)
    _notified(notified, before[1], before[2])
    empty(acknowledged, "client", ACK, notified.message_id)
    shown(message, notified)


def test_TD_COAP_OBS_11_lost_notification():
    client, observer, _ = _observe(lose={"server": [2]})
    to("obs", "change")
    message = _notification(client, observer)
    lost, again, acknowledged = seen(7, 4)
    assert lost.lost
    equal(again[2:], lost[2:])
    empty(acknowledged, "client", ACK, again.message_id)
    shown(message, again)


def test_TD_COAP_OBS_11_lost_acknowledgement():
    client, observer, _ = _observe(lose={"client": [2]})
    to("obs", "change")
    message = _notification(client, observer)
    works_in_silence(client, 8)  # shown once, acknowledged twice
    notified, lost, again, acknowledged = seen(8, 4)
    assert lost.lost
    equal(again, notified)
    empty(acknowledged, "client", ACK, again.message_id)
    shown(message, notified)


def test_TD_COAP_OBS_12_get_with_observe_1_cancels():
    client, observer, before = _observe()
    observer.deregister(Deadline(5000))
    request, reply = seen(6, 4)
    requests(request, CON, GET, "obs")
    equal((request.token, values(request, OBSERVE)), (before[0].token, [b"\1"]))
    piggybacked(reply, request, CONTENT)
    equal(values(reply, OBSERVE), [])
    equal(to("obs", "observers"), 0)
    to("obs", "change")
    equal(_notification(client, observer, 200), None)
    seen(6)
