"""Which topics may each role use at Watson IoT Platform, and what refuses its login?

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
    "quickstart device": (("iot-2/evt/~/fmt/~",), ()),
    "quickstart application": (
        ("iot-2/type/~/id/~/evt/~/fmt/~",),
        ("iot-2/type/+/id/~/evt/+/fmt/+", "iot-2/type/+/id/~/mon", "iot-2/app/~/mon"),
    ),
}

_CHECK = {  # what to check after CONNACK 2, 4, 5
    "device": (
        "org_id, type_id and device_id",
        "token",
        "token, org_id, type_id, device_id and host",
    ),
    "gateway": (
        "org_id, type_id and device_id",
        "token",
        "role, token, org_id, type_id, device_id and host",
    ),
    "application": (
        "org_id, app_id and instance_id",
        "api_key and token",
        "api_key, token, org_id, app_id and host",
    ),
}


def words(config, log):
    """Returns what of this a dialect needs, so that the rest can leave the heap.

    Args:
        config: dict from config.load. log: function of one str.
    Returns:
        tuples of rules for what it publishes, and for what it hears; subscriptions and refusals,
        see cloud/mqtt_session.py; whose an event is that names no device, None where the topic
        does not say, () where it must name one; what reads other topics than events and commands;
        and what hears of acknowledgements
    """
    role = config["role"].split("-")[-1]  # scalable-application
    own = read = acked = None
    names = config["type_id"], config["device_id"]
    if role == "gateway":
        from signet.cloud.watson.gateway import Notices

        notices = Notices(config, log)
        own, read, acked = names, notices.read, notices.acked
    elif role == "application":
        from signet.cloud.watson.application import read_status

        own, read = (), read_status
    refusals = {0: "certificate policy? check `cert`"}
    for code, keys in zip((2, 4, 5), _CHECK[role]):
        refusals[code] = "check " + keys
    publish, hears = TOPICS["quickstart " * (config["org_id"] == "quickstart") + role]
    hears = tuple([rule.format(*names) for rule in hears])
    wanted = config["subscribe"] if role == "application" else hears
    return publish, hears, [(topic, 1) for topic in wanted], refusals, own, read, acked
