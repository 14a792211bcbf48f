"""Does MQTT go over WebSocket to brokers that others wrote?  mosquitto, and `websockets`."""

import check
from check_mqtt import connect
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.cloud import dial
from signet.errors import Lost, Refused
from signet.net.trust import context

PROOF = ("test_a_client_that_only_waits_stays_connected",)
SERVERS = {
    "broker": ("mosquitto", "websockets"),
    "safe": ("mosquitto", "websockets", "good"),
    "fragments": ("websockets", "mqtt_fragments"),
    "secure_fragments": ("wss", "good", "mqtt_fragments"),
    "plain": ("mosquitto",),
}


def _connected(name, client_id, password="pass", **options):
    end = check.server(name)
    trust = None
    if "ca" in end:
        with open(end["ca"], "rb") as file:
            trust = context(file.read())
    client = MQTTClient(**options)
    config = {
        "host": "good.test",
        "address": end["host"],
        "port": end["port"],
        "trust": trust,
        "websocket": True,
    }
    channel = dial.connect(config, clock.Deadline(5000))
    connect(client, channel, (client_id, "user", password))
    return client


def _next(client):
    event = client.poll(5000)
    assert event is not None, "nothing came"
    return event


def _there_and_back(name):
    client = _connected(name, "there-and-back")
    client.subscribe(["t/1"])
    packet_id = client.publish("t/1", b"21.5")
    events = [_next(client), _next(client)]
    assert ("acked", packet_id, None) in events
    assert ("message", b"t/1", b"21.5") in events
    client.disconnect()


def _kilobytes(name):
    client = _connected(name, "kilobytes", max_packet_bytes=5000)
    client.subscribe(["t/4k"])
    packet_id = client.publish("t/4k", bytes(range(256)) * 16)
    events = [_next(client), _next(client)]
    assert ("acked", packet_id, None) in events
    payload = events[events[0][0] == "acked"][2]
    check.equal(len(payload), 4096)
    for at in range(0, 4096, 256):
        assert payload[at : at + 256] == bytes(range(256))
    client.disconnect()


def test_a_message_goes_to_mosquitto_and_comes_back():
    _there_and_back("broker")


def test_4_kilobytes_go_to_mosquitto_and_come_back():
    _kilobytes("broker")


def test_a_message_goes_to_mosquitto_over_tls_and_comes_back():
    _there_and_back("safe")


def test_4_kilobytes_go_to_mosquitto_over_tls_and_come_back():
    _kilobytes("safe")


def test_mosquitto_refuses_a_wrong_password():
    assert check.raises(Refused, _connected, "broker", "c", "wrong").code == 5


def test_a_client_that_only_waits_stays_connected():
    client = _connected("broker", "quiet", keepalive_s=1)
    check.equal(
        [_next(client) for _ in range(3)], [("alive",)] * 3
    )  # mosquitto hangs up after 1.5 s
    client.publish("t", b"")
    assert _next(client)[0] == "acked"
    client.disconnect()


def test_a_port_that_speaks_plain_mqtt_says_so():
    error = check.raises(Lost, _connected, "plain", "c")
    assert "is this a WebSocket port?" in str(error)


def _publish_in_fragments(name):
    client = _connected(name, "fragments")
    for number in range(3):
        packet_id = client.publish("t", b"%d" % number)
        assert _next(client) == ("acked", packet_id, None)
    client.disconnect()


def test_answers_in_fragments_of_a_byte_with_pings_between_are_understood():
    _publish_in_fragments("fragments")


def test_and_so_they_are_over_tls():
    _publish_in_fragments("secure_fragments")
