"""Which topics may each role use at Watson IoT Platform?

In a topic `~` stands for one level, `+` for one level or the wildcard, `{}` for its own names.

Sources: topicrule.c, "iot2" rules, of eclipse/amlen server_proxy; Watson IoT "MQTT connectivity
for devices", "... for gateways", "... for applications".
"""

TOPICS = {  # what it may publish to, what it may subscribe to
    "device": (("iot-2/evt/~/fmt/~",), ("iot-2/cmd/+/fmt/+",)),
    "gateway": (
        ("iot-2/type/~/id/~/evt/~/fmt/~",),
        ("iot-2/type/+/id/+/cmd/+/fmt/+", "iot-2/type/{}/id/{}/notify"),
    ),
    "application": (
        ("iot-2/type/~/id/~/evt/~/fmt/~", "iot-2/type/~/id/~/cmd/~/fmt/~"),
        (
            "iot-2/type/+/id/+/evt/+/fmt/+",
            "iot-2/type/+/id/+/cmd/+/fmt/+",
            "iot-2/type/+/id/+/mon",
            "iot-2/app/+/mon",
        ),
    ),
    "quickstart device": (("iot-2/evt/~/fmt/json",), ()),
    "quickstart application": (
        ("iot-2/type/~/id/~/evt/~/fmt/~",),
        ("iot-2/type/+/id/~/evt/+/fmt/+", "iot-2/type/+/id/~/mon", "iot-2/app/~/mon"),
    ),
}


def assign(dialect, config, log):
    """Gives a dialect what of this is its role's, so that the rest can leave the heap.

    Args:
        dialect: cloud.watson.mqtt.Dialect, whose attributes are set.
        config: dict from config.load. log: function of one str.
    """
    role = config["role"].split("-")[-1]  # scalable-application
    own = config["type_id"], config["device_id"]
    name = "quickstart " + role if config["org_id"] == "quickstart" else role
    dialect.publishes, hears = TOPICS[name]
    dialect.hears = wanted = [rule.format(*own) for rule in hears]
    if config["role"] == "gateway":
        from signet.cloud.watson.gateway import Notices

        notices = Notices(config, log)
        dialect.own, dialect.read, dialect.acked = own, notices.read, notices.acked
    elif "application" in config["role"]:
        from signet.cloud.watson.application import read_status

        dialect.own, dialect.read = (), read_status
        wanted = config["subscribe"]
    dialect.subscriptions = wanted
