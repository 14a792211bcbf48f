"""Drives the vendor's wiotp-sdk as an application, unchanged: hear an event, send a command.

argv[1]: {"address", "port", "tls", "websocket"?, "ca", "org_id", "api_key", "token", "type_id",
"device_id", "instance"?} as JSON; an instance makes it a scalable application. Prints one JSON
object a line. Runs in the vendor SDKs' own environment.
"""

import json
import sys

import hosts
import wiotp.sdk.application
from events import say

given = json.loads(sys.argv[1])
hosts.map_watson(given)
client = wiotp.sdk.application.ApplicationClient(
    config={
        "identity": {"appId": given.get("app_id", "tests")},
        "auth": {"key": given["api_key"], "token": given["token"]},
        "options": {"mqtt": {**hosts.options(given), "instanceId": given.get("instance")}},
    }
)
client.deviceEventCallback = lambda event: say(
    event="heard", device=event.deviceId, name=event.eventId, data=event.data
)
client.deviceCommandCallback = lambda command: say(
    event="command", device=command.deviceId, name=command.commandId, data=command.data
)
client.deviceStatusCallback = lambda status: say(
    event="presence", action=status.action, device=status.clientId, protocol=status.protocol
)
client.connect()
say(event="connected", ok=client.isConnected())
client.subscriptionCallback = lambda mid, qos: say(event="subscribed")
client.subscribeToDeviceStatus()
client.subscribeToDeviceCommands()
client.subscribeToDeviceEvents()
for line in sys.stdin:
    if line.strip() == "command":
        client.publishCommand(given["type_id"], given["device_id"], "reboot", "json", {"in": 5}, 1)
    else:
        break
client.disconnect()
