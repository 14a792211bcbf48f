"""Drives Microsoft's azure-iot-device, unchanged: register, log in, report, obey, keep a twin.

argv[1]: {"address", "port", "ca", "hub", "device_id", "device_key" or "certificate", "websocket"?}
as JSON; with "id_scope" and "registration_id" it asks DPS for hub and device id; with "se" it
prints the token that ends then. Prints one JSON object a line. Runs in the vendor SDKs' own
environment.
"""

import json
import sys
import time
from pathlib import Path

import hosts
from azure.iot.device import (
    X509,
    IoTHubDeviceClient,
    Message,
    MethodResponse,
    ProvisioningDeviceClient,
)
from azure.iot.device.common.auth.sastoken import RenewableSasToken
from azure.iot.device.common.auth.signing_mechanism import SymmetricKeySigningMechanism
from azure.iot.device.exceptions import ClientError
from events import say

_DPS = "global.azure-devices-provisioning.net"

given = json.loads(sys.argv[1])
options = {"server_verification_cert": Path(given["ca"]).read_text()}
with_certificate = "certificate" in given
if with_certificate:
    options["x509"] = X509(given["certificate"], given["certificate"])
else:
    options["symmetric_key"] = given["device_key"]

if "se" in given:
    resource = "{hub}/devices/{device_id}".format(**given)
    mechanism = SymmetricKeySigningMechanism(given["device_key"])
    token = RenewableSasToken(resource, mechanism, ttl=given["se"] - time.time())
    say(event="token", text=str(token))


def registered():
    """Hub and device id, as DPS has them."""
    hosts.map_hosts({(_DPS, 8883): (given["address"], given["port"])})
    create = ProvisioningDeviceClient.create_from_symmetric_key
    if with_certificate:
        create = ProvisioningDeviceClient.create_from_x509_certificate
    own = {"provisioning_host": _DPS, "id_scope": given["id_scope"]}
    result = create(registration_id=given["registration_id"], **own, **options).register()
    state = result.registration_state
    say(event="registered", status=result.status, hub=state.assigned_hub, id=state.device_id)
    return state.assigned_hub, state.device_id


def obey(request):
    say(event="method", name=request.name, data=request.payload)
    total = request.payload["left"] * request.payload["right"]
    answer = MethodResponse.create_from_method_request(request, 201, {"result": total})
    client.send_method_response(answer)


def hear(message):
    say(event="message", id=message.message_id, data=json.loads(message.data))


try:
    hub, device_id = registered() if "id_scope" in given else (given["hub"], given["device_id"])
    hosts.map_hosts({(hub, port): (given["address"], given["port"]) for port in (443, 8883)})
    create = IoTHubDeviceClient.create_from_symmetric_key
    if with_certificate:
        create = IoTHubDeviceClient.create_from_x509_certificate
    options |= {"connection_retry": False, "websockets": given.get("websocket", False)}
    client = create(hostname=hub, device_id=device_id, **options)
    client.connect()
except ClientError as error:
    say(event="refused", error=type(error).__name__)
    sys.exit()
say(event="connected", ok=client.connected)
client.on_method_request_received = obey
client.on_message_received = hear
client.on_twin_desired_properties_patch_received = lambda patch: say(event="desired", data=patch)
message = Message(json.dumps({"temperature": 21.5}), "m 1", "utf-8", "application/json")
message.custom_properties["place"] = "roof & cellar"
client.send_message(message)
say(event="sent")
client.patch_twin_reported_properties({"firmware": "1.0", "led": {"on": True}})
say(event="twin", data=client.get_twin())
sys.stdin.readline()
client.shutdown()
