"""For which devices does a gateway of Watson speak, which messages reach it, what is it told?

A standard gateway acts for itself and for the devices behind it, which are those that it was the
first to name. Sources: the platform's docs (`gateways/mqtt.md`); for the server's own conduct its
opened proxy, eclipse/amlen `pxmqtt.c`: facts only, no code. The docs' limit of 128 registrations
under way is never met: the twin's are done at once.
"""

import datetime
import re

from tools.twin.clouds.text import encode
from tools.twin.clouds.values import Client, Ending
from tools.twin.clouds.watson.client_id import PART
from tools.twin.clouds.watson.close_codes import close_code
from tools.twin.registry.store import Store
from tools.twin.wire.packets import Publish

_MESSAGES = {
    Ending.TOPIC: "The topic is not valid",
    Ending.FOREIGN: "The operation is not authorized",
}

_DEVICE = re.compile(r"(?:iot-2|iotdevice-1|iotdm-1)/type/([^/]+)/id/([^/]+)/")


def is_foreign(store: Store, client: Client, topic: str) -> bool:
    """Whether a gateway may not act for the device of a topic or filter.

    A device that nobody has registered is, as behind this gateway. With a wildcard for type or id
    the gateway hears whom it may.
    """
    named = _DEVICE.match(topic)
    if named is None or "+" in named.groups() or _is(client, named):
        return False
    product, name = f"{client.names['org']}/{named[1]}", named[2]
    device = store.device("watson", "device", product, name)
    if device is not None:
        return not (device.enabled and device.gateway == client.device.label)
    if store.device("watson", "gateway", product, name):
        return True
    if not (PART.fullmatch(named[1]) and PART.fullmatch(name)):
        return True  # its registration fails
    store.add("watson", "device", product, name, gateway=client.device.label)
    return False


def hears(store: Store, client: Client, topic: str) -> bool:
    """Whether a message reaches a gateway that subscribed to it, perhaps by a wildcard."""
    named = _DEVICE.match(topic)
    if named is None or _is(client, named):
        return True
    device = store.device("watson", "device", f"{client.names['org']}/{named[1]}", named[2])
    return device is not None and device.gateway == client.device.label


def notice(client: Client, request: str, topic: str, why: Ending) -> Publish:
    """What it is told on its notify topic. request: "Publish" or "Subscribe"."""
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    body = {"Request": request, "Time": now.replace("+00:00", "Z"), "Topic": topic}
    if named := _DEVICE.match(topic):
        body |= {"Type": named[1], "Id": named[2]}
    rest = {"Client": client.client_id, "RC": close_code(why), "Message": _MESSAGES[why]}
    names = client.names
    where = f"watson/{names['org']}/iot-2/type/{names['type']}/id/{names['id']}/notify"
    return Publish(where, encode({**body, **rest}))


def _is(client: Client, named: re.Match[str]) -> bool:
    """Whether a topic names the gateway itself."""
    return (client.names["type"], client.names["id"]) == named.groups()
