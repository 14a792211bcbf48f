"""What is to check after Azure has refused a login over MQTT?

Loaded when it has, and forgotten: see modules.call.

Sources: Azure "Troubleshoot IoT Hub error 401003 IoTHubUnauthorized"; "Troubleshooting with DPS";
azure-iot-sdk-c#997: a bad token, key or id and an end that has passed are all told as 5.
"""


def explain(config, code):
    """Says what to check.

    Args:
        config: dict from config.load; without `hub` it is DPS that has refused.
        code: int, CONNACK's, or DPS's own; 0 when the connection was closed instead.
    Returns:
        str, or None.
    """
    names = "device_id and hub" if config["hub"] else "id_scope and registration_id"
    if code == 2:
        return "check " + names
    if code not in (0, 4, 5) and code // 1000 != 401:
        return None
    if config.get("cert"):
        proof = "whom `cert` names, and that Azure knows it or its CA"
    else:
        proof = "device_key and the clock"
    return "check {}, {}, and that the device is enabled".format(names, proof)
