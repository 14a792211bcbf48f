"""Which sentences has Watson's "Connecting applications, devices, and gateways using the API"?"""

import json
from collections.abc import Sequence

from host_tests.audit.board import board, sends
from host_tests.audit.command import port, shown_connected, signet
from host_tests.audit.mqtt import Connection, evicts, mosquitto, mqtt, sdk
from host_tests.audit.place import Place
from host_tests.audit.row import Probe, decided, row
from host_tests.audit.tls import called, handshake, suite
from host_tests.audit.web import event
from host_tests.suites import HTTP_SUITES, MQTT_SUITES

DOCUMENT = "Watson connecting"


_USER, _TOKEN = "use-token-auth", "token-of-devid"
_KEY, _KEY_TOKEN = "a-orgId1-a84ps90Ajs", "MP$08VKz!8rXwnR-Q*"
_DEVICE = "d:orgId1:devtype:devid"
_GATEWAY = "g:orgId1:typeId:deviceId"
_EVENT = ("iot-2/evt/status/fmt/json", b'{"d": {"t": 21.5}}')
_EVERY = "report 1 stored.*"
_API = "https://{}/api/v0002/device/types/devtype/devices/devid/events/status"
_REST = _API.format("orgId1.internetofthings.ibmcloud.com")
_MESSAGING = _API.format("orgId1.messaging.internetofthings.ibmcloud.com")
_QUICKSTART = "quickstart.messaging.internetofthings.ibmcloud.com"


def _plain(client: str = _DEVICE, user: str | None = _USER, password: str = _TOKEN) -> Probe:
    return mosquitto("watson", client, user, password)


def _application(client: str, user: str | None = _KEY, password: str = _KEY_TOKEN) -> Probe:
    return mosquitto("watson", client, user, password)


def _sealed(way: str, client: str = _DEVICE, user: str = _USER, token: str = _TOKEN) -> Probe:
    publish = _EVENT if client == _DEVICE else None
    return mqtt("watson", client, user, token, way, publish=publish)


def _made_key(place: Place) -> str:
    """An API key that `signet twin device add` has made, and the answer to its login."""
    made = str(signet("twin device add watson orgId1 --application").ask(place))
    if not made.startswith("0 "):
        return made
    key = json.loads(made[2:])
    identity = ("a:orgId1:fresh", key["api_key"], key["token"])
    with Connection(place, "watson", *identity) as application:
        return f"{key['api_key']} {application.answer}"


def _agreed(way: str, suites: Sequence[str]) -> Probe:
    """ "all" when the board reports over each suite, offered alone; else those that it cannot."""

    def ask(place: Place) -> str:
        lacking = []
        for name in suites:
            place.twin.fault("tls", cloud="watson", suites=called(place, name))
            said = str(board("watson", way).ask(place))
            lacking += [] if said.startswith("report 1 stored") else [name]
        place.twin.fault("tls", cloud="watson")
        return ", ".join(lacking) or "all"

    return Probe("board, i386", ask)


def _presence(place: Place) -> str:
    """Of whom an application hears a status, when a gateway reports for itself and another."""
    with Connection(place, "watson", "a:orgId1:watch", _KEY, _KEY_TOKEN) as application:
        with Connection(place, "watson", _GATEWAY, _USER, "token-of-gateway") as gateway:
            gateway.publish("iot-2/type/sensor/id/s-1/evt/status/fmt/json", b"{}")
        application.subscribe("iot-2/type/+/id/+/mon")
        return ", ".join(sorted(set(application.hears())))


_APPLICATION = {
    "role": "application",
    "app_id": "my",
    "api_key": _KEY,
    "token": _KEY_TOKEN,
    "type_id": None,
    "device_id": None,
}
_COMMANDS = """
import board, signet
link = signet.open("device.json", board)
from signet.cloud.watson import application
link.report(*application.command("devtype", "devid", "set", {"led": 1}))
link.poll(20000)
link.poll(1000)
"""

