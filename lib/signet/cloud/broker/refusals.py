"""What is to check after a broker has refused a login, or a report?

Loaded when it has, and forgotten: see modules.call.

Sources: MQTT 3.1.1 (OASIS, 2014), 3.2.2.3; AWS IoT Core "Device Shadow error messages".
"""

from micropython import const

from signet.errors import Rejected, Throttled
from signet.wire.exact_json import printable

_LONGEST = const(256)  # characters of a refusal's message
_PASSING = const((429, 500))  # too many requests, internal

_HINTS = {
    0: "does the broker ask for a certificate, or for TLS? check `tls` and `cert`",
    2: "check client_id",
    4: "check user and password",
    5: "check user and password, and what the broker allows this client_id",
}


def explain(config, code):
    """Says what to check.

    Args:
        config: dict from config.load.
        code: int, CONNACK's; 0 when the connection was closed instead.
    Returns:
        str, or None.
    """
    if config["preset"] == "aws" and code in (0, 5):
        return "does the policy of `cert` allow iot:Connect as this client_id?"
    if config["preset"] == "thingsboard" and code in (4, 5):
        return "check user, which is the device's access token"
    hint = _HINTS.get(code)
    if code == 5 and config.get("cert"):
        hint += ", and whom `cert` names"
    return hint


def rejected(topic, body):
    """Returns the error of a report that was refused; topic: str. body: dict, what was said."""
    text = "{}: {}".format(topic, printable(body.get("message"), _LONGEST))
    code = body.get("code")
    if not isinstance(code, int):
        return Rejected(text)
    text += ", code {}".format(code)
    return Throttled(text) if code in _PASSING else Rejected(text, code)
