"""How do tests send exact bytes to the twin, and connect as a device of each cloud?

`Raw` is a socket with MQTT framing and no opinions; `paho` makes paho-mqtt clients, an independent
client. Passwords come from tools.signing, which test_signing.py holds to published vectors.
"""

import contextlib
import queue
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import paho.mqtt.client as mqtt

from host_tests.support import Twin
from tools import signing
from tools.twin.wire import packets

TIMEOUT_S = 20.0
NOW = "1700000000000"


class Raw:
    """A TCP connection that sends bytes and receives packets."""

    def __init__(self, way: dict[str, Any]) -> None:
        self.socket = socket.create_connection((way["address"], way["port"]), TIMEOUT_S)
        self._decoder = packets.Decoder()
        self._packets: list[packets.Packet] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """All of `data`."""
        self.socket.sendall(data)

    def receive(self) -> packets.Packet | None:
        """The next packet; None once the peer has closed."""
        while not self._packets:
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self._packets = self._decoder.feed(data)
        return self._packets.pop(0)

    def login(self, connect: packets.Connect) -> int | None:
        """Send a CONNECT; the CONNACK's code, or None when closed without one."""
        self.send(connect.encode())
        packet = self.receive()
        if packet is None:
            return None
        assert packet.kind == packets.CONNACK
        return packet.body[1]

    def publish(self, topic: str, payload: bytes, **options: Any) -> None:
        """A PUBLISH; see packets.Publish for the options."""
        self.send(packets.Publish(topic, payload, **options).encode())

    def closed(self) -> bool:
        """Wait for the peer to close; False when it sends something instead."""
        return self.receive() is None


def connect_of(twin: Twin, cloud: str, *, way: str = "mqtt", **changes: Any) -> packets.Connect:
    """The CONNECT of a cloud's ready device, as its document has it; `changes` to its fields."""
    device = twin.device(cloud)
    return {"enos": _enos, "alibaba": _alibaba, "watson": _watson}[cloud](device, way, changes)


def _connect(client_id: str, user: str | None, password: str, changes: Any) -> packets.Connect:
    fields: dict[str, Any] = {
        "level": 4,
        "client_id": client_id,
        "clean_session": True,
        "keepalive_s": 60,
        "will": None,
        "user": user,
        "password": password.encode(),
    }
    return packets.Connect(**(fields | changes))


def _enos(device: dict[str, str], way: str, changes: Any) -> packets.Connect:
    fields = {
        "clientId": "c1",
        "deviceKey": device["device_key"],
        "productKey": device["product_key"],
        "timestamp": NOW,
    }
    signature = signing.enos(fields, device["device_secret"], "sha256").signature
    client_id = f"c1|securemode=2,signmethod=sha256,timestamp={NOW}|"
    user = f"{device['device_key']}&{device['product_key']}"
    return _connect(client_id, user, signature, changes)


def _alibaba(device: dict[str, str], way: str, changes: Any) -> packets.Connect:
    fields = {
        "clientId": "c1",
        "deviceName": device["device_name"],
        "productKey": device["product_key"],
        "timestamp": NOW,
    }
    signature = signing.alibaba(fields, device["device_secret"], "hmacsha256").signature
    mode = 2 if way == "mqtts" else 3
    client_id = f"c1|securemode={mode},signmethod=hmacsha256,timestamp={NOW}|"
    user = f"{device['device_name']}&{device['product_key']}"
    return _connect(client_id, user, signature, changes)


def _watson(device: dict[str, str], way: str, changes: Any) -> packets.Connect:
    client_id = f"d:{device['org_id']}:{device['type_id']}:{device['device_id']}"
    return _connect(client_id, "use-token-auth", device["token"], changes)


def application_connect(twin: Twin, app_id: str = "tests") -> packets.Connect:
    """The CONNECT of Watson's ready application."""
    given = twin.ready["clouds"]["watson"]["application"]
    client_id = f"a:{given['org_id']}:{app_id}"
    return _connect(client_id, given["api_key"], given["token"], {})


