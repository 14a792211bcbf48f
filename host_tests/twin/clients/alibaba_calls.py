"""Drives the vendor's aliyun-iot-linkkit, unchanged, call by call: each is a line of stdin.

argv[1]: {"client": LinkKit's arguments, "mqtt": those of config_mqtt, "model": a thing model file,
"hosts": [[HOST, PORT, ADDRESS, PORT], ...] to map} as JSON. A line is a JSON list: a method and
its arguments. Prints {"event": "called", "result"} of each, and {"event": NAME, "args"} of each
callback. Runs in the vendor SDKs' own environment.
"""

import json
import sys
from functools import partial

import hosts
from events import say
from linkkit import linkkit

given = json.loads(sys.argv[1])
hosts.map_hosts({(host, port): (address, to) for host, port, address, to in given["hosts"]})


def plain(value):
    """What JSON can write of it."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    simple = isinstance(value, (str, int, float, dict, type(None)))
    return value if simple else getattr(value, "name", str(value))


client = linkkit.LinkKit(**given["client"])
client.config_mqtt(**given["mqtt"])
client.thing_setup(given["model"])
for name in dir(linkkit.LinkKit):
    if name.startswith("on_"):
        setattr(client, name, partial(lambda who, *args: say(event=who, args=plain(args)), name))
for line in sys.stdin:
    if line == "end\n":
        break
    method, *args = json.loads(line)
    if method == "thing_trigger_event":
        args = [tuple(args[0])]  # no other will do
    say(event="called", result=plain(getattr(client, method)(*args)))
client.disconnect()
