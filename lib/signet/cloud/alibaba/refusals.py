"""What is to check after Alibaba Cloud IoT Platform has refused a login over MQTT?

Loaded when it has, and forgotten: see modules.call.
"""

_HINTS = {
    2: "check client_id",
    4: "check device_secret and sign_method",
    5: "check product_key and device_name, and that the device is enabled",
}


def explain(config, code):
    """Returns what to check (str), or None; config: dict from config.load, code: CONNACK's."""
    return _HINTS.get(code)
