"""Which sentences has "Establishing Connection with EnOS Cloud using the MQTT Protocol"?"""

from host_tests.audit.board import board, sends
from host_tests.audit.command import port, sha1, sign, signet
from host_tests.audit.mqtt import mosquitto, mqtt, sdk
from host_tests.audit.row import Probe, Trial, decided, row
from host_tests.audit.tls import handshake

DOCUMENT = "EnOS MQTT"

_SECRET = "aaabbbcc123"
_TIME = "132323232"
_USER = "test&123"
_IN_FULL = f"|securemode=2,signmethod=hmacsha1,timestamp={_TIME}|"


def _password(client: str = "123", timestamp: str = _TIME) -> str:
    time = f"timestamp{timestamp}" if timestamp else ""
    return sha1(f"clientId{client}deviceKeytestproductKey123{time}{_SECRET}")


def _login(
    options: str = _IN_FULL,
    *,
    client: str = "123",
    user: str = _USER,
    password: str | None = None,
    timestamp: str = _TIME,
    version: int = 4,
) -> Probe:
    password = _password(client, timestamp) if password is None else password
    return mosquitto("enos", client + options, user, password, version=version)


def _by_certificate(certificate: str, password: str = "") -> Probe:
    words = ("enos", f"123{_IN_FULL}", _USER, password or _password())
    return mqtt(*words, certificate=certificate)


_FIELDS = "--country SG --province SG --locality SG --organization Envision --unit EnOS"
_CERTIFICATES: tuple[Trial, ...] = (
    (signet(f"pki enos csr --to own --product-key 123 --device-key test {_FIELDS}"), "0 .*"),
    (signet("pki enos issue own"), "0 .*"),
    (signet(f"pki enos csr --to other --product-key 123 --device-key other {_FIELDS}"), "0 .*"),
    (signet("pki enos issue other"), "0 .*"),
)
_OWN, _FOREIGN = "own/device.pem", "other/device.pem"

ROWS = (
    row(
        3,
        "Devices connect to EnOS Cloud by MQTT",
        (_login(), "CONNACK 0"),
        (sdk("enos", "enos_device.py", "mqtt", "posted"), "stored"),
        (board("enos", "mqtt"), "report 1 stored.*"),
    ),
    row(
        8,
        "MQTT v3.1.1 on port 11883: secret, one-way",
        (_login(), "CONNACK 0"),
        (mqtt("enos", "123", _USER, "x", "mqtt", version=5), "CONNACK 1"),
        (sends("enos", "mqtt", sign_method="hmacsha1"), r"\x10.*\x00\x04MQTT\x04.*"),
        (port("enos", "mqtt"), "11883"),
    ),
    decided(8, "MQTT v3.1.1, and no other", (_login(version=3), "CONNACK 0")),
    row(
        9,
        "MQTT v3.1.1 over TLS on port 18883: certificate, two-way",
        *_CERTIFICATES,
        (_by_certificate(_OWN), "CONNACK 0"),
        (_by_certificate(""), ".*ALERT.*"),
        (_by_certificate(_FOREIGN), "CONNACK 5"),
        (_by_certificate(_OWN, "0" * 40), "CONNACK 4"),
        (board("enos", "mqtts", certificate=_OWN, sign_method="hmacsha1"), "report 1 stored.*"),
        (handshake("-tls1_2", cloud="enos", host="mqtt.enos.test"), "alert 40|agreed .*"),
        (port("enos", "mqtts"), "18883"),
    ),
    row(17, 'mqttClientId: clientId+"|securemode=2,...|"', (_login(), "CONNACK 0")),
    row(
        "17-19",
        "What the board sends is the document's CONNECT",
        (
            sends("enos", "mqtt", sign_method="hmacsha1", client_id="123"),
            r".*123\|securemode=2,signmethod=hmacsha1,timestamp=\d+\|\x00\x08test&123\x00.[0-9A-F]{40}",
        ),
    ),
    row(18, "mqttUsername: deviceKey&productKey", (_login(user="123&test"), "CONNACK 5")),
    row(
        19,
        "mqttPassword: uppercase(sign_hmac(content deviceSecret))",
        (_login(), "CONNACK 0"),
        (_login(password="0" * 40), "CONNACK 4"),
    ),
    row(
        24,
        "clientId: mandatory, a MAC address or serial number",
        (_login(client=""), "CONNACK 2"),
        (_login(client="00:1A:2B:3C:4D:5E"), "CONNACK 0"),
    ),
    row(
        24,
        "clientId: no more than 64 characters",
        (_login(client=64 * "c"), "CONNACK 0"),
        (_login(client=65 * "c"), "CONNACK 2"),
        (board("enos", "mqtt", client_id=65 * "c"), r"device\.json: .*64.*"),
    ),
    row(
        24,
        "What is within || is optional",
        (_login("|securemode=2,timestamp=1|", timestamp="1"), "CONNACK 0"),
        (_login("||", timestamp=""), "CONNACK 0"),
    ),
    row(
        25,
        "securemode: optional, only 2",
        (_login(f"|signmethod=hmacsha1,timestamp={_TIME}|"), "CONNACK 0"),
        # 3 is for the product's secret, of which this document does not speak.
        (_login(f"|securemode=3,signmethod=hmacsha1,timestamp={_TIME}|"), "CONNACK 4"),
        (_login(f"|securemode=1,signmethod=hmacsha1,timestamp={_TIME}|"), "CONNACK 2"),
    ),
    row(
        26,
        "signmethod: optional, hmacsha1",
        (_login(f"|securemode=2,timestamp={_TIME}|"), "CONNACK 0"),
        (_login(f"|securemode=2,signmethod=hmacmd5,timestamp={_TIME}|"), "CONNACK 2"),
    ),
    decided(
        26,
        "signmethod: only hmacsha1",
        (sends("enos", "mqtt"), r".*signmethod=sha256,.*"),
        (board("enos", "mqtt"), "report 1 stored.*"),
    ),
    row(
        27,
        "timestamp: optional",
        (_login("|securemode=2,signmethod=hmacsha1|", timestamp=""), "CONNACK 0"),
    ),
    row(
        31,
        "deviceKey and productKey come from provisioning",
        (signet("twin device add enos 123 fresh"), "0 .*device_secret.*"),
        (_login(user="never&123"), "CONNACK [45]"),
    ),
    row(
        35,
        "content: names sorted, with their values, no separators",
        (
            signet(
                "sign content timestamp=1524448722000 productKey=123 deviceKey=test clientId=123"
            ),
            r"0 content clientId123deviceKeytestproductKey123timestamp1524448722000 ?",
        ),
    ),
    row(36, "deviceSecret follows the content without any symbol", (_login(), "CONNACK 0")),
    row(
        41,
        "sign=uppercase(hmacsha1(clientId123...aaabbbcc123))",
        (
            sign(
                "enos --product-key 123 --device-key test --client-id 123"
                " --timestamp 1524448722000 --method hmacsha1",
                _SECRET,
            ),
            f"0 .*{_password(timestamp='1524448722000')}.*",
        ),
    ),
    row(
        44,
        "timestamp is the same in both segments",
        (_login(password=_password(timestamp="132323233")), "CONNACK 4"),
    ),
)
