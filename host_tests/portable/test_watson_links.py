"""Do a gateway and an application of Watson hear each other through mosquitto?

mosquitto does not know Watson's user names: a login that it knows is put in their place.
"""

import check
from check_mqtt import connect
from check_watson_links import Program
from signet import clock
from signet.client.mqtt import MQTTClient
from signet.cloud import mqtt_session
from signet.cloud.watson import application
from signet.net.stream import TcpChannel

SERVERS = {"broker": ("mosquitto",)}

_METER = ("m", "1")


class _Client(MQTTClient):
    def begin(self, channel, login):
        end = check.server("broker")
        super().begin(channel, (login[0], end["user"], end["password"]))


def _in_mosquitto(role="gateway", **changes):
    """A program whose login is one that mosquitto knows."""
    mqtt_session.MQTTClient = _Client
    program = Program("broker", role, **changes)
    program.logs("connected")
    program.link.poll(100)  # SUBACK
    return program


def _publish(topic, payload):
    """Somebody else's message, acknowledged by mosquitto."""
    end = check.server("broker")
    client = MQTTClient()
    channel = TcpChannel(end["host"], end["port"], clock.Deadline(3000))
    connect(client, channel, ("somebody", end["user"], end["password"]))
    client.publish(topic, payload)
    assert client.poll(5000)[0] == "acked"
    client.disconnect()


def test_what_a_gateway_reports_for_itself_and_another_an_application_hears():
    hears, says = _in_mosquitto("application"), _in_mosquitto()
    says.link.report({"t": 1})
    says.link.report({"t": 2}, event="alarm", device=_METER)
    says.logs("report 2 stored")
    hears.hears(2)
    check.equal(
        [(each.kind, each.name, each.device, each.data["d"]) for each in hears.heard],
        [("event", "status", ("r", "g"), {"t": 1}), ("event", "alarm", _METER, {"t": 2})],
    )
    hears.link.close()
    says.link.close()


def test_an_application_s_commands_reach_the_gateway_and_the_devices_behind_it():
    hears, says = _in_mosquitto(), _in_mosquitto("application")
    for device, expected in ((("r", "g"), None), (_METER, _METER)):
        says.link.report(*application.command(device[0], device[1], "set", {"led": 1}))
    says.logs("report 2 stored")
    hears.hears(2)
    check.equal(
        [(each.kind, each.name, each.device, each.data) for each in hears.heard],
        [("command", "set", None, {"led": 1}), ("command", "set", _METER, {"led": 1})],
    )
    hears.link.close()
    says.link.close()


def test_an_application_hears_events_commands_and_status_that_it_subscribes_to():
    program = _in_mosquitto(
        "application",
        subscribe=[
            "iot-2/type/+/id/+/cmd/+/fmt/+",
            "iot-2/type/+/id/+/mon",
            "iot-2/app/+/mon",
        ],
    )
    for topic, payload, expected in (
        ("iot-2/type/m/id/1/cmd/go/fmt/text", b"on", ("command", "go", _METER, b"on")),
        (
            "iot-2/type/m/id/1/mon",
            b'{"Action":"Connect"}',
            ("status", "Connect", _METER, {"Action": "Connect"}),
        ),
        (
            "iot-2/app/other/mon",
            b'{"Action":"Disconnect"}',
            ("status", "Disconnect", (None, "other"), {"Action": "Disconnect"}),
        ),
    ):
        count = len(program.heard)
        _publish(topic, payload)
        check.equal(program.hears(count + 1), expected)
    program.link.close()


def test_a_notice_of_what_is_no_longer_in_flight_is_a_line_of_the_log():
    program = _in_mosquitto()
    _publish(
        "iot-2/type/r/id/g/notify",
        b'{"Request":"Subscribe","Topic":"iot-2/x","RC":276,"Message":"The topic is not valid"}',
    )
    program.logs("Subscribe refused: iot-2/x: RC 276: The topic is not valid")
    check.equal(program.heard, [])
    program.link.close()
