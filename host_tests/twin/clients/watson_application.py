"""Drives the vendor's wiotp-sdk as an application, unchanged: hear an event, send a command.

argv[1]: {"address", "port", "tls", "ca", "org_id", "api_key", "token", "type_id", "device_id"} as
JSON. Prints one JSON object a line. Runs in the vendor SDKs' own environment.
"""

import json
import sys

import hosts
import wiotp.sdk.application
from events import say

given = json.loads(sys.argv[1])
host = "{}.messaging.internetofthings.ibmcloud.com".format(given["org_id"])
documented = 8883 if given["tls"] else 1883
hosts.map_hosts({(host, documented): (given["address"], given["port"])})


client = wiotp.sdk.application.ApplicationClient(
    config={
        "identity": {"appId": "tests"},
        "auth": {"key": given["api_key"], "token": given["token"]},
        "options": {"mqtt": {"port": documented, "caFile": given["ca"]}},
    }
)
client.deviceEventCallback = lambda event: say(
    event="heard", device=event.deviceId, name=event.eventId, data=event.data
)
client.deviceStatusCallback = lambda status: say(event="presence", action=status.action)
client.connect()
say(event="connected", ok=client.isConnected())
client.subscribeToDeviceStatus()
client.subscriptionCallback = lambda mid, qos: say(event="subscribed")
client.subscribeToDeviceEvents()
for line in sys.stdin:
    if line.strip() == "command":
        client.publishCommand(given["type_id"], given["device_id"], "reboot", "json", {"in": 5}, 1)
    else:
        break
client.disconnect()
