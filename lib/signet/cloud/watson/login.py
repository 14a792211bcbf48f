"""What does CONNECT carry for a client of Watson IoT Platform?

Client id `d:{org}:{type}:{id}`, `g:` for a gateway; user `use-token-auth` (never asked of
anyone), password = the token.  An application is `a:{org}:{app}`, or `A:{org}:{app}`, or
`A:{org}:{app}:{instance}`; its user is the API key, its password the key's token.  Where a
certificate says who we are and no token is configured, there is neither; nor at the org
`quickstart`.

Source: Watson IoT "Connecting applications, devices, and gateways"; client ids of eclipse/amlen
server_proxy, proxy_test.c.
"""

_QUICKSTART = "quickstart"
_CLASSES = {"gateway": "g", "application": "a", "scalable-application": "A"}


def login(config, unix_ms):
    """Builds what CONNECT carries.

    Args:
        config: dict, checked.
        unix_ms: int, not used: a token needs no time.
    Returns:
        (client id str, user str or None, password str or None)
    """
    kind = _CLASSES.get(config.get("role"), "d")
    parts = [kind, config["org_id"]]
    user = "use-token-auth"
    if kind in "dg":
        parts += (config["type_id"], config["device_id"])
    else:
        user = config["api_key"]
        parts.append(config["app_id"])
        if config["instance_id"] is not None:
            parts.append(config["instance_id"])
    token = config["token"]
    if token is None or config["org_id"] == _QUICKSTART:
        user = token = None
    return ":".join(parts), user, token
