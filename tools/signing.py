"""What must a device of EnOS, Alibaba Cloud or Azure send to prove who it is?

By the standard library alone and independent of lib/signet: the twin judges the board with this
file, and `signet sign` shows it.
Sources: EnOS "Establishing Connection with EnOS Cloud using the MQTT Protocol" and the vendor's
SDKs; Alibaba Cloud "MQTT-TCP connections" (help.aliyun.com document 73742); Azure "Control access
to IoT Hub by using shared access signatures", "Symmetric key attestation with DPS".
"""

import base64
import hashlib
import hmac
import urllib.parse
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from tools.ui import UserError, one_of

# EnOS: each name is a plain hash of content + secret; "hmac" in a name is historical. An empty
# method means SHA-1 (the vendor's Java SDK: "historical compatibility").
ENOS_METHODS = {
    "sha256": "sha256",
    "hmacsha256": "sha256",
    "sha1": "sha1",
    "hmacsha1": "sha1",
    "": "sha1",
}

# Alibaba: a real HMAC with the device secret as its key.
ALIBABA_METHODS = {"hmacmd5": "md5", "hmacsha1": "sha1", "hmacsha256": "sha256"}

# Never part of a signed content (Alibaba CoAP and HTTP documents, "sign").
UNSIGNED = frozenset({"version", "sign", "resources", "signmethod"})


@dataclass(frozen=True, slots=True)
class Signed:
    """What was signed, how, and what came out; holds no secret.

    content: the signed text, names sorted by code point, each followed by its value.
    algorithm: for a person to read.
    signature: as the cloud's documents print it: hexadecimal, in their case, or base64.
    """

    content: str
    algorithm: str
    signature: str


def content(fields: Mapping[str, str], exclude: Collection[str] = UNSIGNED) -> str:
    """Names sorted by code point, each directly followed by its value, no separators."""
    return "".join(name + fields[name] for name in sorted(fields) if name not in exclude)


def enos(fields: Mapping[str, str], secret: str, method: str = "sha256") -> Signed:
    """EnOS: plain hash of content followed by the secret, upper case hexadecimal.

    fields: `clientId`, `deviceKey`, `productKey` and, where sent, `timestamp`.
    secret: the device secret. method: a key of ENOS_METHODS.
    raises: UserError for an unknown method.
    """
    name = _hash_name(method, ENOS_METHODS, "EnOS")
    text = content(fields)
    digest = hashlib.new(name, (text + secret).encode()).hexdigest()
    return Signed(text, f"{name} of the content followed by the device secret", digest.upper())


def alibaba(fields: Mapping[str, str], secret: str, method: str = "hmacsha256") -> Signed:
    """Alibaba Cloud: HMAC of the content with the device secret as key, lower case hexadecimal.

    fields: `clientId`, `deviceName`, `productKey` and, where sent, `timestamp` (HTTP and CoAP
    send further ones). secret: the device secret. method: a key of ALIBABA_METHODS.
    raises: UserError for an unknown method.
    """
    name = _hash_name(method, ALIBABA_METHODS, "Alibaba Cloud")
    text = content(fields)
    digest = hmac.new(secret.encode(), text.encode(), name).hexdigest()
    return Signed(text, f"HMAC-{name} of the content, keyed with the device secret", digest)


def azure(resource: str, key: str, ends_s: int) -> Signed:
    """Azure: base64 of the HMAC-SHA256 of the percent-encoded resource and when the token ends.

    resource: `{hub}/devices/{id}`, or `{id scope}/registrations/{id}` for DPS. key: base64.
    ends_s: Unix seconds.
    raises: UserError for a key that is not base64.
    """
    text = f"{urllib.parse.quote(resource, safe='')}\n{ends_s}"
    return Signed(
        text, "HMAC-sha256 of the content, keyed with the decoded key", _keyed(key, text)
    )


def azure_device_key(group_key: str, registration_id: str) -> str:
    """The key, base64, of a device in an enrollment group of DPS; it is a secret.

    raises: UserError for a group key that is not base64.
    """
    return _keyed(group_key, registration_id)


def _keyed(key: str, text: str) -> str:
    try:
        decoded = base64.b64decode(key, validate=True)
    except ValueError:
        raise UserError("the key is not base64; copy it whole, with the = at its end") from None
    return base64.b64encode(hmac.digest(decoded, text.encode(), "sha256")).decode()


def same(expected: str, received: str) -> bool:
    """Whether two hexadecimal signatures are equal, whatever their case; in constant time."""
    return hmac.compare_digest(expected.lower().encode(), received.lower().encode())


def _hash_name(method: str, methods: Mapping[str, str], cloud: str) -> str:
    try:
        return methods[method]
    except KeyError:
        known = one_of(method, filter(None, methods))
        raise UserError(f"{cloud} has no sign method {method!r}; {known}") from None
