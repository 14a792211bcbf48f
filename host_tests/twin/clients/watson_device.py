"""Drives the vendor's wiotp-sdk as a device, unchanged: log in, publish an event, obey a command.

argv[1]: {"address", "port", "tls", "websocket"?, "ca", "org_id", "type_id", "device_id", "token"}
as JSON. Prints one JSON object a line. Runs in the vendor SDKs' own environment.
"""

import json
import sys

import hosts
import wiotp.sdk.device
from events import say

given = json.loads(sys.argv[1])
hosts.map_watson(given)
client = wiotp.sdk.device.DeviceClient(
    config={
        "identity": {
            "orgId": given["org_id"],
            "typeId": given["type_id"],
            "deviceId": given["device_id"],
        },
        "auth": {"token": given["token"]},
        "options": {"mqtt": hosts.options(given)},
    }
)
client.commandCallback = lambda command: say(
    event="command", name=command.commandId, data=command.data
)
client.connect()
say(event="connected", ok=client.isConnected())
client.subscriptionsAcknowledged.wait(30)  # it subscribes to commands by itself, a bit later
published = client.publishEvent(
    "status", "json", {"temperature": 21.5}, qos=1, onPublish=lambda: say(event="acknowledged")
)
say(event="published", ok=published)
sys.stdin.readline()
client.disconnect()
