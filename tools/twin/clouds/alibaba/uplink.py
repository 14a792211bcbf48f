"""What do Alibaba's CoAP and HTTPS servers do alike with a login and with a report?

Sources: Alibaba Cloud, "Establish communication over the CoAP protocol", "Establish connections
over HTTP" (the fields of a login); help.aliyun.com document 89301 (Alink).
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tools import signing
from tools.twin.clouds.alibaba import alink
from tools.twin.clouds.alibaba.codes import Answer, Code
from tools.twin.clouds.alibaba.topics import LONGEST_TOPIC, SESSION, Categories
from tools.twin.clouds.text import decode
from tools.twin.clouds.values import Verdict
from tools.twin.registry.store import Device, Store
from tools.twin.wire import topics

FIRST_MESSAGE_ID = 1 << 60  # the documents' samples have 18 and 19 digits
_REMEMBERED_IDS = 10_000


class MistakeError(Exception):
    """A login or a report is refused; the text says why and holds no secret.

    kind: "form" of what cannot be read, "login" of who it comes from, "topic" of where it goes;
    of a registration also "product", "unknown", "disabled", "active" and "signature".
    """

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind


class Uplink:
    """Logins are judged and reports are filed here.

    answer: takes a device, an Alink method and its params. on_login: takes who has logged in.
    """

    def __init__(
        self,
        store: Store,
        answer: Callable[[Device, str, Any], Answer],
        on_login: Callable[[Device], None],
    ) -> None:
        self.categories = Categories(store)
        self._store = store
        self._answer = answer
        self._on_login = on_login
        self._ids: dict[str, dict[int, None]] = {}  # Alink ids by device, hashed, oldest first

    def device(self, product: str, name: str) -> Device:
        """A registered device. raises: MistakeError "login" when unknown or disabled."""
        device = self._store.device("alibaba", "device", product, name)
        if device is None:
            raise MistakeError("login", f"no device {name!r} in product {product!r}")
        if not device.enabled:
            raise MistakeError("login", f"device {name!r} is disabled")
        return device

    def check_login(self, fields: Mapping[str, str]) -> Device:
        """Whose login it is. fields: of `login_fields`. raises: MistakeError "login"."""
        device = self.device(fields["productKey"], fields["deviceName"])
        signed = signing.alibaba(fields, device.secret, method(fields))
        if not signing.same(signed.signature, fields["sign"]):
            reason = (
                f"signature differs: expected {signed.algorithm}, in hexadecimal;"
                f" the content is `{signed.content}`"
            )
            raise MistakeError("login", reason)
        self._on_login(device)
        return device

    def check_topic(self, topic: str, names: Mapping[str, str]) -> None:
        """Whether a device of these names may publish there. raises: MistakeError "topic"."""
        if len(topic) > LONGEST_TOPIC:
            raise MistakeError(
                "topic", f"topic of {len(topic)} characters; at most {LONGEST_TOPIC}"
            )
        if topics.allowed(topic, SESSION, names):
            reason = "a gateway logs devices in by MQTT, for as long as it is connected"
            raise MistakeError("topic", f"may not publish to {topic!r}: {reason}")
        if not self.categories.may_publish(topic, names):
            raise MistakeError("topic", f"may not publish to {topic!r}")

    def judge(self, label: str, topic: str, value: Any) -> tuple[Verdict, bool]:
        """What an Alink request is worth, and whether its id came before.

        Its Alink reply would go to a topic that this device cannot subscribe to: there is none.
        """
        code, message, message_id, _wanted = alink.check(topic, value)
        if code == Code.OK:
            device = self.device(*label.split("/", 1))
            code, message, _ = self._answer(device, alink.method(topic), value.get("params"))
        ids = self._ids.setdefault(label, {})
        dup = hash(message_id) in ids
        if message_id:
            ids[hash(message_id)] = None
        if len(ids) > _REMEMBERED_IDS:
            del ids[next(iter(ids))]
        if code == Code.OK:
            status = "answered" if alink.is_question(topic) else "stored"
            return Verdict(status, parts=alink.parts(topic, value)), dup
        return Verdict("rejected", f"code {code}: {message}"), dup

    def file(
        self, label: str, topic: str, payload: bytes, verdict: Verdict, dup: bool = False
    ) -> int:
        """Store a report for good, of several each; returns the message id that is answered."""
        status, reason = verdict.status, verdict.reason
        ids = [
            self._store.record(
                "alibaba", label, "up", topic, part, dup=dup, status=status, reason=reason
            )
            for part in verdict.parts or (payload,)
        ]
        return FIRST_MESSAGE_ID + ids[0]


def json_value(payload: bytes) -> Any:
    """The JSON value of a payload. raises: MistakeError "form"."""
    try:
        return decode(payload)
    except ValueError as error:
        raise MistakeError("form", f"the payload is not JSON: {error}") from None


def login_fields(body: Any, required: Collection[str] = ()) -> dict[str, str]:
    """The fields of an /auth payload, as the texts that are signed.

    body: the decoded payload. required: names beyond those that every login has.
    raises: MistakeError "form".
    """
    if not isinstance(body, dict):
        raise MistakeError("form", "the payload is not an object")
    fields: dict[str, str] = {}
    for name, value in body.items():
        number = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
        if not number and not isinstance(value, str):
            raise MistakeError("form", f"{name!r} is neither a text nor an integer")
        fields[str(name)] = str(value)
    if not "".join((*fields, *fields.values())).isprintable():
        raise MistakeError("form", "the payload has characters that cannot be printed")
    for name in ("productKey", "deviceName", "clientId", "sign", *required):
        if not fields.get(name):
            raise MistakeError("form", f"{name} is missing")
    if len(fields["clientId"]) > 64:
        raise MistakeError("form", "clientId has more than 64 characters")
    if method(fields) not in signing.ALIBABA_METHODS:
        known = ", ".join(signing.ALIBABA_METHODS)
        reason = f"signmethod {method(fields)!r} is unknown; use one of: {known}"
        raise MistakeError("form", reason)
    return fields


def method(fields: Mapping[str, str]) -> str:
    """The signmethod of a login; the documents have a default."""
    return fields.get("signmethod", "hmacmd5")
