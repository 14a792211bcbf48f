"""Would the cloud let this device in?  CONNECT or `/auth` as tools/signing.py computes it.

Nothing is published, subscribed or asked for, and no will is left. Sources: those of
tools/signing.py; MQTT 3.1.1 (OASIS, 2014), 3.1 and 3.2; RFC 6455; Watson IoT "Connecting
applications, devices, and gateways"; Alibaba "Establish connections over HTTP".
"""

import base64
import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from tools import signing
from tools.doctor.row import OK, WRONG, Row
from tools.twin.wire.packets import Connect
from tools.ui import UserError

_KEEPALIVE_S = 60
_TOKEN_S = 300
_CONNACK, _ACK_BYTES, _DISCONNECT = 0x20, 4, b"\xe0\x00"
_MEANINGS = {  # section 3.2.2.3
    1: "it speaks no MQTT 3.1.1",
    2: "it does not take the client id",
    3: "it is not available",
    4: "user or password are wrong",
    5: "not authorized",
}
_CLASSES = {"gateway": "g", "application": "a", "scalable-application": "A"}

Config = Mapping[str, Any]
Login = tuple[str, str | None, str | None]
"""Client id, user and password, as CONNECT carries them."""


def _enos(config: Config) -> Login:
    client_id, method, now = config["client_id"], config["sign_method"], _now_ms()
    fields = {
        "clientId": client_id,
        "deviceKey": config["device_key"],
        "productKey": config["product_key"],
        "timestamp": now,
    }
    signed = signing.enos(fields, config["device_secret"], method)
    return (
        f"{client_id}|securemode=2,signmethod={method},timestamp={now}|",
        f"{config['device_key']}&{config['product_key']}",
        signed.signature,
    )


def _alibaba_fields(config: Config) -> dict[str, str]:
    fields = {
        "clientId": config["client_id"],
        "deviceName": config["device_name"],
        "productKey": config["product_key"],
    }
    return fields | ({"timestamp": _now_ms()} if config["timestamp"] else {})


def _alibaba(config: Config) -> Login:
    fields, method = _alibaba_fields(config), config["sign_method"]
    options = f"securemode={2 if config['tls'] else 3},signmethod={method}"
    options += f",timestamp={fields['timestamp']}" if "timestamp" in fields else ""
    return (
        f"{fields['clientId']}|{options}|",
        f"{fields['deviceName']}&{fields['productKey']}",
        signing.alibaba(fields, config["device_secret"], method).signature,
    )


def _azure(config: Config) -> Login:
    if config["id_scope"]:
        client_id = config["registration_id"]
        where, policy = f"{config['id_scope']}/registrations/{client_id}", "&skn=registration"
        user = f"{where}/api-version=2019-03-31"
    else:
        client_id, policy = config["device_id"], ""
        where = f"{config['hub']}/devices/{client_id}"
        user = f"{config['hub']}/{client_id}/?api-version=2021-04-12"
    if config["cert"]:
        return client_id, user, None
    ends_s = int(time.time()) + _TOKEN_S
    signature = signing.azure(where, config["device_key"], ends_s).signature
    token = f"sr={quote(where, safe='')}&sig={quote(signature, safe='')}&se={ends_s}{policy}"
    return client_id, user, f"SharedAccessSignature {token}"


def _broker(config: Config) -> Login:
    return config["client_id"], config["user"], config["password"]


def _watson(config: Config) -> Login:
    kind = _CLASSES.get(config["role"], "d")
    of = ("type_id", "device_id") if kind in "dg" else ("app_id", "instance_id")
    names = [kind, config["org_id"], *(config[key] for key in of if config[key] is not None)]
    user = "use-token-auth" if kind in "dg" else config["api_key"]
    if config["token"] is None or config["org_id"] == "quickstart":
        return ":".join(names), None, None
    return ":".join(names), user, config["token"]


_LOGINS: Mapping[str, Callable[[Config], Login]] = {
    "alibaba": _alibaba,
    "azure": _azure,
    "broker": _broker,
    "enos": _enos,
    "watson": _watson,
}
_KEYS = {
    "alibaba": ("product_key", "device_name", "device_secret", "sign_method"),
    "azure": ("device_id", "id_scope", "registration_id", "device_key", "cert"),
    "broker": ("client_id", "user", "password", "cert"),
    "enos": ("product_key", "device_key", "device_secret", "cert"),
    "watson": ("org_id", "type_id", "device_id", "app_id", "api_key", "token", "cert"),
}


