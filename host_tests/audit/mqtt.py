"""What does an MQTT login get? Asked by mosquitto_pub, by paho-mqtt, and by the vendors' SDKs."""

import json
import re
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from host_tests.audit.place import Place
from host_tests.audit.row import Probe, here
from host_tests.twin.clients.hosts import map_hosts
from tools import toolchain

TIMEOUT_S = 20.0
_MOSQUITTO = {3: "mqttv31", 4: "mqttv311"}
# paho's reason codes, which are MQTT 5's, as the codes of MQTT 3.1.1, table 3.1.
_CONNACK = {0: 0, 132: 1, 133: 2, 136: 3, 134: 4, 135: 5}
_HOSTS = {
    "enos": "mqtt.enos.test",
    "alibaba": "a1GFjLPXXXX.iot-as-mqtt.cn-shanghai.aliyuncs.com",
    "watson": "orgId1.messaging.internetofthings.ibmcloud.com",
}


def mosquitto(
    cloud: str, client: str, user: str | None, password: str, *, version: int = 4
) -> Probe:
    """Gives "CONNACK n", or "closed". version: 3 is MQTT 3.1, 4 is 3.1.1."""

    def ask(place: Place) -> str:
        way = place.twin.way(cloud)
        where = ("-h", way["address"], "-p", str(way["port"]), "-V", _MOSQUITTO[version])
        identity = ("-i", client) if user is None else ("-i", client, "-u", user, "-P", password)
        program = here(lambda: toolchain.mosquitto("mosquitto_pub"))
        printed = place.run(program, "-d", *where, *identity, "-t", "nowhere", "-n")
        found = re.search(r"received CONNACK \((\d+)\)", printed)
        return f"CONNACK {found[1]}" if found else "closed"

    return Probe("mosquitto_pub", ask)


def mqtt(
    cloud: str,
    client: str,
    user: str | None = None,
    password: str = "",
    way: str = "mqtts",
    *,
    host: str = "",
    version: int = 4,
    certificate: str = "",
    publish: tuple[str, bytes] | None = None,
) -> Probe:
    """Gives "CONNACK n", "closed", or OpenSSL's word for the alert.

    publish: topic and payload; then "stored" or "closed". host: in SNI and in the certificate; "-"
    for none. certificate: a file of the place.
    """

    def ask(place: Place) -> str:
        try:
            connection = Connection(
                place, cloud, client, user, password, way, host, version, certificate
            )
        except ssl.SSLError as error:
            return error.reason or str(error)
        with connection:
            if connection.answer != "CONNACK 0" or publish is None:
                return connection.answer
            return connection.publish(*publish)

    return Probe("paho-mqtt", ask)


class Connection:
    """A paho client that has its CONNACK, or was closed: `answer`."""

    def __init__(  # noqa: PLR0917
        self,
        place: Place,
        cloud: str,
        client: str,
        user: str | None = None,
        password: str = "",
        way: str = "mqtts",
        host: str = "",
        version: int = 4,
        certificate: str = "",
    ) -> None:
        door = place.twin.way(cloud, way)
        address = (door["address"], door["port"])
        host = address[0] if host == "-" else host or _HOSTS[cloud]
        map_hosts({(host, door["port"]): address})
        self.answer = ""
        self._client = made = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client,
            clean_session=None if version == 5 else True,
            protocol=paho.MQTTProtocolVersion(version),
            transport="websockets" if "websocket" in door else "tcp",
            reconnect_on_failure=False,
        )
        if user is not None:
            made.username_pw_set(user, password)
        if door["tls"]:
            context = ssl.create_default_context(cafile=place.ca)
            if certificate:
                file = place.files / certificate
                key = file.with_suffix(".key")  # or it stands in the same file
                context.load_cert_chain(file, key if key.exists() else None)
            made.tls_set_context(context)
        made.on_connect = self._answered
        made.connect(host, door["port"])
        self._until(lambda: bool(self.answer))
        self.answer = self.answer or "closed"

    def _answered(self, client: Any, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        self.answer = f"CONNACK {_CONNACK.get(reason.value, reason)}"

    def _until(self, done: Any) -> bool:
        deadline = time.monotonic() + TIMEOUT_S
        while not done():
            if self._client.loop(0.05) or time.monotonic() > deadline:
                return bool(done())
        return True

    def publish(self, topic: str, payload: bytes) -> str:
        """Gives "stored" with PUBACK, or "closed"."""
        sent = self._client.publish(topic, payload, 1)
        return "stored" if self._until(sent.is_published) else "closed"

    def subscribe(self, topic: str) -> None:
        """Messages wait in `heard` once the broker has granted it."""
        self.heard: list[Any] = []
        granted: list[Any] = []
        self._client.on_message = lambda c, d, message: self.heard.append(message)
        self._client.on_subscribe = lambda *given: granted.append(given)
        self._client.subscribe(topic, 1)
        self._until(lambda: granted)

    def hears(self) -> list[str]:
        """Topics of what comes, until it has been silent for a moment."""
        self._until(lambda: self.heard)
        self.closed(0.5)
        return [message.topic for message in self.heard]

    def closed(self, within_s: float = TIMEOUT_S) -> bool:
        """Whether the server closes it within this time."""
        end = time.monotonic() + within_s
        while time.monotonic() < end:
            if self._client.loop(0.05):
                return True
        return False

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.disconnect()
        self._client.loop(0.05)


def evicts(cloud: str, first: tuple[str, ...], second: tuple[str, ...]) -> Probe:
    """Gives "first closed" when the second connection ends the first, else "both stay".

    Each: client id, user, password, way in.
    """

    def ask(place: Place) -> str:
        with Connection(place, cloud, *first) as one, Connection(place, cloud, *second) as two:
            if (one.answer, two.answer) != ("CONNACK 0", "CONNACK 0"):
                return f"{one.answer}, {two.answer}"
            return "first closed" if one.closed() and not two.closed(0.2) else "both stay"

    return Probe("paho-mqtt", ask)


def sdk(cloud: str, script: str, way: str, wanted: str, **identity: str) -> Probe:
    """Gives "stored" once a vendor's own SDK has said `wanted`.

    script: one of twin/clients. wanted: an event of it.
    """

    def ask(place: Place) -> str:
        python = here(toolchain.vendor_sdks)
        given = {**place.config(cloud, way), **place.twin.way(cloud, way), "ca": place.ca}
        folder = Path(__file__).parent.parent / "twin/clients"
        process = subprocess.Popen(
            [python, folder / script, json.dumps({**given, **identity})],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        said = ""
        with process:
            for said in process.stdout or ():
                if said.startswith("{") and json.loads(said)["event"] == wanted:
                    process.kill()  # one waits 30 s for a command
                    return "stored"
        return f"ended after {said!r}"

    return Probe("vendor's SDK", ask)
