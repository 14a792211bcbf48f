"""Drives the vendor's enos-mqtt-sdk-python, unchanged: log in, post, obey a service.

argv[1]: {"address", "port", "product_key", "device_key", "device_secret"} as JSON. Prints one JSON
object a line. Runs in the vendor SDKs' own environment.
"""

import json
import sys
import threading

from enos.core.message.IConnectCallback import IConnectCallback
from enos.core.MqttClient import MqttClient
from enos.message.downstream.tsl.ServiceInvocationCommand import ServiceInvocationCommand
from enos.message.downstream.tsl.ServiceInvocationReply import ServiceInvocationReply
from enos.message.upstream.resume.MeasurepointResumeBatchRequest import (
    MeasurepointResumeBatchRequest,
)
from enos.message.upstream.tsl.MeasurepointPostRequest import MeasurepointPostRequest
from events import say

given = json.loads(sys.argv[1])
obeyed = threading.Event()


def serve(command, arguments):
    say(event="command", name=arguments[2], params=command.get_params())
    obeyed.set()
    total = command.get_params()["left"] * command.get_params()["right"]
    return ServiceInvocationReply.builder().add_output_data("result", total).set_code(200).build()


url = "tcp://{address}:{port}".format(**given)
client = MqttClient(url, given["product_key"], given["device_key"], given["device_secret"])
client.register_arrived_message_handler(ServiceInvocationCommand.get_class(), serve)
# With a callback: without one, `connect` may sleep out its timeout when CONNACK is quick.
connected = threading.Event()
callback = IConnectCallback()
callback.on_connect = connected.set
client.connect(callback)
connected.wait(30)
say(event="connected", ok=client.is_connected())
post = MeasurepointPostRequest.builder().add_measurepoint("temperature", 21.5).build()
say(event="posted", code=client.publish(post).get_code())
late = MeasurepointResumeBatchRequest.builder()
for n in (1, 2):
    post = MeasurepointPostRequest.builder().add_measurepoint("n", n).set_timestamp(n).build()
    late.add_request(post)
say(event="late", code=client.publish(late.build()).get_code())
obeyed.wait(30)
sys.stdin.readline()  # the reply is on its way when the test says so
client.disconnect()
client.close()
