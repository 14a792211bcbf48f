"""Does a session's poll end by its deadline when messages flood that mean nothing to it?

Packets are written out by hand from MQTT 3.1.1 section 3.3.
"""

from check_flood import CONNACK, Flood, ends
from signet.cloud import mqtt_session
from signet.cloud.watson.mqtt import _Dialect
from signet.net.umqtt_stream import Stream

_JUNK = b"\x30\x06\0\x04junk"


def _session(flood, log):
    config = {
        "cloud": "watson",
        "org_id": "myorg1",
        "type_id": "t",
        "device_id": "d",
        "token": "s3cr3t",
        "window": 2,
        "keepalive_s": 60,
        "clean_session": True,
    }
    session = mqtt_session.MqttSession(config, _Dialect({"org_id": "o", "event": "e"}), log)
    session._client.begin(Stream(flood))
    assert session.poll(100) == ("opened",)
    return session


def test_a_poll_ends_in_a_flood_of_messages_that_mean_nothing():
    flood = Flood(CONNACK, _JUNK)
    ends(flood, _session(flood, None).poll)


def test_a_poll_ends_in_a_flood_of_messages_that_cannot_be_understood():
    flood = Flood(CONNACK, b"\x30\x17\0\x14iot-2/cmd/a/fmt/json{")
    ends(flood, _session(flood, lambda line: None).poll)
