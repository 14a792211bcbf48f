"""Which clouds does a session meet in `fuzz_sessions`, and how is it made without a network?"""

import json
import os
import sys

from talk_coap import Coap
from talk_http import Http
from talk_mqtt import Mqtt

_HOST = {"host": "cloud.test", "address": "192.0.2.1", "retry_s": 1}
_SECRET = "0123456789abcdef" * 2
_ALIBABA = {
    "cloud": "alibaba",
    "product_key": "pk",
    "device_name": "dn",
    "device_secret": _SECRET,
}
_ENOS = {"cloud": "enos", "product_key": "pk", "device_key": "dn", "device_secret": _SECRET}
_WATSON = {
    "cloud": "watson",
    "org_id": "abcdef",
    "type_id": "t",
    "device_id": "d",
    "token": _SECRET,
}
_GATEWAY = dict(_WATSON, role="gateway")
_APPLICATION = {
    "cloud": "watson",
    "org_id": "abcdef",
    "role": "application",
    "app_id": "a",
    "api_key": "a-abcdef-k",
    "token": _SECRET,
    "subscribe": ["iot-2/type/+/id/+/evt/+/fmt/+", "iot-2/type/+/id/+/mon"],
}
_INSECURE = {"tls": False, "insecure": True}
_ASKS_OFTEN = dict(_INSECURE, command_poll_s=1)


def _peer(kind, way, identity, further):
    """A function of mutate.Random that makes the peer, with `config`, what device.json says."""

    def make(random):
        peer = kind(random, identity)
        peer.config = dict(_HOST, way=way, **identity)
        peer.config.update(further)
        return peer

    return make


WAYS = {
    "alibaba-mqtt": _peer(Mqtt, "mqtt", _ALIBABA, _INSECURE),
    "enos-mqtt": _peer(Mqtt, "mqtt", _ENOS, _INSECURE),
    "watson-mqtt": _peer(Mqtt, "mqtt", _WATSON, _INSECURE),
    "gateway-mqtt": _peer(Mqtt, "mqtt", _GATEWAY, _INSECURE),
    "application-mqtt": _peer(Mqtt, "mqtt", _APPLICATION, _INSECURE),
    "alibaba-http": _peer(Http, "http", _ALIBABA, {}),
    "watson-http": _peer(Http, "http", _WATSON, _ASKS_OFTEN),
    "gateway-http": _peer(Http, "http", _GATEWAY, _ASKS_OFTEN),
    "alibaba-coap": _peer(Coap, "coap", _ALIBABA, {"tls": False}),
}


class _NoFiles:
    """In place of signet.device.credentials: TLS, where a way wants it, is not fuzzed here."""

    @staticmethod
    def load(config, log):
        pass


def session(peer, folder, random_os, connect):
    """Makes the session that a board with the peer's device.json has.

    Args:
        peer: of WAYS. folder: str, to be made and gone to. random_os: in place of `os`.
        connect: in place of what opens a channel.
    """
    os.mkdir(folder)
    os.chdir(folder)
    with open("device.json", "w") as file:
        json.dump(peer.config, file)
    import signet
    from signet import link
    from signet.cloud import dial
    from signet.net import datagram
    from signet.reports.messages import Report

    sys.modules["signet.device.credentials"] = _NoFiles
    Report._last_id = 4_000_000_000  # the same ids on every build
    dial.connect = datagram.UdpChannel = connect
    made = []
    link.Link = lambda session, *rest: made.append(session)
    __import__("signet.cloud.{}.{}".format(peer.config["cloud"], peer.config["way"]))
    for name, module in list(sys.modules.items()):
        if name.startswith("signet.") and hasattr(module, "os"):
            module.os = random_os
    signet.open("device.json", log=lambda line: None)
    return made[0]