ROWS = (
    row(
        18,
        "Applications, devices, gateways by MQTT; devices by HTTP too",
        (sdk("watson", "watson_device.py", "mqtts", "acknowledged"), "stored"),
        (board("watson", "mqtts"), _EVERY),
        (board("watson", "https"), _EVERY),
        (
            board(
                "watson",
                "mqtts",
                role="gateway",
                type_id="typeId",
                device_id="deviceId",
                token="token-of-gateway",
            ),
            _EVERY,
        ),
        (board("watson", "mqtts", _COMMANDS, **_APPLICATION), _EVERY),
    ),
    row(
        29,
        "orgId.messaging.internetofthings.ibmcloud.com",
        (handshake(), "agreed .*"),
        (event(_MESSAGING), "200"),
    ),
    row(
        34,
        "https://orgId.internetofthings.ibmcloud.com/api/v0002/device/types/...",
        (event(_REST), "200"),
        (event(_REST, way="mqtts"), "200"),
        (event(_REST.replace("v0002", "v0001")), "404"),
        (board("watson", "https", host="orgId1.internetofthings.ibmcloud.com"), _EVERY),
    ),
    row(38, "orgId is the org's own", (_plain("d:never1:devtype:devid"), "CONNACK 5")),
    row(
        "39, 134",
        "quickstart as orgId needs no authentication",
        (_plain("d:quickstart:any:one", None, ""), "CONNACK 0"),
        (_plain("a:quickstart:any", None, ""), "CONNACK 0"),
        (event(_API.format(_QUICKSTART).replace("https", "http"), "", "http"), "200"),
        (
            board(
                "watson", "mqtt", org_id="quickstart", host=_QUICKSTART, token=None, insecure=True
            ),
            _EVERY,
        ),
    ),
    row(
        "44-50",
        "8883 and 443 secure, 1883 not, each for MQTT and HTTP",
        (_plain(), "CONNACK 0"),
        (_sealed("mqtts"), "stored"),
        (_sealed("https"), "stored"),
        (event(_MESSAGING.replace("https", "http"), way="http"), "200"),
        (event(_MESSAGING, way="mqtts"), "200"),
        (event(_MESSAGING, way="https"), "200"),
        (board("watson", "mqtt", insecure=True), _EVERY),
        (board("watson", "mqtts"), _EVERY),
        (port("watson", "mqtts", "https", "mqtt"), "8883 443 1883"),
    ),
    row(
        52,
        "MQTT over TCP and WebSockets",
        (_sealed("ws"), "stored"),
        (_sealed("wss"), "stored"),
        (sdk("watson", "watson_device.py", "wss", "acknowledged"), "stored"),
        (board("watson", "wss"), _EVERY),
    ),
    row(
        52,
        "Device tokens; API keys and tokens for applications",
        (_plain(), "CONNACK 0"),
        (_application("a:orgId1:my"), "CONNACK 0"),
    ),
    row(
        52,
        "1883 sends credentials in plain text: use 8883 or 443",
        (board("watson", "mqtt", insecure=None), r"device\.json: .*in clear.*"),
        (board("watson", "mqtts", tls=None), _EVERY),
    ),
    row(
        54,
        "The client trusts the server's certificate by a CA file",
        (_sealed("mqtts"), "stored"),
        (event(_MESSAGING), "200"),
    ),
    decided(
        60,
        "Libraries without wildcard names disable certificate checking",
        (board("watson", "mqtts"), _EVERY),
        (board("watson", "mqtts", ca="../twin/enos/ca.pem"), "not connected: .*not signed.*"),
    ),
    row(
        62,
        "The suites are those of the default server certificate",
        (suite("TLS_RSA_WITH_AES_128_CBC_SHA"), "agreed"),
    ),
    *(
        row(
            70 + number,
            f"MQTT: {name}",
            (suite(name), "agreed"),
            (suite(name, "https"), "agreed"),
        )
        for number, name in enumerate(MQTT_SUITES)
    ),
    row(
        67,
        "MQTT requires TLS v1.2",
        (handshake("-tls1_2"), "agreed .*"),
        (handshake("-tls1", "-cipher", "ALL:@SECLEVEL=0"), "alert 70"),
        (handshake("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), "alert 70"),
        (handshake("-tls1_3"), "alert 70"),
        (handshake("-tls1_2", "-cipher", "NULL:aNULL:@SECLEVEL=0"), "alert 40"),
    ),
    row("67-87", "The board agrees on each of the 18", (_agreed("mqtts", MQTT_SUITES), "all")),
    row("94-99", "The board agrees on each of the 6", (_agreed("https", HTTP_SUITES), "all")),
    decided(
        91,
        "HTTP: TLS v1, v1.1 or v1.2",
        (handshake("-tls1_2", way="https"), "agreed .*"),
        (handshake("-tls1", "-cipher", "ALL:@SECLEVEL=0", way="https"), "alert 70"),
        (handshake("-tls1_1", "-cipher", "ALL:@SECLEVEL=0", way="https"), "alert 70"),
    ),
    *(
        row(94 + number, f"HTTP: {name}", (suite(name, "https"), "agreed"))
        for number, name in enumerate(HTTP_SUITES)
    ),
    row(
        105,
        "A client id that connects again ends the first connection",
        (
            evicts("watson", (_DEVICE, _USER, _TOKEN), (_DEVICE, _USER, _TOKEN, "mqtt")),
            "first closed",
        ),
        (
            evicts("watson", ("a:orgId1:x", _KEY, _KEY_TOKEN), ("a:orgId1:x", _KEY, _KEY_TOKEN)),
            "first closed",
        ),
    ),
    row(
        107,
        "Devices and gateways that are connected directly show a status",
        (shown_connected(_DEVICE, _USER, _TOKEN), "0 .*yes.*"),
    ),
    row(
        107,
        "Devices behind a gateway are shown as disconnected",
        (Probe("paho-mqtt", _presence), "(?!.*s-1).*/id/deviceId/mon"),
    ),
    row(
        115,
        "Applications: a:orgId:appId",
        (_application("a:orgId1:my"), "CONNACK 0"),
        (sends("watson", "mqtt", insecure=True, **_APPLICATION), ".*a:orgId1:my.*"),
    ),
    row(
        116,
        "Scalable applications: A:orgId:appId",
        (_application("A:orgId1:my"), "CONNACK 0"),
        (
            sends(
                "watson", "mqtt", insecure=True, **{**_APPLICATION, "role": "scalable-application"}
            ),
            ".*A:orgId1:my.*",
        ),
    ),
    row(
        117,
        "Devices: d:orgId:deviceType:deviceId",
        (_plain(), "CONNACK 0"),
        (sends("watson", "mqtt", insecure=True), ".*d:orgId1:devtype:devid.*"),
    ),
    row(
        118,
        "Gateways: g:orgId:typeId:deviceId",
        (_plain(_GATEWAY, password="token-of-gateway"), "CONNACK 0"),
        (_plain("d:orgId1:typeId:deviceId", password="token-of-gateway"), "CONNACK 5"),
        (_plain("g:orgId1:devtype:devid"), "CONNACK 5"),
    ),
    decided(
        121,
        "orgId has six characters",
        (signet("twin device add watson org12345/devtype devid"), "0 .*org12345.*"),
        (board("watson", "mqtts", org_id="org12345", until="^.*org12345.*"), ".*"),
    ),
    row(
        "122-125", "deviceId and type name a device", (_plain("d:orgId1:devtype:no"), "CONNACK 5")
    ),
    row(
        127,
        "appId, type and deviceId: no more than 36 characters",
        (_application("a:orgId1:" + 36 * "a"), "CONNACK 0"),
        (_application("a:orgId1:" + 37 * "a"), "CONNACK 2"),
        (_plain(f"d:orgId1:{36 * 't'}:{36 * 'd'}"), "CONNACK 0"),
        (_plain(f"d:orgId1:{37 * 't'}:devid"), "CONNACK 2"),
        (_plain(f"d:orgId1:devtype:{37 * 'd'}"), "CONNACK 2"),
        (event(_MESSAGING.replace("devid", 37 * "d")), "404"),
        (board("watson", "mqtts", device_id=37 * "d"), r"device\.json: .*36.*"),
    ),
    row(
        127,
        "36 characters in the registry, too",
        (signet(f"twin device add watson orgId1/devtype {36 * 'y'}"), "0 .*"),
        (signet(f"twin device add watson orgId1/devtype {37 * 'y'}"), "2 .*36.*"),
        (signet(f"twin device add watson orgId1/{37 * 'y'} devid"), "2 .*36.*"),
    ),
    row(
        "128-131",
        "Only letters, digits, dashes, underscores and dots",
        (_plain("d:orgId1:devtype:A.b-c_9"), "CONNACK 0"),
        (_plain("d:orgId1:devtype:a b"), "CONNACK 2"),
        (_plain("d:orgId1:devtype:a/b"), "CONNACK 2"),
        (_plain("d:orgId1:devtype:ä"), "CONNACK 2"),
        (board("watson", "mqtts", device_id="a b"), r"device\.json: .*"),
    ),
    row(
        "128-131",
        "The same characters in the registry",
        (signet("twin device add watson orgId1/devtype a:b"), "2 .*a:b.*letters.*"),
        (signet("twin device add watson orgId1/devtype a@b"), "2 .*a@b.*letters.*"),
    ),
    row(
        135, "An application is not registered before", (_application("a:orgId1:new"), "CONNACK 0")
    ),
    row(
        140,
        "An API key is registered, and a token is generated with it",
        (Probe("signet, paho-mqtt", _made_key), r"a-orgId1-[A-Za-z0-9]{10} CONNACK 0"),
        (_application("a:orgId1:my", None, ""), "CONNACK 5"),
    ),
    row(144, "An API key: a-orgId-a84ps90Ajs", (_application("a:orgId1:my"), "CONNACK 0")),
    row(
        150,
        "A token: MP$08VKz!8rXwnR-Q*",
        (sends("watson", "mqtt", insecure=True, **_APPLICATION), r".*MP\$08VKz!8rXwnR-Q\*"),
    ),
    row(
        "155-157",
        "Client id a:orgId:appId, user the API key, password the token",
        (
            sdk(
                "watson",
                "watson_application.py",
                "mqtts",
                "connected",
                **{name: value for name, value in _APPLICATION.items() if value},
            ),
            "stored",
        ),
        (_application("a:orgId1:my", _KEY, "wrong"), "CONNACK 5"),
        (_application("a:orgId1:my", _USER), "CONNACK 5"),
        (_application("a:signet:my"), "CONNACK 5"),
    ),
    row(
        "164, 165",
        "The only user name of a device is use-token-auth",
        (_plain(user="devid"), "CONNACK 5"),
        (_plain(user=None), "CONNACK 5"),
        (sends("watson", "mqtt", insecure=True), ".*use-token-auth.*"),
    ),
    row(
        170,
        "The password is the token",
        (_plain(), "CONNACK 0"),
        (_plain(password="x"), "CONNACK 5"),
    ),
)
