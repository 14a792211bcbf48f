"""Drives the vendor's aliyun-iot-linkkit, unchanged: log in, post, obey a set and a service.

argv[1]: {"address", "port", "tls", "ca", "product_key", "device_name", "device_secret", "model"}
as JSON; `model` is a thing model file. Prints one JSON object a line. Runs in the vendor SDKs' own
environment.
"""

import json
import sys
from pathlib import Path

from events import say
from linkkit import linkkit

given = json.loads(sys.argv[1])


def on_service(identifier, request_id, params, user_data):
    say(event="service", name=identifier, params=params)
    client.thing_answer_service(identifier, request_id, 200, {"done": 1})


client = linkkit.LinkKit(
    host_name="cn-shanghai",
    product_key=given["product_key"],
    device_name=given["device_name"],
    device_secret=given["device_secret"],
)
# Public parameters: the endpoint, the CA and TLS or not.
client.config_mqtt(
    port=given["port"],
    secure="TLS" if given["tls"] else "",
    cadata=Path(given["ca"]).read_text(),
    endpoint=given["address"],
)
client.on_connect = lambda session, code, data: say(event="connected", ok=code == 0)
client.on_thing_enable = lambda data: client.thing_post_property({"temperature": 21.5})
client.on_thing_prop_post = lambda i, code, data, text, user: say(event="posted", code=code)
client.on_thing_prop_changed = lambda params, data: say(event="set", params=params)
client.on_thing_call_service = on_service
client.thing_setup(given["model"])
client.connect_async()
sys.stdin.readline()
client.disconnect()
