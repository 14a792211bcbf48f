"""Drives the vendor's enos-mqtt-sdk-python, unchanged: it is activated with a product secret.

argv[1]: {"address", "port", "product_key", "product_secret", "device_key"} as JSON. Prints one
JSON object a line. Runs in the vendor SDKs' own environment.
"""

import json
import sys

from enos.core.internal.Profile import Profile
from enos.core.login.DynamicActivationLogin import DynamicActivationLogin
from enos.core.message.IConnectCallback import IConnectCallback
from enos.core.MqttClient import MqttClient
from events import say

given = json.loads(sys.argv[1])
names = [given[name] for name in ("product_key", "product_secret", "device_key")]
login = DynamicActivationLogin("tcp://{address}:{port}".format(**given), *names)
client = MqttClient(profile=Profile.create_instance(login))
client.on_device_dynamic_active = lambda secret: say(event="activated", secret=secret)
client.connect(IConnectCallback())
sys.stdin.readline()  # its reply is on its way when the test says so
client.close()
