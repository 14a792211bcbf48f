"""Does every session keep cloud/session.py's contract, whatever the cloud and the way in?

One table of ways, and the same checks for all.  See check_session.py.
"""

import check
import check_far as far
from check_contract import forget, places, starved
from check_session import Session
from check_sockets import OF_DATAGRAMS, TROUBLES, floods

HEAP = "220k"
LINKED = {
    "alibaba mqtt": {"cloud": "alibaba", "way": "mqtt", "tls": False},
    "enos mqtt": {"cloud": "enos", "way": "mqtt", "tls": False},
    "azure mqtts": {"cloud": "azure", "way": "mqtt"},
    "broker mqtt": {"cloud": "broker", "way": "mqtt", "tls": False},
    "watson mqtts": {"cloud": "watson", "way": "mqtt"},
    "watson wss": {"cloud": "watson", "way": "mqtt", "websocket": True},
    "watson https": {"cloud": "watson", "way": "http"},
    "alibaba https": {"cloud": "alibaba", "way": "http"},
    "alibaba coap": {"cloud": "alibaba", "way": "coap", "tls": False},
    "alibaba coaps": {"cloud": "alibaba", "way": "coap", "tls": True},
}
SERVERS = {
    "mqtt": ("tls", "good", "mqtt"),
    "wss": ("wss", "good", "mqtt"),
    # To whatever is asked: Alibaba's answer to /auth.
    "coap": (
        "dtls",
        "good",
        [
            ("datagram",),
            ("send", "6445{mid}{token}ff7b22746f6b656e223a2274306b336e227d"),
            ("again",),
        ],
    ),
    "http": (
        "tls",
        "good",
        [
            ("request",),
            (
                "send_text",
                'HTTP/1.1 200 Ok\r\nContent-Length: 35\r\n\r\n{"code":0,"info":{"token":"t0k3n"}}',
            ),
            ("again",),
        ],
    ),
}

_WATSON = {"cloud": "watson", "org_id": "myorg1", "token": "s3cr3t", "insecure": True}
_DEVICE = {"type_id": "t", "device_id": "d"}
_ALIBABA = {"product_key": "pk", "device_name": "dn", "device_secret": "s3cr3t"}
_ENOS = {"cloud": "enos", "product_key": "pk", "device_key": "dk", "device_secret": "s3cr3t"}
_AZURE = {
    "cloud": "azure",
    "device_id": "d",
    "device_key": "s3cr3tkeys3cr3tkeys3crE=",
    "tls": True,
}
_BROKER = {"cloud": "broker", "client_id": "c", "insecure": True, "retain": True}
_BY_DPS = {"device_id": None, "id_scope": "0ne0", "registration_id": "r"}
_ASKS = {"way": "http", "command_poll_s": 5}
_COAP = {"way": "coap", "ack_timeout_ms": 500, "max_retransmit": 1}


def _web():
    return far.Web(far.Broker())


# A way in, what its device.json says, and what is behind: a far side, or the name of a server.
# Then the topic of a command, or what an application hears, where one can come.
_WAYS = (
    ("alibaba mqtt", (_ALIBABA, {"insecure": True}), far.Thing, "/sys/pk/dn/thing/service/go"),
    ("enos mqtt", (_ENOS,), far.Thing, "/sys/pk/dk/thing/service/go"),
    (
        "broker mqtt",
        (_BROKER, {"will_topic": "gone", "answer_topic": "{name}_reply"}),
        far.Plain,
        "signet/c/command/go",
    ),
    ("broker qos 0", (_BROKER, {"qos": 0, "retain": False}), far.Plain, None),
    ("watson mqtt", (_WATSON, _DEVICE), far.Broker, "iot-2/cmd/go/fmt/json"),
    (
        "watson gateway",
        (_WATSON, _DEVICE, {"role": "gateway"}),
        far.Broker,
        "iot-2/type/a/id/b/cmd/go/fmt/json",
    ),
    (
        "watson application",
        (_WATSON, {"role": "application", "app_id": "a", "api_key": "a-myorg1-k"}),
        far.Broker,
        "iot-2/type/a/id/b/evt/go/fmt/json",
    ),
    ("azure mqtt", (_AZURE,), far.Azure, "$iothub/methods/POST/go/?$rid=1"),
    ("azure dps", (_AZURE, _BY_DPS), far.Azure, None),
    ("azure mqtts", (_AZURE,), "mqtt", None),
    ("watson mqtts", (_WATSON, _DEVICE), "mqtt", None),
    ("watson ws", (_WATSON, _DEVICE, {"websocket": True}), _web, "iot-2/cmd/go/fmt/json"),
    ("watson wss", (_WATSON, _DEVICE, {"websocket": True}), "wss", None),
    ("watson http", (_WATSON, _DEVICE, _ASKS), far.WatsonHttp, "go"),
    ("watson https", (_WATSON, _DEVICE, {"way": "http"}), "http", None),
    ("alibaba https", (_ALIBABA, {"way": "http"}), "http", None),
    ("alibaba http", (_ALIBABA, {"way": "http", "tls": True}), far.AlibabaHttp, None),
    ("alibaba coap", (_ALIBABA, _COAP), far.Coap, None),
    ("alibaba coaps", (_ALIBABA, _COAP), "coap", None),
)

