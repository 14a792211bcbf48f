"""Which sentences has the card of the project: kind, packages, folders, shape, use?"""

import json

from host_tests.audit.board import board, sends
from host_tests.audit.command import file
from host_tests.audit.place import Place
from host_tests.audit.row import Probe, decided, row
from tools import toolchain
from tools.paths import ROOT

DOCUMENT = "Design card"


_WHO = "import sys\nprint('name', sys.implementation[0])\n"


def _umqtt(_: Place) -> str:
    deps = json.loads((ROOT / "lib/signet-umqtt.json").read_text())["deps"]
    return f"{toolchain.umqtt().name}, {' '.join(name for name, _ in deps)}"


ROWS = (
    row(
        "kind",
        "A MicroPython firmware package for microcontrollers",
        (file("lib/signet"), "there"),
        (board("enos", "mqtt", _WHO, until="^name .*"), "name micropython"),
    ),
    row("packages", "mpremote", (file("pyproject.toml", "mpremote"), "there")),
    row(
        "packages",
        "micropython-umqtt.simple",
        (Probe("the tree", _umqtt), ".*umqtt.*umqtt.simple.*"),
    ),
    row("packages", "pytest", (file("pyproject.toml", "pytest"), "there")),
    decided(
        "packages",
        "micropython-hmac",
        (file("lib/signet/sign/hmac_compat.py"), "there"),
        (file("ARCHITECTURE.md", "micropython-hmac"), "there"),
        (file("docs/board.md", "micropython-hmac"), "there"),
    ),
    row(
        "top-level",
        "firmware, lib, boot.py, main.py, tools, host_tests, README.md",
        *(
            (file(name), "there")
            for name in (
                "firmware",
                "lib",
                "boot.py",
                "main.py",
                "tools",
                "host_tests",
                "README.md",
            )
        ),
    ),
    row(
        "shape",
        "Signatures: hand-tuned HMAC, sorted content",
        (sends("alibaba", "mqtt", insecure=True), r".*signmethod=hmacsha256.*[0-9a-fA-F]{64}"),
        (board("alibaba", "mqtt", insecure=True), "report 1 stored.*"),
        (board("enos", "mqtt"), "report 1 stored.*"),
    ),
    row(
        "shape",
        "A tiny CoAP client with custom options",
        (board("alibaba", "coap"), r"report 1 stored as \d+"),
        (file("lib/signet/client/coap.py"), "there"),
    ),
    row(
        "shape",
        "A wrapper of umqtt",
        (file("lib/signet/client/umqtt.py", "class MQTTClient.simple.MQTTClient"), "there"),
        (file("host_tests/portable/test_umqtt.py"), "there"),
        (sends("watson", "mqtt", insecure=True), r"\x10.*MQTT.*"),
    ),
    row(
        "shape",
        "Flashed to an ESP32",
        (file("firmware/boards/esp32/board.py"), "there"),
        (file("firmware/manifest.py"), "there"),
    ),
    row(
        "shape",
        "Flashed to NB-IoT boards",
        (file("firmware/boards/esp32_nbiot/board.py"), "there"),
        (file("lib/signet/net/modem/channel.py"), "there"),
    ),
    row(
        "shape",
        "Host tests run the same modules on CPython",
        (file("host_tests/portable/host/interpreters.py", "cpython"), "there"),
    ),
    row(
        "used-by",
        "Deployed with mpremote, unit-tested on a laptop",
        (file("tools/board/mpremote.py"), "there"),
        (file("Makefile", "(?m)^test:"), "there"),
    ),
)
