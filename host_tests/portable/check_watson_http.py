"""How is the session over HTTPS with Watson IoT Platform opened?"""

from check_http_session import SECRET, completed, opens, reply, start
from signet.cloud.watson import http

DONE = reply(200)
NOTHING = reply(204)  # no command waits
BASE = "/api/v0002/device/types/T/devices/D/"


def config(**changes):
    """Returns what config.load makes of a device.json, with no polling unless asked for."""
    values = {
        "cloud": "watson",
        "host": "myorg1.messaging.internetofthings.ibmcloud.com",
        "org_id": "myorg1",
        "type_id": "T",
        "device_id": "D",
        "token": SECRET,
        "event": "status",
        "role": "device",
        "command": "+",
        "command_poll_s": 0,
        "command_wait_s": 0,
    }
    return completed(values, changes)


def opened(*replies, **changes):
    """Returns (session, server), open."""
    session, server = start(http, config(**changes), *replies)
    opens(session)
    return session, server


def listening(*replies, **changes):
    """As `opened`, but it asks for commands every minute."""
    return opened(*replies, command_poll_s=60, **changes)