def gateway_connect(twin: Twin, **changes: Any) -> packets.Connect:
    """The CONNECT of Watson's ready gateway."""
    given = twin.ready["clouds"]["watson"]["gateway"]
    client_id = f"g:{given['org_id']}:{given['type_id']}:{given['device_id']}"
    return _connect(client_id, "use-token-auth", given["token"], changes)


class Paho:
    """A paho-mqtt client that is logged in; messages wait in a queue."""

    def __init__(self, way: dict[str, Any], connect: packets.Connect, ca: str | None = None):
        self.messages: queue.Queue[mqtt.MQTTMessage] = queue.Queue()
        self.connects: queue.Queue[Any] = queue.Queue()
        self.disconnects: queue.Queue[Any] = queue.Queue()
        self.client = client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2,
            connect.client_id,
            clean_session=connect.clean_session,
            reconnect_on_failure=False,
            transport="websockets" if "websocket" in way else "tcp",
        )
        password = (connect.password or b"").decode()
        if connect.user is not None:
            client.username_pw_set(connect.user, password)
        if connect.will is not None:
            will = connect.will
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        if ca is not None:
            client.tls_set(ca)
        client.on_message = lambda c, u, message: self.messages.put(message)
        client.on_connect = lambda c, u, flags, reason, p: self.connects.put((flags, reason))
        client.on_disconnect = lambda c, u, flags, reason, p: self.disconnects.put(reason)
        client.connect(way["address"], way["port"], connect.keepalive_s)
        client.loop_start()
        flags, reason = self.connects.get(timeout=TIMEOUT_S)
        assert not reason.is_failure, reason
        self.session_present = flags.session_present

    def subscribe(self, topic_filter: str, qos: int = 1) -> None:
        """Subscribe and wait until the cloud has granted it."""
        granted: queue.Queue[Any] = queue.Queue()
        self.client.on_subscribe = lambda c, u, mid, reasons, p: granted.put(reasons)
        self.client.subscribe(topic_filter, qos)
        assert not granted.get(timeout=TIMEOUT_S)[0].is_failure

    def publish(
        self, topic: str, payload: bytes | str, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish and wait for the acknowledgement."""
        self.client.publish(topic, payload, qos, retain).wait_for_publish(TIMEOUT_S)

    def next(self) -> mqtt.MQTTMessage:
        """The next message."""
        return self.messages.get(timeout=TIMEOUT_S)

    def drop(self) -> None:
        """Leave without a DISCONNECT, as a board that lost power."""
        sock = self.client.socket()
        assert sock is not None
        sock.shutdown(socket.SHUT_RDWR)
        self.disconnects.get(timeout=TIMEOUT_S)
        self.client.loop_stop()

    def end(self) -> None:
        """Say goodbye."""
        self.client.disconnect()
        self.client.loop_stop()


@contextlib.contextmanager
def paho(
    twin: Twin,
    cloud: str,
    *,
    way: str = "mqtt",
    connect: packets.Connect | None = None,
    **changes: Any,
) -> Iterator[Paho]:
    """A logged-in paho client, by default as the cloud's ready device."""
    wanted = connect or connect_of(twin, cloud, way=way, **changes)
    ca = twin.ready["ca_file"] if twin.way(cloud, way)["tls"] else None
    client = Paho(twin.way(cloud, way), wanted, ca)
    try:
        yield client
    finally:
        client.end()


def wait_until(condition: Any) -> None:
    """Poll a condition that another process makes true."""
    deadline = time.monotonic() + 6 * TIMEOUT_S  # a twin that starts on a busy machine, say
    while not condition():
        assert time.monotonic() < deadline, "never became true"
        time.sleep(0.01)


def children(twin: Twin) -> list[Path]:
    """The /proc folders of the twin's child processes."""
    pid = str(twin.ready["pid"])
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            except OSError:
                continue
            if parent == pid:
                found.append(folder)
    return found
