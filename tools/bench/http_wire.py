"""How many packets, and how many bytes, does a report over HTTPS cost, and over other ways in?

Measured, not computed: the device's own code runs on MicroPython (`firmware/bench/report.py`), and
talks to the twin through a relay that counts.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from tools.bench.boards_twin import twin_of_boards
from tools.bench.relay import Relay, Traffic
from tools.bench.relay_tcp import HEADERS_BYTES, TIMESTAMP_BYTES, TcpRelay
from tools.bench.reporting import traffic_table, wake
from tools.scratch import scratch
from tools.twin.process import TwinProcess

COLD, WARM, WOKEN, WAITED = "cold", "warm", "woken", "100"


class Case(NamedTuple):
    """A way in of the twin's ready file; the others of a cloud are compared with its first.

    settings: further ones of device.json.
    """

    cloud: str
    way: str
    title: str
    settings: dict[str, object]


CASES = (
    Case("alibaba", "https", "Alibaba, HTTPS", {}),
    Case("alibaba", "mqtts", "Alibaba, MQTT over TLS", {}),
    Case("alibaba", "coap", "Alibaba, CoAP with AES", {}),
    Case("alibaba", "coaps", "Alibaba, CoAP over DTLS", {}),
    Case("watson", "https", "Watson, HTTPS", {}),
    Case("watson", "https", "  hears no commands", {"command_poll_s": 0}),
    Case("watson", "mqtts", "Watson, MQTT over TLS", {}),
)


class Row(NamedTuple):
    """One report. when: what the device had. ratio: of HTTPS's bytes to these; None without."""

    case: Case
    when: str
    traffic: Traffic
    ratio: float | None


def measure(cases: Sequence[Case], step: Callable[[], None]) -> list[Row]:
    """Starts a twin and lets a device report in every case: cold, again, and after a wake.

    cases: CASES, or some of them. step: called after each case.
    raises: UserError when a report does not arrive.
    """
    rows: list[Row] = []
    https: dict[tuple[str, str], int] = {}
    with (
        scratch() as name,
        twin_of_boards(Path(name)) as twin,
    ):
        for number, case in enumerate(cases):
            folder = Path(name, f"device-{number}")
            folder.mkdir()
            for when, traffic in _measure(case, twin, folder):
                key = (case.cloud, when)
                yardstick = https.get(key)
                https.setdefault(key, traffic.bytes)
                rows.append(Row(case, when, traffic, yardstick and yardstick / traffic.bytes))
            step()
    return rows


def _measure(case: Case, twin: TwinProcess, folder: Path) -> Iterator[tuple[str, Traffic]]:
    config = twin.device_config(case.cloud, case.way) | case.settings
    shutil.copy(twin.ready["ca_file"], folder / "ca.pem")
    server = (config["address"], config["port"])
    with Relay(server) if config["way"] == "coap" else TcpRelay(server) as relay:
        config |= {"address": "127.0.0.1", "port": relay.port}
        (folder / "device.json").write_text(json.dumps(config))
        cold, warm = wake(folder, relay.take, 2)
        (woken,) = wake(folder, relay.take, 1)
        (waited,) = wake(folder, relay.take, 1, ("", "0", WAITED))
    yield COLD, cold
    yield WARM, warm
    yield WOKEN, woken
    yield WAITED, waited


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    return traffic_table(
        "way in",
        "HTTPS\nto it",
        [
            (row.case.title, row.when, row.traffic, f"{row.ratio:.1f} x" if row.ratio else "")
            for row in rows
        ],
    )


def explanation() -> str:
    """What was counted."""
    return (
        "Two values as Alink JSON or Watson's. cold: connect, TLS 1.2 handshake, log in\n"
        "(Alibaba: /auth), first report. warm: the next one, on what is kept. woken: the\n"
        "first after a deep sleep, with what is on flash. 100: woken with so many that\n"
        "waited. At Watson HTTPS asks for a command, too, where cold or woken\n"
        "(command_poll_s; 0: hears none).\n"
        "Certificate: one small leaf (ECDSA P-256); a cloud's chain costs more.\n"
        "TCP: segments of 1460 bytes or less, as Linux counts them, SYN and\n"
        "acknowledgements too, the closing not; each with "
        f"{HEADERS_BYTES} bytes of IP and TCP, and\nTCP's options: {TIMESTAMP_BYTES} of "
        "timestamps here, which lwIP on a board leaves out.\n"
        "One acknowledgement more or less is chance."
    )
