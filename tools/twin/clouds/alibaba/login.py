"""Who logs in at Alibaba by MQTT, or registers: with which signature, or token?

Sources: help.aliyun.com document 73742; "MQTT-based dynamic registration"; the C SDK's header
(keepalive).
"""

from collections.abc import Mapping

from tools import signing
from tools.twin.clouds.alibaba.registration import Registration
from tools.twin.clouds.alibaba.uplink import MistakeError
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.text import parameters
from tools.twin.clouds.values import Way
from tools.twin.registry.store import Device
from tools.twin.wire.packets import Connect

_LEAST_KEEPALIVE_S = 30
LONGEST_KEEPALIVE_S = 1200
"""What is more is taken for this."""


def parts(cloud: Cloud, connect: Connect) -> tuple[str, dict[str, str]]:
    """The two parts of a client id. raises: RefusedError."""
    try:
        return parameters(connect.client_id)
    except ValueError as error:
        raise cloud.refused("form", str(error)) from None


def identify(
    cloud: Cloud,
    registration: Registration,
    connect: Connect,
    way: Way,
    given: tuple[str, Mapping[str, str]],
) -> Device:
    """The device. given: of `parts`. raises: RefusedError."""
    client_id, options = given
    mode = "-2" if options.get("authType") == "connwl" else "2"
    mode = mode if way.tls else "3"
    if options.get("securemode") != mode:
        port = "the TLS port" if way.tls else "the plain port"
        reason = f"securemode is {options.get('securemode')!r}, but {port} takes {mode}"
        raise cloud.refused("mode", reason)
    if connect.keepalive_s < _LEAST_KEEPALIVE_S:
        reason = f"keepalive of {connect.keepalive_s} s is below {_LEAST_KEEPALIVE_S} s"
        raise cloud.refused("keepalive", reason)
    device = cloud.device_of_user(connect, "deviceName")
    try:
        if (own := registration.client_id(device)) is None:
            _check_signed(connect, device, client_id, options)
        else:
            _check_token(connect, device, (client_id, options.get("authType")), own)
    except MistakeError as mistake:
        raise cloud.refused(mistake.kind, str(mistake)) from None
    return device


def register(
    cloud: Cloud,
    registration: Registration,
    connect: Connect,
    way: Way,
    options: Mapping[str, str],
) -> tuple[Device, dict[str, str]]:
    """Who asks for a secret or a token, and what it is told. raises: RefusedError."""
    kind = options["authType"]
    if not way.tls or options.get("securemode") not in ("2", "-2"):
        raise cloud.refused("mode", f"authType={kind} is for the TLS port, with securemode=2")
    name, _, product = (connect.user or "").partition("&")
    fields = {
        "productKey": product,
        "deviceName": name,
        "random": options.get("random", ""),
        "sign": _password(connect),
    }
    issue = registration.register_unknown if kind == "regnwl" else registration.register
    try:
        told = issue(fields, options.get("signmethod", "hmacmd5"))
    except MistakeError as mistake:
        raise cloud.refused(mistake.kind, str(mistake)) from None
    return Device(cloud.name, "device", product, name, ""), told


def _check_signed(
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


def _check_token(
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
