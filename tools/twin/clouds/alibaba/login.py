"""Is what a device of Alibaba logs in with by MQTT its own: a signature, or a token?

Sources: help.aliyun.com document 73742; "MQTT-based dynamic registration" (authType=connwl).
"""

from collections.abc import Mapping

from tools import signing
from tools.twin.clouds.alibaba.uplink import MistakeError
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect


def check_signed(
    connect: Connect, device: Device, client_id: str, options: Mapping[str, str]
) -> None:
    """Document 73742: clientId and timestamp may be left out of the signed content.

    client_id, options: the two parts of the CONNECT's. raises: MistakeError.
    """
    method = options.get("signmethod", "hmacmd5")
    if method not in signing.ALIBABA_METHODS:
        known = ", ".join(signing.ALIBABA_METHODS)
        raise MistakeError("form", f"signmethod {method!r} is unknown; use one of: {known}")
    fields = {"clientId": client_id, "deviceName": device.name, "productKey": device.product}
    if "timestamp" in options:
        fields["timestamp"] = options["timestamp"]
    received = _password(connect)
    for absent in ((), ("timestamp",), ("clientId",), ("clientId", "timestamp")):
        signed_fields = {name: fields[name] for name in fields if name not in absent}
        if signing.same(signing.alibaba(signed_fields, device.secret, method).signature, received):
            return
    signed = signing.alibaba(fields, device.secret, method)
    reason = (
        f"signature differs: expected {signed.algorithm}, in hexadecimal;"
        f" the content is `{signed.content}`"
    )
    raise MistakeError("signature", reason)


def check_token(
    connect: Connect, device: Device, shown: tuple[str, str | None], given: str
) -> None:
    """Of a device that got client id and token when it registered.

    shown: client id and authType of the login. given: the client id. raises: MistakeError.
    """
    if shown != (given, "connwl"):
        reason = f"client id is not that of the registration, {given!r}, with authType=connwl"
        raise MistakeError("signature", reason)
    if not signing.same(device.secret, _password(connect)):
        raise MistakeError("signature", "the password is not the token of the registration")


def _password(connect: Connect) -> str:
    return (connect.password or b"").decode("ascii", "replace")
