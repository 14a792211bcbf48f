"""Where in a cloud's console does each value of device.json stand, and which ways in has a cloud?

As docs/clouds/ has it; a test holds the keys against those of lib/signet/cloud/*/identity.py.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

CloudName = Literal["alibaba", "azure", "broker", "enos", "watson"]
WayName = Literal["mqtt", "mqtts", "ws", "wss", "coap", "coaps", "http", "https"]
Preset = Literal["json", "homeassistant", "thingsboard", "aws"]
Role = Literal["device", "gateway", "application", "scalable-application", "enrollment"]

Values = Mapping[str, Any]
"""Of device.json, as far as they are known; None for one that is not wanted."""

WAYS: Mapping[str, Values] = {
    "mqtt": {"way": "mqtt", "tls": False},
    "mqtts": {"way": "mqtt", "tls": True},
    "ws": {"way": "mqtt", "tls": False, "websocket": True},
    "wss": {"way": "mqtt", "tls": True, "websocket": True},
    "coap": {"way": "coap", "tls": False},
    "coaps": {"way": "coap", "tls": True},
    "https": {"way": "http", "tls": True},
}
"""What device.json says for each; by the names that `signet twin` has."""


class Asked(NamedTuple):
    """A key of device.json that a person gives.

    where: it stands. when: it is of use, by the keys above it. secret: never shown, nor on the
    command line. optional: may be left out. Of `ca`, `cert` and `key` the answer is a
    file.
    """

    key: str
    where: str
    when: Callable[[Values], bool] = lambda _: True
    secret: bool = False
    optional: bool = False


class Cloud(NamedTuple):
    """ways: in, of WAYS, the usual one first. asked: in this order."""

    ways: tuple[str, ...]
    asked: tuple[Asked, ...]


def _way(way: str) -> Callable[[Values], bool]:
    return lambda values: values["way"] == way


def _by_tls(values: Values) -> bool:
    return bool(values["tls"])


def _without_cert(values: Values) -> bool:
    return not values.get("cert")


def _by_dps(values: Values) -> bool:
    host = str(values.get("host"))
    return "id_scope" in values or host.endswith(".azure-devices-provisioning.net")


def _by_hub(values: Values) -> bool:
    return not _by_dps(values)


def _preset(*presets: str) -> Callable[[Values], bool]:
    return lambda values: (values.get("preset") or "json") in presets


def _has_user(values: Values) -> bool:
    return bool(values.get("user")) and not _preset("thingsboard")(values)


def _is_application(values: Values) -> bool:
    return "application" in str(values.get("role"))


def _is_device(values: Values) -> bool:
    return not _is_application(values)


_PEM = "your file with the device's certificate and its private key (PEM)"
_CA = "a file (PEM)"
_KEY = Asked("key", "your file with that key, where it is another", optional=True)

CLOUDS: Mapping[str, Cloud] = {
    "alibaba": Cloud(
        ("mqtts", "mqtt", "coaps", "coap", "https"),
        (
            Asked(
                "host",
                'console, the product, "View development configurations":'
                " INSTANCE.mqtt.iothub.aliyuncs.com; of a legacy public instance"
                " PRODUCTKEY.iot-as-mqtt.REGION.aliyuncs.com",
                _way("mqtt"),
            ),
            Asked(
                "host",
                "INSTANCE.coap.iothub.aliyuncs.com; of a legacy public instance"
                " PRODUCTKEY.coap.cn-shanghai.link.aliyuncs.com",
                _way("coap"),
            ),
            Asked("host", "such as iot-as-http.cn-shanghai.aliyuncs.com", _way("http")),
            Asked("product_key", 'console, "Device details": ProductKey'),
            Asked("device_name", 'console, "Device details": DeviceName'),
            Asked("device_secret", 'console, "Device details": DeviceSecret', secret=True),
        ),
    ),
    "azure": Cloud(
        ("mqtts", "wss"),
        (
            Asked(
                "host",
                "portal, the hub's overview: HUB.azure-devices.net; through the Device"
                " Provisioning Service (DPS) global.azure-devices-provisioning.net",
            ),
            Asked("id_scope", "portal, the overview of DPS: ID scope", _by_dps),
            Asked("registration_id", "as the enrollment has it", _by_dps),
            Asked(
                "device_id",
                "portal, the hub's devices, as written there: capital letters count",
                _by_hub,
            ),
            Asked(
                "device_key",
                "portal, the page of the device, or of its enrollment: primary key",
                _without_cert,
                secret=True,
            ),
        ),
    ),
    "broker": Cloud(
        ("mqtts", "mqtt", "wss", "ws"),
        (
            Asked(
                "host",
                "`aws iot describe-endpoint --endpoint-type iot:Data-ATS`:"
                " PREFIX-ats.iot.REGION.amazonaws.com",
                _preset("aws"),
            ),
            Asked(
                "host",
                "the broker's name as its certificate has it; without TLS also its address",
                _preset("json", "homeassistant", "thingsboard"),
            ),
            Asked("client_id", "a name of your own, of this device alone; of AWS the thing's"),
            Asked("cert", _PEM + "; the AWS console makes them, or `signet pki`", _preset("aws")),
            _KEY._replace(when=_preset("aws")),
            Asked(
                "user",
                "the broker's list of users; none where it asks for no login",
                lambda values: _preset("json", "homeassistant")(values) and _without_cert(values),
                optional=True,
            ),
            Asked(
                "user",
                "ThingsBoard, the device: its access token",
                lambda values: _preset("thingsboard")(values) and _without_cert(values),
                secret=True,
            ),
            Asked("password", "that user's, of the broker", _has_user, secret=True),
            Asked(
                "ca",
                _CA + ", or letsencrypt: the CA that signed your mosquitto's `certfile`",
                lambda values: _by_tls(values) and not _preset("aws")(values),
                optional=True,
            ),
        ),
    ),
    "enos": Cloud(
        ("mqtt", "mqtts"),
        (
            Asked(
                "host",
                "the console's with mqtt- for app-portal-: mqtt-cn5.envisioniot.com",
            ),
            Asked("product_key", "console, the device's page: product key"),
            Asked("device_key", "console, the device's page: device key"),
            Asked("device_secret", "console, the device's page: device secret", secret=True),
            Asked("cert", _PEM + ", which EnOS signs: `signet pki enos csr`", _by_tls),
            _KEY._replace(when=_by_tls),
            Asked("ca", _CA + ", from the operator", _by_tls, optional=True),
        ),
    ),
    "watson": Cloud(
        ("mqtts", "wss", "https"),
        (
            Asked("org_id", "Monitor, IoT tool: the organization id, the workspace's"),
            Asked("host", "of your installation: ORG_ID.messaging.iot.DOMAIN"),
            Asked("type_id", "Monitor, IoT tool: the device type", _is_device),
            Asked("device_id", "Monitor, IoT tool: the device", _is_device),
            Asked("app_id", "a name of your own, of this application alone", _is_application),
            Asked("api_key", "Monitor, IoT tool, apps: the API key", _is_application),
            Asked("token", "shown once, when it was made", _without_cert, secret=True),
            Asked("ca", _CA + ", from its administrator", _by_tls, optional=True),
        ),
    ),
}