_MANY = 1 << 20


def _ways():
    for row in _WAYS if check.DTLS else _WAYS[:-1]:
        if check.way() in ("", row[0]):
            yield row
            forget()


def test_it_opens_in_poll_and_tells_of_a_report():
    for row in _ways():
        with Session(*row) as it:
            assert not it.submits(1), it.name + " takes a report before begin"
            it.begin()
            assert not it.submits(1), it.name + " takes a report before it is open"
            it.until("opened")
            for key in range(3):
                it.reports(key)
            it.closes()


def test_busy_and_readable_say_when_there_is_something_to_do():
    for row in _ways():
        with Session(*row) as it:
            it.opens(wait=it.asleep)
            began = it.world.now()
            it.submits(1)
            it.until("acked", wait=it.asleep)
            longest_ms = 5000 if it.world.is_real else 500  # a machine may be busy
            assert it.world.now() - began < longest_ms, it.name
            for _ in range(20):
                it.step()
            assert not it.session.busy, it.name + " is busy with nothing"
            assert it.session.readable() in it.world.sockets, it.name


def test_a_window_is_kept_and_a_key_in_flight_goes_once():
    for row in _ways():
        with Session(*row) as it:
            it.opens()
            if not it.world.fars or it.values.get("qos") == 0:
                continue  # a real server tells nobody what it has heard; at QoS 0 nothing waits
            it.world.fars[-1].answers = False
            window = it.session.window
            for key in range(window):
                assert it.submits(key)
            assert not it.submits(window), it.name
            for key in range(window):
                assert it.submits(key), it.name + " does not know a key in flight"
            it.poll(100)
            check.equal(len(it.world.fars[-1].reports), window, it.name)
            it.world.sockets[-1].spoil("silence")
            it.until("lost")
            check.equal(it.keys, it.left, it.name)
            assert not it.submits(window), it.name + " takes a report when it is lost"
            it.works(*range(window))


def test_what_is_not_answered_is_told_of_and_by_mqtt_costs_that_report_only():
    for row in _ways():
        with Session(*row) as it:
            it.opens()
            if not it.world.fars or it.values.get("qos") == 0:
                continue
            it.world.fars[-1].answers = False
            it.submits(1)
            event = it.until("failed", "lost")
            if row[2] in (far.Broker, far.Plain, far.Thing, far.Azure, _web):
                check.equal(event[:2], ("failed", 1), it.name)
            assert 1 in it.keys or event[1] == 1, it.name
            if it.state == "open":
                it.world.fars[-1].answers = True
                it.reports(2, 1)


def test_it_may_be_closed_in_every_state_and_begun_again():
    for row in _ways():
        with Session(*row) as it:
            it.closes()
            it.begin()
            steps = 0
            while it.state != "open":
                assert (it.step() or it.poll(50) or ("",))[0] != "lost", it.name
                steps += 1
            it.closes()
            for most in range(steps + 1):
                it.begin()
                for _ in range(most):
                    it.step() or it.poll(50)
                it.closes()
            it.opens()
            it.submits(1)
            it.closes()
            it.works()


