"""What does a device of Alibaba Cloud send again when a trace is replayed?"""

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlencode

import cbor2
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tools import signing
from tools.twin.clouds.alibaba.coap_options import SEQ
from tools.twin.clouds.alibaba.token import IV, session_key
from tools.twin.clouds.alibaba.topics import REGISTERED, Categories
from tools.twin.clouds.proof import Again, Asked, Then
from tools.twin.clouds.text import decode, encode, parameters
from tools.twin.registry import mask
from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Store
from tools.twin.wire import cbor
from tools.twin.wire.packets import Connect
from tools.ui import UserError

_REGISTRATION = "auth/register/device"
_SIGNED = (
    "/thing/topo/add",
    "/combine/login",
    "/combine/batch_login",
    "/thing/proxy/provisioning/product_register",
)
# What is signed, beside product key and device name.
_REGISTERS: tuple[str, ...] = ("productKey", "deviceName", "random")
_LOGS_IN: tuple[str, ...] = ("productKey", "deviceName", "clientId", "timestamp")


class AlibabaAgain(Again):
    """By MQTT, HTTP and CoAP: a signature; by CoAP without DTLS also AES."""

    seq_option: ClassVar[int] = SEQ

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._kept = Kept(store, "alibaba")
        Categories(store).of("")

    def password(self, connect: Connect, then: Then) -> bytes | None:
        """The signature of client id and user name, or of a registration, or its token."""
        name, _, product = (connect.user or "").partition("&")
        try:
            client_id, options = parameters(connect.client_id)
        except ValueError:
            return None
        fields = {"deviceName": name, "productKey": product}
        secret = "" if then.wrong else self._secret(fields)
        if options.get("authType") == "connwl":
            return secret.encode() or None
        if options.get("authType") in REGISTERED:
            secret = "" if then.wrong else self._kept.secret(product)
            fields["random"] = options.get("random", "")
        else:
            fields["clientId"] = client_id
            if "timestamp" in options:
                fields["timestamp"] = options["timestamp"]
        return _signed(fields, secret, options.get("signmethod", "hmacmd5")).encode() or None

    def _secret(self, fields: Mapping[str, str]) -> str:
        """That of a device; "" where there is none."""
        product, name = fields.get("productKey", ""), fields.get("deviceName", "")
        device = self.store.device("alibaba", "device", product, name)
        return device.secret if device else ""

    def payload(self, topic: str, payload: bytes) -> bytes:
        """The signatures of devices that are put, or log in, behind it, or register there."""
        if not topic.endswith(_SIGNED):
            return payload
        try:
            params = decode(payload)["params"]
            shared = {} if isinstance(params, list) else params
            lists = (shared.get("deviceList"), shared.get("proxieds"), [params])
            for entry in params if params is not shared else next(each for each in lists if each):
                whole = {name: str(value) for name, value in (shared | entry).items()}
                method = whole.get("signMethod", whole.get("signmethod", "")).lower()
                registers = "random" in whole
                names = _REGISTERS if registers else _LOGS_IN
                secret = self._secret(whole)
                if registers:
                    secret = self._kept.secret(whole["productKey"])
                signed = _signed({name: whole[name] for name in names}, secret, method)
                payload = payload.replace(
                    whole["sign"].encode(), (signed or whole["sign"]).encode()
                )
        except (ValueError, KeyError, TypeError, AttributeError):  # the twin says what is wrong
            pass
        return payload

    def request(self, asked: Asked, then: Then) -> None:
        """The signature of /auth, or of a registration."""
        path = asked.path.partition("?")[0].strip("/")
        if path not in ("auth", _REGISTRATION):
            return
        fields, write = _fields(asked.body)
        if not mask.COVERED.fullmatch(str(fields.get("sign"))):
            return
        moved = fields.get("timestamp", "")
        if str(moved).isdecimal():
            new = int(moved) + then.later_ms
            fields["timestamp"] = str(new) if isinstance(moved, str) else new
        texts = {name: str(value) for name, value in fields.items()}
        method, secret = texts.get("signmethod", "hmacmd5"), self._secret(texts)
        if path == _REGISTRATION:
            method = texts.get("signMethod", method)
            texts = {name: texts.get(name, "") for name in _REGISTERS}
            secret = self._kept.secret(texts["productKey"])
        if signed := _signed(texts, "" if then.wrong else secret, method):
            fields["sign"] = signed
        asked.body = write(fields)

    def keys(self, body: Mapping[str, Any], label: str) -> Any:
        """The AES key of a login."""
        device = self.store.device("alibaba", "device", *label.split("/", 1))
        if device is None or "random" not in body:
            return None
        return session_key(device.secret, str(body["random"]))

    def encrypted(self, keys: Any, plain: bytes) -> bytes:
        """AES-128-CBC with PKCS#7."""
        padder = padding.PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES128(keys), modes.CBC(IV)).encryptor()
        return encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()


def _signed(fields: Mapping[str, str], secret: str, method: str) -> str:
    try:
        return signing.alibaba(fields, secret, method).signature if secret else ""
    except UserError:  # the twin says what is wrong with the method
        return ""


def _form(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), strict_parsing=True))


def _fields(body: bytes) -> tuple[dict[str, Any], Callable[[Any], bytes]]:
    """The members of a login, and what writes them again in the same format."""
    formats: tuple[tuple[Callable[[bytes], Any], Callable[[Any], bytes]], ...] = (
        (json.loads, encode),
        (_form, lambda fields: urlencode(fields).encode()),
        (cbor.loads, cbor2.dumps),
    )
    for read, write in formats:
        try:
            value = read(body)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            return value, write
    return {}, encode
