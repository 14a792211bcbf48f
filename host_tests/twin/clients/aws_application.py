"""Drives AWSIoTPythonSDK as an application that wishes and watches, unchanged: a thing's shadow.

argv[1]: {"host", "port", "ca", "cert", "thing", "topic"} as JSON: `cert` is a file with
certificate and key, `topic` where the thing reports. Lines on stdin: a JSON object is what the
thing is to become, `get` asks for its shadow. Prints one JSON object a line. Runs in the vendor
SDKs' own environment.
"""

import json
import sys

from AWSIoTPythonSDK.MQTTLib import AWSIoTMQTTShadowClient
from events import say

given = json.loads(sys.argv[1])
client = AWSIoTMQTTShadowClient("application-1")
client.configureEndpoint(given["host"], given["port"])
client.configureCredentials(given["ca"], given["cert"], given["cert"])
say(event="connected", ok=client.connect())
shadow = client.createShadowHandlerWithName(given["thing"], True)


def answered(payload, status, token):
    say(event=status, **json.loads(payload))


def reported(_client, _user_data, message):
    say(event="report", topic=message.topic, payload=json.loads(message.payload))


client.getMQTTConnection().subscribe(given["topic"], 1, reported)
say(event="listening")
for line in sys.stdin:
    if line == "end\n":
        break
    if line == "get\n":
        shadow.shadowGet(answered, 10)
    else:
        shadow.shadowUpdate(json.dumps({"state": {"desired": json.loads(line)}}), answered, 10)
client.disconnect()