def test_whatever_the_peer_does_it_opens_or_is_lost_in_time():
    for row in _ways():
        with Session(*row) as it:
            it.opens()
            it.reports(1)
            heard = it.world.heard
        for kind in TROUBLES if it.is_stream else OF_DATAGRAMS:
            for at in places(heard, 10 if it.world.is_real or kind == "flood" else 20):
                call_ms = 10 if kind in ("flood", "foreign") else 1
                with Session(*row, trouble=(kind, at), call_ms=call_ms) as it:
                    outcome = it.lives()
                    if kind in ("drip", "narrow"):
                        check.equal(outcome, "acked", (it.name, kind, at))
                    it.closes()
                    it.works()


def test_a_server_that_is_unknown_refuses_or_never_answers_is_lost():
    for row in _ways():
        for state in "unknown", "refused", "never":
            with Session(*row, connects=state) as it:
                if it.is_stream or state == "unknown":
                    check.equal(it.lives(), "lost", (it.name, state))
                    check.equal(it.keys, [], it.name + " names what was never sent")
                    it.closes()
                it.works()


def test_a_poll_ends_by_its_time_in_silence_and_in_any_flood():
    for row in _ways():
        _ends_by_its_time(row, "silence")
        for flood in floods(row[2]() if callable(row[2]) else {}):
            _ends_by_its_time(row, "flood", flood)


def _ends_by_its_time(row, kind, flood=None):
    with Session(*row) as it:
        it.opens()
        it.reports(1)
        it.world.idle, it.world.flood = True, flood
        it.world.step_calls = 130  # a large message is read away in up to 64 pieces
        it.world.sockets[-1].spoil(kind)
        for ms in 0, 7, 1234:
            it.poll(ms)
        it.closes()


def test_a_cloud_that_says_no_is_told_with_what_to_do_next():
    for row in _ways():
        for refuses, error in ("identity", "Refused"), ("now", "Throttled"):
            if callable(row[2]):
                with Session(*row, refuses=refuses) as it:
                    assert it.lives() != "acked", it.name
                    check.equal(type(it.error).__name__, error, it.name)
                    it.world.refuses = None
                    it.works()


def test_a_command_is_told_once_and_its_answer_goes_as_a_report():
    for row in _ways():
        with Session(*row) as it:
            if not it.topic:
                continue
            it.opens()
            it.reports(1)
            behind = it.world.fars[-1]
            it.world.sockets[-1].push(behind.command(it.topic))
            command = it.until("command")[1]
            check.equal(command.name, "go")
            answer = it.call(it.session.answer, command, {})
            assert it.poll(100) is None, "told twice"
            check.equal(answer is not None, behind.replies, it.name)
            if answer:
                it.submits(-1, answer)
                it.until("acked")
                check.equal(len(behind.said), 1, it.name)


def test_memory_may_run_out_at_each_call_of_a_socket():
    for row in _ways():
        with Session(*row, failing=_MANY) as it:
            check.equal(it.lives(), "acked", it.name)
            calls = _MANY - it.world.failing
        for failing in places(calls, 15 if it.world.is_real else 60):
            with Session(*row, failing=failing + 1) as it:
                it.lives()
                it.closes()
                it.works()


def test_memory_may_run_out_anywhere():
    if not check.MICROPYTHON:
        check.skip("its heap has no end")
    for row in _ways():
        for blocks in places(120, 40 if callable(row[2]) else 10):
            with Session(*row) as it:
                _starves(it, blocks)
                it.closes()
                try:
                    it.works()
                except MemoryError:  # what filled the heap may be seen on the stack, once
                    it.closes()
                    it.works()


def _starves(it, blocks):
    """Opens and reports in a heap with so many free blocks; what is heard is judged after.

    Where memory ends before a module is made, its name stays in sys.modules with nothing behind
    it, and MicroPython 1.25 crashes at the next import of it (mp_obj_new_module in
    py/objmodule.c), unless modules.py has taken it out.
    """
    try:
        starved(blocks, it.begin)
    except MemoryError:
        return
    it.heard(starved(blocks, _polls, it.session))
    if it.state == "open":
        it.submits(1)
        it.heard(starved(blocks, _polls, it.session))


def _polls(session):
    for _ in range(30):
        event = session.poll(0)
        if event is not None:
            return event
    return None
