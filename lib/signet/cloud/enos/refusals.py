"""What is to check after EnOS has refused a login over MQTT?

Loaded when it has, and forgotten: see modules.call.
"""

_HINTS = {
    2: "check client_id",
    4: "check device_secret and sign_method",
    5: "check product_key and device_key, and that the device is enabled",
}


def explain(config, code):
    """Returns what to check (str), or None; config: dict from config.load, code: CONNACK's."""
    hint = _HINTS.get(code)
    return hint + ", and whom `cert` names" if code == 5 and config.get("cert") else hint
