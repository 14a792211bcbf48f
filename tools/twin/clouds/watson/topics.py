"""Which topics may each class of client of Watson publish to, which may it subscribe?

Source: the platform's opened proxy, eclipse/amlen `topicrule.c`, its "iot2" rules: facts only, no
code. The notation is that of tools.twin.wire.topics. Classes are those of client ids; "qd" and
"qa" are a device and an application of quickstart.
"""

from tools.twin.clouds.values import TopicRules

PUBLISH: TopicRules = {
    "d": (
        "iot-2/evt/~/fmt/~",
        "iotdevice-1/response",
        "iotdevice-1/notify",
        "iotdevice-1/device/update/~",
        "iotdevice-1/add/~/~",
        "iotdevice-1/clear/~/~",
        "iotdevice-1/mgmt/~",
    ),
    "g": (
        "iot-2/type/~/id/~/evt/~/fmt/~",
        "iotdevice-1/type/~/id/~/response",
        "iotdevice-1/type/~/id/~/notify",
        "iotdevice-1/type/~/id/~/device/update/~",
        "iotdevice-1/type/~/id/~/add/~/~",
        "iotdevice-1/type/~/id/~/clear/~/~",
        "iotdevice-1/type/~/id/~/mgmt/~",
    ),
    "a": ("iot-2/type/~/id/~/evt/~/fmt/~", "iot-2/type/~/id/~/cmd/~/fmt/~"),
    "qd": ("iot-2/evt/~/fmt/json",),
    "qa": ("iot-2/type/~/id/~/evt/~/fmt/~",),
}
SUBSCRIBE: TopicRules = {
    "d": ("iot-2/cmd/+/fmt/+", "iotdm-1/*", "iot-2/mon", "iot-2/notify"),
    "g": (
        "iot-2/type/+/id/+/cmd/+/fmt/+",
        "iot-2/type/+/id/+/response",
        "iot-2/type/+/id/+/notify",
        "iotdm-1/*",
        "iot-2/mon",
    ),
    "a": (
        "iot-2/type/+/id/+/evt/+/fmt/+",
        "iot-2/type/+/id/+/cmd/+/fmt/+",
        "iot-2/type/+/id/+/mon",
        "iot-2/app/+/mon",
    ),
    "qd": (),
    "qa": ("iot-2/type/+/id/~/evt/+/fmt/+", "iot-2/type/+/id/~/mon", "iot-2/app/~/mon"),
}


def long(topic: str, type_id: str, device_id: str) -> str:
    """A device's short topic with its type and id, as applications and gateways know it."""
    head, _, rest = topic.partition("/")
    return topic if rest.startswith("type/") else f"{head}/type/{type_id}/id/{device_id}/{rest}"
