"""Which part of lib/signet does a file belong to, and what else does that part need?

A part is what can be installed, or left out, on its own. mip's package files, the linker, and what
counts bytes read this table, and nothing else knows.
"""

from fnmatch import fnmatch
from typing import NamedTuple

CORE = "core"
"""What no other part has: MQTT, TLS, and what every device needs. All parts need it."""


class Part(NamedTuple):
    """purpose: for a person. files: patterns below lib/signet. needs: parts, beside core.

    others: packages of somebody else's that mip installs with it.
    """

    purpose: str
    files: tuple[str, ...]
    needs: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


PARTS = {
    CORE: Part("MQTT, TLS, reports on flash", ()),
    "coap": Part(
        "Alibaba by CoAP, with AES or DTLS",
        (
            "client/coap.py",
            "cloud/alibaba/coap*.py",
            "net/datagram.py",
            "net/dtls.py",
            "sign/aes.py",
            "wire/cbor.py",
            "wire/coap.py",
            "wire/exchange.py",
        ),
        ("token",),
    ),
    "http": Part(
        "Alibaba and Watson by HTTPS",
        (
            "client/http.py",
            "cloud/*/http*.py",
            "cloud/http_*.py",
            "wire/http.py",
        ),
        ("token",),
    ),
    "token": Part(
        "Alibaba's token, for CoAP and HTTPS",
        (
            "cloud/alibaba/auth.py",
            "cloud/alibaba/grant.py",
            "cloud/alibaba/token.py",
            "sign/content.py",
        ),
    ),
    "websocket": Part(
        "MQTT over WebSocket",
        ("net/websocket.py", "wire/websocket*.py"),
    ),
    "azure": Part("Azure IoT Hub and its DPS", ("cloud/azure/*.py",)),
    "roles": Part(
        "Watson's gateways and applications",
        ("cloud/watson/application*.py", "cloud/watson/gateway.py"),
    ),
    "broker": Part(
        "any MQTT broker: topics and bodies as templates",
        ("cloud/broker/*.py",),
    ),
    "certificates": Part(
        "a certificate of the board's own, and its renewal",
        (
            "certificate/on_trial.py",
            "certificate/pending.py",
            "certificate/renewal.py",
            "certificate/trial.py",
            "net/certificate.py",
        ),
    ),
    "modem": Part(
        "CoAP through a modem's AT commands",
        ("device/modem_keys.py", "net/modem/*.py"),
        ("coap",),
    ),
    "coap-extra": Part(
        "CoAP's blocks and observe: no session loads them",
        ("client/coap_*.py", "wire/block.py", "wire/observe.py"),
        ("coap",),
    ),
    "umqtt": Part(
        "for programs that know umqtt.simple: TLS, bounded waits",
        ("client/umqtt.py",),
        others=("umqtt.simple",),
    ),
    "hmac": Part("for programs that know micropython-hmac's calls", ("sign/hmac_compat.py",)),
}


def part_of(file: str) -> str:
    """The part of a file. file: below lib/signet, for example "net/dtls.py"."""
    return next(
        (
            name
            for name, part in PARTS.items()
            if any(fnmatch(file, pattern) for pattern in part.files)
        ),
        CORE,
    )


def part_of_module(module: str) -> str:
    """The part of a module, for example "signet.net.dtls"."""
    return part_of(module.removeprefix("signet.").replace(".", "/") + ".py")


def with_needed(part: str) -> tuple[str, ...]:
    """A part, and the parts that it needs beside core."""
    return (part, *(each for need in PARTS[part].needs for each in with_needed(need)))


def package(part: str) -> str:
    """What mip calls a part."""
    return "signet" if part == CORE else f"signet-{part}"
