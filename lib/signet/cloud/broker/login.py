"""What does CONNECT carry for an MQTT broker?  What device.json says, and a will.

The broker publishes the will, retained, when the device is gone.

Source: MQTT 3.1.1 (OASIS, 2014), 3.1.2.5.
"""


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, not used.
    Returns:
        (client id, user or None, password or None), or with a will
        (client id, its topic, its text, user, password)
    """
    will = ()
    if config["will_topic"] is not None:
        will = config["will_topic"], config["will"]
    return (config["client_id"],) + will + (config["user"], config["password"])
