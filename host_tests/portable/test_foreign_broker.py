"""Does our MQTT client work with a broker that others wrote?  Plain mosquitto, password file."""

import check
from check_mqtt import connect
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.errors import Lost, Refused
from signet.net.stream import TcpChannel
from signet.net.umqtt_stream import Stream

PROOF = ("test_a_client_that_only_waits_stays_connected",)
SERVERS = {"broker": ("mosquitto",)}


def _client(client_id, password=None, **options):
    end = check.server("broker")
    return MQTTClient(client_id, end["user"], password or end["password"], **options)


def _connect(client):
    end = check.server("broker")
    return connect(client, Stream(TcpChannel(end["host"], end["port"], clock.Deadline(3000))))


def _connected(client_id, **options):
    client = _client(client_id, **options)
    _connect(client)
    return client


def _next(client):
    event = client.poll(5000)
    assert event is not None, "nothing came"
    return event


def _subscribe(client, topic):
    client.subscribe(topic, 1)
    check.equal(_next(client), ("subscribed", [topic.encode()]))


def test_a_wrong_password_is_refused():
    error = check.raises(Refused, _connect, _client("c", "wrong"))
    assert error.code == 5 and "wrong" not in str(error)  # mosquitto answers 5


def test_qos_0_and_1_arrive():
    hears, says = _connected("hears"), _connected("says")
    _subscribe(hears, "t/+")
    says.publish("t/0", "zero")
    assert says.publish("t/\xfc", "\xe9ins", qos=1) == 1
    assert _next(says) == ("acked", 1)
    assert _next(hears) == ("message", b"t/0", b"zero", False)
    assert _next(hears) == ("message", "t/\xfc".encode(), "\xe9ins".encode(), False)
    hears.disconnect()
    says.disconnect()


def test_a_window_of_messages_is_acknowledged_in_order():
    client = _connected("window", window=8)
    ids = [client.publish("w", str(i), qos=1) for i in range(8)]
    assert [_next(client)[1] for _ in ids] == ids
    client.disconnect()


def test_a_retained_message_greets_the_subscriber():
    says = _connected("keeps")
    says.publish("kept/here", "still", retain=True, qos=1)
    _next(says)
    hears = _connected("greeted")
    _subscribe(hears, "kept/#")
    assert _next(hears) == ("message", b"kept/here", b"still", True)
    hears.disconnect()
    says.disconnect()


def test_the_will_is_published_when_the_client_vanishes_and_only_then():
    hears = _connected("heir")
    _subscribe(hears, "will/#")
    polite = _client("polite")
    polite.set_last_will("will/polite", "gone", qos=1)
    _connect(polite)
    polite.disconnect()
    vanishes = _client("vanishes")
    vanishes.set_last_will("will/vanishes", "gone", qos=1)
    _connect(vanishes)
    vanishes.close()
    assert _next(hears) == ("message", b"will/vanishes", b"gone", False)
    hears.disconnect()


def test_a_persistent_session_keeps_what_came_meanwhile():
    client = _client("durable", clean_session=False)
    client.subscribe("meanwhile", 1)
    assert _connect(client) is False
    client.close()
    says = _connected("says2")
    says.publish("meanwhile", "1", qos=1)
    _next(says)
    says.disconnect()
    assert _connect(client) is True
    events = [_next(client), _next(client)]
    assert ("message", b"meanwhile", b"1", False) in events
    client.disconnect()


def test_a_long_queue_that_comes_before_the_suback_is_heard_whole():
    client = _client("long", clean_session=False)
    client.subscribe("queue", 1)
    _connect(client)
    client.poll(200)
    client.close()
    says = _connected("fills", window=30)
    for number in range(60):
        says.publish("queue", str(number), qos=1)
        _next(says)
    says.disconnect()
    _connect(client)
    events = [_next(client) for _ in range(61)]
    numbers = [int(event[2]) for event in events if event[0] == "message"]
    assert numbers == list(range(60))
    client.disconnect()


def test_a_second_client_of_the_same_id_throws_out_the_first():
    first = _connected("twin")
    second = _connected("twin")
    check.raises(Lost, first.poll, 5000)
    second.publish("t", b"", qos=1)
    assert _next(second)[0] == "acked"
    second.disconnect()


def test_a_client_that_only_waits_stays_connected():
    client = _connected("quiet", keepalive_s=1)
    client.poll(2500)  # mosquitto hangs up after one and a half times the keepalive
    client.publish("t", b"", qos=1)
    assert _next(client)[0] == "acked"
    client.disconnect()


def test_kilobytes_go_through_both_ways():
    client = _connected("large", max_packet_bytes=6000)
    _subscribe(client, "large")
    client.publish("large", b"x" * 5000, qos=1)
    events = [_next(client), _next(client)]
    assert ("message", b"large", b"x" * 5000, False) in events
    client.disconnect()
