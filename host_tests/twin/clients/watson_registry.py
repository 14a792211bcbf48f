"""Drives the vendor's wiotp-sdk as an application, unchanged: types and devices by REST.

argv[1]: {"address", "port", "tls", "ca", "org_id", "api_key", "token"} as JSON. Prints one JSON
object a line: once a device is registered, and when a line came, what is known of it then; when
a second came, that it is gone. Runs in the vendor SDKs' own environment.
"""

import base64
import json
import os
import sys

import hosts
from events import say
from wiotp.sdk.application import ApplicationClient

given = json.loads(sys.argv[1])
os.environ["REQUESTS_CA_BUNDLE"] = given["ca"]
host = "{}.internetofthings.ibmcloud.com".format(given["org_id"])
hosts.map_hosts({(host, 443): (given["address"], given["port"])})
client = ApplicationClient({"auth": {"key": given["api_key"], "token": given["token"]}})
registry = client.registry

kind = registry.devicetypes.create({"id": "by-rest", "description": "made by a test"})
registry.devicetypes.update("by-rest", deviceInfo={"model": "m"})
names = [{"typeId": "by-rest", "deviceId": f"rest-{number}"} for number in range(60)]
devices = registry.devices.create([{**each, "authToken": "a token"} for each in names])
own = kind.devices["rest-7"]
own.setLocation({"latitude": 50, "longitude": 60})
own.diagErrorCodes.append({"errorCode": 5, "timestamp": "2026-01-01T00:00:00Z"})
say(
    event="registered",
    token=devices[7].authToken,
    known=[own.clientId in registry.devices, "by-rest" in registry.devicetypes],
    model=registry.devicetypes["by-rest"].deviceInfo.model,
    ids=[each.deviceId for each in kind.devices],
)
sys.stdin.readline()
registry.devices.update(names[7], metadata={"floor": 3}, deviceInfo={"serialNumber": "1"})
own = registry.devices["d:{}:by-rest:rest-7".format(given["org_id"])]
last = client.lec.getAll(names[7])
say(
    event="told",
    info=[own.deviceInfo.model, own.deviceInfo.serialNumber, own.metadata],
    location=[own.getLocation().latitude, own.getLocation().longitude],
    codes=[each["errorCode"] for each in own.diagErrorCodes],
    logs=[each.message for each in own.diagLogs],
    managed=own.getMgmt()["supports"],
    last=[[each.eventId, each.format, base64.b64decode(each.payload).decode()] for each in last],
    one=client.lec.get(names[7], "status").format,
    status=client.serviceStatus().messaging,
)
sys.stdin.readline()
del registry.devices[own.clientId]
registry.devices.delete([each for each in names if each["deviceId"] != "rest-7"])
del registry.devicetypes["by-rest"]
say(event="gone", known=[own.clientId in registry.devices, "by-rest" in registry.devicetypes])
