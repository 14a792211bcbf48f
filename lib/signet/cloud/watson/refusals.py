"""What is to check after Watson IoT Platform has refused a login over MQTT?

Loaded when it has, and forgotten: see modules.call.

Source: pxmqtt.c of eclipse/amlen server_proxy.
"""

_KEYS = {  # what to check after CONNACK 2, 4, 5
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


def explain(config, code):
    """Says what to check.

    Args:
        config: dict from config.load.
        code: int, CONNACK's; 0 when the connection was closed instead.
    Returns:
        str, or None.
    """
    if code == 0:
        return "certificate policy? check `cert`" if config["tls"] else None
    role = config["role"].split("-")[-1]  # scalable-application
    hint = dict(zip((2, 4, 5), _KEYS[role])).get(code)
    if code == 5 and config.get("cert"):
        hint += ", and whom `cert` names"
    return hint and "check " + hint