def not_tried(config: Config) -> str:
    """Why no login can be tried without changing anything; "" where it can."""
    if config["way"] == "http" and config["cloud"] != "alibaba":
        return "by HTTPS it goes with each report, and none is sent from here"
    if config["cloud"] not in _LOGINS or (
        config["way"] == "coap" and config["cloud"] != "alibaba"
    ):
        return f"how to log in at {config['cloud']} is not known here"
    return ""


def attempt(config: Config, stream: socket.socket) -> Row:
    """Log in by an open connection, and leave again. raises: OSError."""
    return (_by_http if config["way"] == "http" else _by_mqtt)(config, stream)


def _by_mqtt(config: Config, stream: socket.socket) -> Row:
    client_id, user, password = _LOGINS[config["cloud"]](config)
    secret = None if password is None else password.encode()
    clean = config["clean_session"]  # else what waits there for the board would go
    packet = Connect(4, client_id, clean, _KEEPALIVE_S, None, user, secret).encode()
    channel: _Plain | _WebSocket = _Plain(stream)
    if config.get("websocket"):
        channel = _WebSocket(stream, config)
    channel.send(packet)
    answer = channel.receive(_ACK_BYTES)
    if len(answer) < _ACK_BYTES:
        return _refused(config, "it closes the connection without a word")
    if answer[0] != _CONNACK:
        return Row("login", WRONG, "the answer is not MQTT", "check `port`, `tls` and `websocket`")
    if code := answer[3]:
        return _refused(config, f"CONNACK {code}, {_MEANINGS.get(code, 'of no document')}")
    channel.send(_DISCONNECT)
    return Row("login", OK, "the cloud takes it" + (" (DPS)" if config.get("id_scope") else ""))


def _refused(config: Config, said: str) -> Row:
    keys = [key for key in _KEYS[config["cloud"]] if config.get(key) is not None]
    mend = f"check {', '.join(keys)}, and that the device is enabled"
    if config["cloud"] == "azure" and "cert" not in keys:
        mend += "; a token also needs this computer's clock right"
    return Row("login", WRONG, f"refused: {said}", mend)


class _Plain:
    """MQTT's bytes as they are."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream

    def send(self, data: bytes) -> None:
        self._stream.sendall(data)

    def receive(self, size: int) -> bytes:
        """So many bytes; fewer where the other side has closed."""
        data = b""
        while len(data) < size and (piece := self._stream.recv(size - len(data))):
            data += piece
        return data


class _WebSocket(_Plain):
    """MQTT in binary frames. raises: UserError where the server takes no WebSocket."""

    def __init__(self, stream: socket.socket, config: Config) -> None:
        super().__init__(stream)
        path = config.get("websocket_path") or "/mqtt"
        key = base64.b64encode(os.urandom(16)).decode()
        super().send(
            f"GET {path} HTTP/1.1\r\nHost: {config['host']}:{config['port']}\r\n"
            f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n".encode()
        )
        head = b""
        while not head.endswith(b"\r\n\r\n") and len(head) < 1 << 13:
            if not (piece := super().receive(1)):
                break
            head += piece
        if head.split(b" ")[1:2] != [b"101"]:
            raise UserError("the server takes no WebSocket there: check `port` and `websocket`")

    def send(self, data: bytes) -> None:
        mask = os.urandom(4)
        head = bytes((0x82, 0x80 | len(data)))
        if len(data) > 125:
            head = bytes((0x82, 0xFE)) + len(data).to_bytes(2, "big")
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        super().send(head + mask + masked)

    def receive(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            head = super().receive(2)
            if len(head) < 2 or head[0] & 15 not in (0, 2) or head[1] > 125:
                break
            data += super().receive(head[1])
        return data[:size]


def _by_http(config: Config, stream: socket.socket) -> Row:
    fields, method = _alibaba_fields(config), config["sign_method"]
    sign = signing.alibaba(fields, config["device_secret"], method).signature
    body = fields | {"version": "default", "signmethod": method, "sign": sign}
    connection = http.client.HTTPConnection(config["host"], config["port"])
    connection.sock = stream
    try:
        connection.request(
            "POST", "/auth", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        response = connection.getresponse()
        answer = json.loads(response.read(1 << 16))
        code, said = answer["code"], str(answer.get("message"))
    except (http.client.HTTPException, ValueError, KeyError, TypeError):
        return Row("login", WRONG, "the answer of /auth is not Alibaba's", "check `host`")
    if code:
        return _refused(config, f"code {code}, {said[:80]}")
    return Row("login", OK, "/auth gives a token")


def _now_ms() -> str:
    return str(time.time_ns() // 1_000_000)
