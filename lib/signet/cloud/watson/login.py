"""What does CONNECT carry for a device of Watson IoT Platform?

Client id `d:{org}:{type}:{id}`, user `use-token-auth` (never asked of anyone), password = the
token.  The org `quickstart` has no login at all.

Source: Watson IoT "Connecting applications, devices, and gateways".
"""

_QUICKSTART = "quickstart"


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, not used: a token needs no time.
    Returns:
        (client id str, user str or None, password str or None)
    """
    client_id = "d:{}:{}:{}".format(config["org_id"], config["type_id"], config["device_id"])
    if config["org_id"] == _QUICKSTART:
        return client_id, None, None
    return client_id, "use-token-auth", config["token"]
