"""What does a request by CoAP get? Asked by aiocoap, by libcoap's coap-client, and datagrams."""

import json
import re
from typing import Any

import aiocoap
import cbor2

from host_tests.audit.place import Place
from host_tests.audit.row import Probe, here
from host_tests.audit.web import signed
from host_tests.twin.coap_device import CoapDevice, Options, Udp, code, message, option
from tools import toolchain

SAMPLE = ("a1GFjLP3xxC", "device")
HOST = "a1GFjLP3xxC.coap.cn-shanghai.link.aliyuncs.com"
_ACCEPT, _HOST, _PORT = 17, 3, 7


def _options(host: str, port: int | None, accept: int | None) -> list[tuple[int, bytes]]:
    """Uri-Host, Uri-Port and Accept as raw options."""
    found = [(_HOST, host.encode())] if host else []
    found += [] if port is None else [(_PORT, port.to_bytes(2, "big"))]
    return found + ([] if accept is None else [(_ACCEPT, bytes([accept] if accept else []))])


def _logged_in(place: Place) -> CoapDevice:
    """The sample device, logged in at most once."""
    if "coap" not in place.kept:
        place.kept["coap"] = CoapDevice(place.twin, _identity(SAMPLE))
        place.kept["coap"].login()
    found: CoapDevice = place.kept["coap"]
    return found


def _identity(device: tuple[str, str]) -> dict[str, str]:
    """As a device.json has it."""
    return {"product_key": device[0], "device_name": device[1], "device_secret": "secret"}


def _login(
    device: tuple[str, str],
    digest: str,
    fields: dict[str, Any],
    *,
    code: int = 2,
    form: int | None = 50,
    options: Options = (),
    path: str = "auth",
) -> aiocoap.Message:
    body = signed(device, "secret", digest, **{"seq": "10", **fields})
    data = cbor2.dumps(body) if form == 60 else json.dumps(body).encode()
    return message(path, data, code=code, form=form, options=options)


def auth(
    digest: str = "md5",
    *,
    device: tuple[str, str] = SAMPLE,
    host: str = "",
    port: int | None = None,
    accept: int | None = None,
    form: int | None = 50,
    method: int = 2,
    path: str = "auth",
    body: bytes | None = None,
    keys: bool = False,
    **fields: Any,
) -> Probe:
    """The code of /auth on port 5682; keys: of its answer, with their lengths, instead."""

    def ask(place: Place) -> str:
        asking = CoapDevice(place.twin, _identity(device))
        options = _options(host, port, accept)
        request = _login(
            device, digest, fields, code=method, form=form, options=options, path=path
        )
        if body is not None:
            request.payload = body
        reply = asking.ask(request)
        if not keys:
            bare = reply.code.is_successful() or not reply.payload
            return code(reply) + ("" if bare else " with a payload, which no error has")
        decode = cbor2.loads if accept == 60 else json.loads
        answer = decode(reply.payload)
        return ", ".join(f"{name} {len(str(value))}" for name, value in sorted(answer.items()))

    return Probe("aiocoap", ask)


def report(
    topic: str = "/a1GFjLP3xxC/device/user/pub",
    *,
    host: str = "",
    port: int | None = None,
    accept: int | None = None,
    form: int | None = 50,
    method: int = 2,
    plain: bool = False,
    custom: Any = None,
    expired: bool = False,
    wanted: int | None = None,
) -> Probe:
    """The code of a report on port 5682. custom: makes options 2088 and 2089 of the device.

    wanted: an option of the answer, which is shown behind the code.
    """

    def ask(place: Place) -> str:
        device = _logged_in(place)
        if expired:
            place.twin.fault("expire_tokens")
            place.kept.clear()
        own = device.custom() if custom is None else custom(device)
        data = b'{"t": 21.5}'
        request = message(
            "topic" + topic,
            data if plain else device.encrypt(data),
            code=method,
            form=form,
            options=[*_options(host, port, accept), *own],
        )
        reply = device.ask(request)
        shown = "" if wanted is None else f" {(option(reply, wanted) or b'-').decode()}"
        return code(reply) + shown

    return Probe("aiocoap", ask)


