"""How does a test speak HTTP to the twin as a device, by other people's code?

http.client sends and receives; a login of Alibaba is signed in `coap_device`. `Bare` is a socket,
for what no client would send and for replies that none would take.
"""

import base64
import http.client
import json
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, Self

from host_tests.support import Twin
from host_tests.twin.coap_device import login_body
from tools.twin.registry.store import Device, open_store

TIMEOUT_S = 20.0
JSON = {"Content-Type": "application/json"}
OCTETS = {"Content_Type": "application/octet-stream"}  # as Bare.request takes it
VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "watson-http.json").read_text())
"""Watson's HTTP messaging as its opened proxy's own tests have it; the file names the sources."""


class Answer(NamedTuple):
    """A reply. headers: by lower-case name."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """Its body as JSON."""
        return json.loads(self.body)


def connected(twin: Twin, way: Mapping[str, Any]) -> socket.socket:
    """A connection to a way in, with TLS where that has it."""
    plain = socket.create_connection((way["address"], way["port"]), TIMEOUT_S)
    if not way["tls"]:
        return plain
    context = ssl.create_default_context(cafile=twin.ready["ca_file"])
    return context.wrap_socket(plain, server_hostname=way["host"])


class Http:
    """One connection of http.client, which is not opened again once it is closed."""

    def __init__(self, twin: Twin, cloud: str, way: str = "https", host: str = "") -> None:
        self.way = twin.way(cloud, way)
        self.host = host or self.way["host"]
        self._connection = http.client.HTTPConnection(self.host)
        self._connection.auto_open = 0
        self._connection.sock = connected(twin, {**self.way, "host": self.host})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def send(
        self,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        method: str = "POST",
    ) -> None:
        """A request."""
        given = dict(headers or {})
        self._connection.putrequest(
            method, path, skip_host="Host" in given, skip_accept_encoding=True
        )
        for name, value in {**given, "Content-Length": str(len(body))}.items():
            if value:
                self._connection.putheader(name, value)
        self._connection.endheaders(body)

    def receive(self) -> Answer:
        """The reply to it."""
        reply = self._connection.getresponse()
        headers = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, headers, reply.read())

    def ask(self, path: str, body: bytes = b"", *given: Any, **more: Any) -> Answer:
        """Both."""
        self.send(path, body, *given, **more)
        return self.receive()

    @property
    def kept(self) -> bool:
        """Whether the connection is still open, as the last reply said."""
        return self._connection.sock is not None


class Bare:
    """A connection that sends bytes and collects what comes."""

    def __init__(self, twin: Twin, cloud: str, way: str = "https") -> None:
        self.way = twin.way(cloud, way)
        self.socket = connected(twin, self.way)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def request(self, path: str, body: bytes = b"", **headers: str) -> bytes:
        """The bytes of a POST; `_` in a header's name is "-"."""
        lines = [f"POST {path} HTTP/1.1", f"Host: {self.way['host']}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        return "\r\n".join(lines).encode() + body

    def send(self, data: bytes) -> None:
        """All of it."""
        self.socket.sendall(data)

    def until(self, end: bytes) -> bytes:
        """What comes, up to and with `end`."""
        got = b""
        while end not in got:
            data = self.socket.recv(65536)
            assert data, f"closed after {got!r}"
            got += data
        return got

    def rest(self) -> bytes:
        """What comes until the connection is closed."""
        got = b""
        while data := self.socket.recv(65536):
            got += data
        return got


def registered(
    twin: Twin, cloud: str, product: str, name: str, kind: str = "device", **more: Any
) -> Device:
    """A new device, known to the running twin at once."""
    store = open_store(twin.state)
    try:
        return store.add(cloud, kind, product, name, **more)
    finally:
        store.close()


class AlibabaDevice:
    """A device that keeps a connection and its token. device: the ready one unless given."""

    def __init__(self, twin: Twin, device: Device | None = None) -> None:
        ready = twin.device("alibaba")
        self.product = device.product if device else ready["product_key"]
        self.name = device.name if device else ready["device_name"]
        self._secret = device.secret if device else ready["device_secret"]
        self.http = Http(twin, "alibaba")
        self.token = ""
        self.post = f"/topic/sys/{self.product}/{self.name}/thing/event/property/post"
        self.custom = f"/topic/{self.product}/{self.name}/user/update"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self.http.__exit__(*args)

    def body(self, digest: str = "md5", **changes: Any) -> dict[str, Any]:
        """The fields of /auth, signed; a change to None leaves a field out."""
        own = {"clientId": "c1", "deviceName": self.name, "productKey": self.product}
        return login_body({**own, **changes}, self._secret, digest)

    def auth(self, body: Any, headers: Mapping[str, str] | None = None) -> Answer:
        """POST /auth; a body that is no bytes is sent as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.http.ask(
            "/auth", data, {"Content-Type": "application/json", **(headers or {})}
        )

    def login(self, digest: str = "md5", **changes: Any) -> Answer:
        """/auth that succeeds; keeps the token."""
        answer = self.auth(self.body(digest, **changes))
        assert answer.json["code"] == 0, answer
        self.token = answer.json["info"]["token"]
        return answer

    def report(
        self, data: bytes = b"21.5", path: str = "", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """POST /topic/..., to the device's own topic `user/update` unless told."""
        usual = {"Content-Type": "application/octet-stream", "password": self.token}
        return self.http.ask(path or self.custom, data, {**usual, **(headers or {})})


def code_of(answer: Answer) -> int:
    """Alibaba's code in a reply, whose HTTP status is 200."""
    assert answer.status == 200
    return int(answer.json["code"])


def code_in(reply: bytes) -> int:
    """The same of a reply as bytes."""
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    return int(json.loads(body)["code"])


def alink(message_id: str = "1", **params: Any) -> bytes:
    """A property report (document 89301)."""
    return json.dumps({"id": message_id, "version": "1.0", "params": params}).encode()


def basic(user: str, password: str) -> dict[str, str]:
    """The Authorization header of HTTP Basic (RFC 7617)."""
    text = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {text}"}


class WatsonDevice:
    """A device of its own, so that no other test's commands come to it."""

    def __init__(self, twin: Twin, name: str, way: str = "http", **more: Any) -> None:
        self.twin = twin
        self.name = name
        self.device = registered(twin, "watson", "signet/esp32", name, **more)
        self.way = way
        self.path = path_of("esp32", name)
        self.authorized = basic("use-token-auth", self.device.secret)

    def http(self, **how: Any) -> Http:
        """A new connection."""
        return Http(self.twin, "watson", **{"way": self.way, **how})

    def event(self, http: Http, body: bytes = b'{"t":21}', **headers: str) -> Answer:
        """Post an event called status."""
        usual = {"Content-Type": "application/json", **self.authorized}
        return http.ask(f"{self.path}/events/status", body, {**usual, **headers})

    def poll(self, http: Http, wait_s: int = 0, name: str = "+") -> Answer:
        """Ask for a command."""
        body = json.dumps({"waitTimeSecs": wait_s}).encode()
        return http.ask(f"{self.path}/commands/{name}/request", body, self.authorized)


class WatsonGateway(WatsonDevice):
    """A gateway of its own. form: that of its user name."""

    def __init__(self, twin: Twin, name: str, form: str = "g/signet/esp32/{}") -> None:
        super().__init__(twin, name, kind="gateway")
        self.authorized = basic(form.format(name), self.device.secret)


def path_of(type_id: str, device_id: str, role: str = "device") -> str:
    """The path of a device in the messaging API."""
    return f"/api/v0002/{role}/types/{type_id}/devices/{device_id}"


def of_application(twin: Twin) -> dict[str, str]:
    """The Authorization header of the ready application."""
    given = twin.ready["clouds"]["watson"]["application"]
    return basic(given["api_key"], given["token"])
