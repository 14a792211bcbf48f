"""Drives the vendor's wiotp-sdk as a managed device or gateway, unchanged.

argv[1]: {"kind": "device" or "gateway", "address", "port", "tls", "ca", "org_id", "type_id",
"device_id", "token"} as JSON. Prints one JSON object a line. Runs in the vendor SDKs' own
environment.
"""

import json
import sys
import time

import hosts
import wiotp.sdk.device
import wiotp.sdk.gateway
from events import say

given = json.loads(sys.argv[1])
hosts.map_watson(given)
classes = {
    "device": wiotp.sdk.device.ManagedDeviceClient,
    "gateway": wiotp.sdk.gateway.ManagedGatewayClient,
}
client = classes[given["kind"]](
    {
        "identity": {
            "orgId": given["org_id"],
            "typeId": given["type_id"],
            "deviceId": given["device_id"],
        },
        "auth": {"token": given["token"]},
        "options": {"mqtt": hosts.options(given)},
    }
)
DOWNLOADED = client.UPDATESTATE_DOWNLOADED
BUNDLE = "example-dme-actions-v1"


def act(request_id, action):
    say(event="action", action=action)
    client.respondDeviceAction(request_id)


def install(action, firmware):
    say(event="firmware", action=action, uri=firmware.url, version=firmware.version)
    if action == "download":
        client.setState(DOWNLOADED)
    else:
        client.setUpdateStatus(client.UPDATESTATE_SUCCESS)


def extend(topic, data, _request_id):
    say(event="custom", topic=topic, data=data["d"])
    return True


def did(what, resolved):
    say(event="done", what=what, ok=resolved.wait(30))


client.deviceActionCallback = act
client.firmwereActionCallback = install
client.dmeActionCallback = extend
client.connect()
client.subscriptionsAcknowledged.wait(30)
if given["kind"] == "device":
    did("location", client.setLocation(longitude=100, latitude=78, accuracy=100))
    did("code", client.setErrorCode(1))
    did("codes", client.clearErrorCodes())
    did("log", client.addLog("hot", "", 1))
    did("logs", client.clearLog())
    # Version 1.0.1 sends a manage request without bundles after each SUBACK: this one is the last.
    did("manage", client.manage(0, True, True, True, [BUNDLE]))
else:
    did("manage", client.manage(0, False, False))
    did("code", client.setErrorCode(1))
    did("codes", client.clearErrorCodes())
for line in sys.stdin:
    if line.strip() == "unmanage":
        did("unmanage", client.unmanage())
    elif line.strip() == "metadata":
        deadline = time.monotonic() + 30
        while not client.metadata and time.monotonic() < deadline:
            time.sleep(0.01)
        say(event="metadata", data=client.metadata)
    else:
        break
if given["kind"] == "device" and client.manageTimer:
    client.manageTimer.cancel()
client.disconnect()