def seen(*, token: bool = True, topic: str = "", **fields: Any) -> Probe:
    """What comes back, message by message: "ACK 2.05", or "ACK 0.00, CON 2.05".

    topic: of a report; default: of /auth. token: whether it is still good.
    """

    def ask(place: Place) -> str:
        asking = CoapDevice(place.twin, _identity(SAMPLE))
        with Udp(asking.way) as udp:
            login = _login(SAMPLE, "md5", fields)
            said = _exchange(udp, login)
            if not topic:
                return said[0]
            asking.logged_in(said[1])
            if not token:
                place.twin.fault("expire_tokens")
                place.kept.clear()
            request = message("topic" + topic, asking.encrypt(b"21.5"), options=asking.custom())
            return _exchange(udp, request)[0]

    return Probe("aiocoap", ask)


def _exchange(udp: Udp, request: aiocoap.Message) -> tuple[str, aiocoap.Message]:
    udp.send(udp.encode(request))
    said = []
    while True:
        reply = udp.receive()
        said.append(f"{reply.mtype.name} {reply.code.dotted}")
        if reply.code:
            if reply.mtype is aiocoap.CON:
                udp.send(b"\x60\x00" + reply.mid.to_bytes(2, "big"))
            return ", ".join(said), reply


def dtls(
    path: str = "auth",
    *,
    form: int | None = 50,
    accept: int | None = None,
    method: str = "post",
    token: str | None = None,
    body: bytes | None = None,
    port: int = 5684,
    name: str = "",
    **fields: Any,
) -> Probe:
    """The code by DTLS on port 5684, of /auth or /topic. token: default that of /auth.

    name: what of the answer's JSON to show.
    """

    def ask(place: Place) -> str:
        data = json.dumps(signed(SAMPLE, "secret", **fields)).encode() if body is None else body
        options = [f"3,{HOST}", f"7,0x{port:04x}"]
        if path.startswith("topic"):
            given = token if token is not None else _dtls_token(place)
            options += [f"2088,{given}"] if given else []
        status, reply = _libcoap(place, method, path, data, options, form=form, accept=accept)
        if name:
            return str(json.loads(reply)[name])
        return status

    return Probe("coap-client", ask)


def _dtls_token(place: Place) -> str:
    if "dtls token" not in place.kept:
        body = json.dumps(signed(SAMPLE, "secret")).encode()
        _, reply = _libcoap(place, "post", "auth", body, [f"3,{HOST}"])
        place.kept["dtls token"] = json.loads(reply)["token"]
    return str(place.kept["dtls token"])


def _libcoap(
    place: Place,
    method: str,
    path: str,
    data: bytes,
    options: list[str],
    *,
    form: int | None = 50,
    accept: int | None = None,
) -> tuple[str, bytes]:
    """The code and the payload of the answer."""
    door = place.twin.way("alibaba", "coaps")
    (place.files / "payload").write_bytes(data)
    (place.files / "answer").write_bytes(b"")
    words = ["-m", method, "-B", "10", "-v", "7", "-U", "-R", place.ca, "-o", "answer"]
    words += ["-f", "payload"] if method == "post" else []
    words += [] if form is None else ["-t", str(form)]
    words += [] if accept is None else ["-A", str(accept)]
    words += [word for option in options for word in ("-O", option)]
    uri = f"coaps://{door['address']}:{door['port']}/{path.strip('/')}"
    program = here(lambda: toolchain.libcoap("coap-client"))
    printed = place.run(program, *words, uri)
    codes = re.findall(r"t:(?:ACK|CON|NON) c:(\d\.\d\d)", printed)
    return codes[-1] if codes else printed[-200:], (place.files / "answer").read_bytes()
