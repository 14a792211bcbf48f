"""What stands here for AWS IoT Core?  A mosquitto with policies, and a stub of the shadow service.

mosquitto takes the common name of a client's certificate for its user, and lets each use the
topics that a policy of AWS would. `ShadowStub` does what the pages "Device Shadow MQTT topics" and
"Device Shadow service documents" of AWS's developer guide say, but for `metadata`.
"""

import json
import queue
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt

from host_tests.portable.host.broker import Broker
from tools.pki.authority import Authority

THING = "meter-7"
APPLICATION = "application-1"
_SERVICE = "shadow-service"
_SHADOW = "$aws/things/{}/shadow/"

_POLICIES = f"""\
pattern readwrite {_SHADOW.format("%u")}#
pattern readwrite dt/%u/#
pattern readwrite cmd/%u/#

user {APPLICATION}
topic read dt/#
topic readwrite $aws/#

user {_SERVICE}
topic readwrite $aws/#
"""


class Aws:
    """A broker on loopback that lets in who has a certificate. folder: for its files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._authority = Authority(folder / "ca", "Amazon Root CA of a test")
        self.ca = self._authority.certificate_file
        server = self._authority.server(["localhost"], folder / "server.pem")
        policies = folder / "policies"
        policies.write_text(_POLICIES)
        policies.chmod(0o600)
        more = f"use_identity_as_username true\nacl_file {policies}\n"
        self._broker = Broker(folder, certificate=server, client_ca=self.ca, more=more)
        self._stub = ShadowStub(self.way(_SERVICE))

    def way(self, name: str) -> dict[str, Any]:
        """How one gets in who has a certificate of this name: "host", "port", "ca", "cert"."""
        file = self._folder / f"{name}.pem"
        if not file.exists():
            self._authority.client(name, target=file)
        end = {"host": "localhost", "address": "127.0.0.1", "port": self._broker.port}
        return {**end, "ca": str(self.ca), "cert": str(file)}

    def close(self) -> None:
        self._stub.close()
        self._broker.close()


class ShadowStub:
    """Keeps the shadows of all things, as AWS's service would. way: from `Aws.way`."""

    def __init__(self, way: dict[str, Any]) -> None:
        self._shadows: dict[str, dict[str, dict[str, Any]]] = {}
        self._versions: dict[str, int] = {}
        ready: queue.Queue[Any] = queue.Queue()
        self._client = client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, _SERVICE)
        client.tls_set(way["ca"], way["cert"])
        client.on_connect = lambda *_: client.subscribe(
            [(_SHADOW.format("+") + action, 1) for action in ("get", "update")]
        )
        client.on_subscribe = lambda *_: ready.put(None)
        client.on_message = lambda _client, _data, message: self._asked(message)
        client.connect(way["host"], way["port"])
        client.loop_start()
        ready.get(timeout=20)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _asked(self, message: mqtt.MQTTMessage) -> None:
        _, _, thing, _, action = message.topic.split("/")
        asked = json.loads(message.payload or b"{}")
        shadow = self._shadows.setdefault(thing, {"desired": {}, "reported": {}})
        version = self._versions.get(thing, 0)
        if action == "get":
            self._say(thing, asked, "get/accepted", self._document(thing))
        elif wrong := _wrong(asked, version):
            self._say(thing, asked, "update/rejected", wrong)
        else:
            self._versions[thing] = version + 1
            for side, changes in asked["state"].items():
                values = {**shadow[side], **changes}
                shadow[side] = {name: each for name, each in values.items() if each is not None}
            accepted = {"state": asked["state"], "version": version + 1}
            self._say(thing, asked, "update/accepted", accepted)
            document = self._document(thing)
            if delta := document["state"].get("delta"):
                self._say(thing, asked, "update/delta", {**document, "state": delta})

    def _document(self, thing: str) -> dict[str, Any]:
        shadow = self._shadows[thing]
        reported = shadow["reported"]
        delta = {
            name: value
            for name, value in shadow["desired"].items()
            if name not in reported or reported[name] != value
        }
        state = {**shadow, "delta": delta} if delta else shadow
        return {"state": state, "version": self._versions.get(thing, 0)}

    def _say(self, thing: str, asked: dict[str, Any], to: str, said: dict[str, Any]) -> None:
        token = {"clientToken": asked["clientToken"]} if "clientToken" in asked else {}
        body = {**said, "timestamp": int(time.time()), **token}
        self._client.publish(_SHADOW.format(thing) + to, json.dumps(body), 1)


def _wrong(asked: dict[str, Any], version: int) -> dict[str, Any] | None:
    """The error response document of an update; see "Device Shadow error messages"."""
    if not isinstance(asked.get("state"), dict):
        return {"code": 400, "message": "Missing required node: state"}
    if asked.get("version", version) != version:
        return {"code": 409, "message": "Version conflict"}
    return None
