"""Does our MQTT client work with brokers that others wrote?  Plain mosquitto, and amqtt."""

import check
from check_mqtt import connect
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.errors import Lost, Refused
from signet.net.stream import TcpChannel

PROOF = ("test_a_client_that_only_waits_stays_connected",)
SERVERS = {"mosquitto": ("mosquitto",), "amqtt": ("amqtt",)}


def _connect(client, broker, client_id, password=None):
    end = check.server(broker)
    channel = TcpChannel(end["host"], end["port"], clock.Deadline(3000))
    return connect(client, channel, (client_id, end["user"], password or end["password"]))


def _connected(broker, client_id, **options):
    client = MQTTClient(**options)
    _connect(client, broker, client_id)
    return client


def _next(client):
    event = client.poll(5000)
    assert event is not None, "nothing came"
    return event


def _subscribe(client, topic):
    client.subscribe([topic])
    assert client.poll(100) is None  # SUBACK


def test_a_wrong_password_is_refused():
    for broker in SERVERS:
        error = check.raises(Refused, _connect, MQTTClient(), broker, "c", "wrong")
        assert error.code == 5 and "wrong" not in str(error)  # both answer 5


def test_what_is_published_arrives():
    for broker in SERVERS:
        hears, says = _connected(broker, "hears"), _connected(broker, "says")
        _subscribe(hears, "t/+")
        assert says.publish("t/\xfc", "\xe9ins".encode()) == 1
        assert _next(says) == ("acked", 1, None)
        assert _next(hears) == ("message", "t/\xfc".encode(), "\xe9ins".encode())
        hears.disconnect()
        says.disconnect()


def test_a_window_of_messages_is_acknowledged_in_order():
    for broker in SERVERS:
        client = _connected(broker, "window")
        ids = [client.publish("w", b"%d" % i) for i in range(8)]
        assert [_next(client)[1] for _ in ids] == ids
        client.disconnect()


def test_a_persistent_session_keeps_what_came_meanwhile():
    for broker in SERVERS:
        client = MQTTClient(clean_session=False)
        assert _connect(client, broker, "durable") is False
        _subscribe(client, "meanwhile")
        client.close()
        says = _connected(broker, "says2")
        says.publish("meanwhile", b"1")
        _next(says)
        says.disconnect()
        assert _connect(client, broker, "durable") is True
        assert _next(client) == ("message", b"meanwhile", b"1")
        client.disconnect()


def test_a_long_queue_that_comes_before_the_suback_is_heard_whole():
    for broker in SERVERS:
        client = MQTTClient(clean_session=False)
        _connect(client, broker, "long")
        _subscribe(client, "queue")
        client.close()
        says = _connected(broker, "fills")
        for number in range(60):
            says.publish("queue", b"%d" % number)
            _next(says)
        says.disconnect()
        _connect(client, broker, "long")
        client.subscribe(["queue"])
        assert [int(_next(client)[2]) for _ in range(60)] == list(range(60))
        client.disconnect()


def test_a_second_client_of_the_same_id_throws_out_the_first():
    # amqtt lets both be, against MQTT-3.1.4-2
    first = _connected("mosquitto", "twin")
    second = _connected("mosquitto", "twin")
    check.raises(Lost, first.poll, 5000)
    second.publish("t", b"")
    assert _next(second)[0] == "acked"
    second.disconnect()


def test_a_client_that_only_waits_stays_connected():
    for broker in SERVERS:
        client = _connected(broker, "quiet", keepalive_s=1)
        check.equal(
            [_next(client) for _ in range(3)], [("alive",)] * 3
        )  # mosquitto hangs up after one and a half times the keepalive
        client.publish("t", b"")
        assert _next(client)[0] == "acked"
        client.disconnect()


def test_kilobytes_go_through_both_ways():
    for broker in SERVERS:
        client = _connected(broker, "large", max_packet_bytes=6000)
        _subscribe(client, "large")
        client.publish("large", b"x" * 5000)
        events = [_next(client), _next(client)]
        assert ("message", b"large", b"x" * 5000) in events
        client.disconnect()
