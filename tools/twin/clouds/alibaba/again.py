"""What does a device of Alibaba Cloud send again when a trace is replayed?"""

import json
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import cbor2
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tools import signing
from tools.twin.clouds.alibaba.coap_options import SEQ
from tools.twin.clouds.alibaba.token import IV, session_key
from tools.twin.clouds.alibaba.topics import Categories
from tools.twin.clouds.proof import Again, Asked, Then
from tools.twin.clouds.text import encode, parameters
from tools.twin.registry import mask
from tools.twin.registry.store import Store
from tools.twin.wire.packets import Connect
from tools.ui import UserError


class AlibabaAgain(Again):
    """By MQTT, HTTP and CoAP: a signature; by CoAP without DTLS also AES."""

    seq_option: ClassVar[int] = SEQ

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        Categories(store).of("")

    def password(self, connect: Connect, then: Then) -> bytes | None:
        """The signature of client id and user name."""
        name, _, product = (connect.user or "").partition("&")
        try:
            client_id, options = parameters(connect.client_id)
        except ValueError:
            return None
        fields = {"clientId": client_id, "deviceName": name, "productKey": product}
        if "timestamp" in options:
            fields["timestamp"] = options["timestamp"]
        signed = self._signed(fields, options.get("signmethod", "hmacmd5"), then)
        return signed.encode() if signed else None

    def _signed(self, fields: Mapping[str, str], method: str, then: Then) -> str:
        device = self.store.device(
            "alibaba", "device", fields.get("productKey", ""), fields.get("deviceName", "")
        )
        if device is None or then.wrong:
            return ""
        try:
            return signing.alibaba(fields, device.secret, method).signature
        except UserError:  # the twin says what is wrong with the method
            return ""

    def request(self, asked: Asked, then: Then) -> None:
        """The signature of /auth."""
        if asked.path.partition("?")[0].strip("/") != "auth":
            return
        fields, write = _fields(asked.body)
        if not mask.COVERED.fullmatch(str(fields.get("sign"))):
            return
        moved = fields.get("timestamp", "")
        if str(moved).isdecimal():
            new = int(moved) + then.later_ms
            fields["timestamp"] = str(new) if isinstance(moved, str) else new
        texts = {name: str(value) for name, value in fields.items()}
        if signed := self._signed(texts, texts.get("signmethod", "hmacmd5"), then):
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


def _fields(body: bytes) -> tuple[dict[str, Any], Callable[[Any], bytes]]:
    """The members of a login, and what writes them again in the same format."""
    for read, write in ((json.loads, encode), (cbor2.loads, cbor2.dumps)):
        try:
            value = read(body)
        except (ValueError, RecursionError, cbor2.CBORDecodeError):
            continue
        if isinstance(value, dict):
            return value, write
    return {}, encode
