"""Drives the vendor's wiotp-sdk as a gateway, unchanged, for itself and for a device behind it.

argv[1]: {"address", "port", "tls", "websocket"?, "ca", "org_id", "type_id", "device_id", "token"}
as JSON. Prints one JSON object a line. Runs in the vendor SDKs' own environment.
"""

import json
import sys

import hosts
import wiotp.sdk.gateway
from events import say

given = json.loads(sys.argv[1])
hosts.map_watson(given)
client = wiotp.sdk.gateway.GatewayClient(
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


def hear(_client, _userdata, message):
    command = wiotp.sdk.gateway.Command(message, {"json": client.getMessageCodec("json")})
    say(event="command", device=command.deviceId, name=command.commandId, data=command.data)


# Version 1.0.1 reads a gateway's commands as a device's, and so refuses their topic; its public
# class for them takes them, called from paho-mqtt, which it shows to everyone.
own = "iot-2/type/{type_id}/id/{device_id}/cmd/+/fmt/json".format(**given)
client.client.message_callback_remove(own)
client.client.message_callback_add("iot-2/type/+/id/+/cmd/+/fmt/+", hear)
client.notificationCallback = lambda note: say(event="notice", data=note.data)
client.connect()
say(event="connected", ok=client.isConnected())
client.subscriptionCallback = lambda mid, qos: say(event="subscribed", qos=qos)
client.subscribeToNotifications()
client.subscribeToCommands()
client.subscribeToDeviceCommands("sensor", "s-sdk")
client.publishEvent("status", "json", {"temperature": 21.5}, qos=1)
client.publishDeviceEvent("sensor", "s-sdk", "status", "json", {"humidity": 40}, qos=1)
for line in sys.stdin:
    if line.strip() == "wrong":  # an event for a device that is not behind it
        client.publishDeviceEvent("esp32", "board-1", "status", "json", {}, qos=1)
    else:
        break
client.disconnect()
