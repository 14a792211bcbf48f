"""How many packets, and how many bytes, does a report over HTTPS cost, and over other ways in?

Measured, not computed: the device's own code runs on MicroPython (`firmware/bench/report.py`), and
talks to the twin through a relay that counts.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich import box
from rich.table import Table

from tools.bench.relay import Relay, Traffic
from tools.bench.relay_tcp import HEADERS_BYTES, TIMESTAMP_BYTES, TcpRelay
from tools.bench.reporting import wake
from tools.twin.listeners import DOORS
from tools.twin.process import TwinProcess

COLD, WARM, WOKEN = "cold", "warm", "woken"


_OPENSSL_CONF = """
openssl_conf = all
[all]
ssl_conf = modules
[modules]
system_default = limits
[limits]
MaxProtocol = TLSv1.2
"""


class Case(NamedTuple):
    """A way in of the twin's ready file; the others of a cloud are compared with its first."""

    cloud: str
    way: str
    title: str


CASES = (
    Case("alibaba", "https", "Alibaba, HTTPS"),
    Case("alibaba", "mqtts", "Alibaba, MQTT over TLS"),
    Case("alibaba", "coap", "Alibaba, CoAP with AES"),
    Case("alibaba", "coaps", "Alibaba, CoAP over DTLS"),
    Case("watson", "https", "Watson, HTTPS"),
    Case("watson", "mqtts", "Watson, MQTT over TLS"),
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
    with tempfile.TemporaryDirectory(prefix="signet-bench-") as name, twin_of_boards(name) as twin:
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


@contextlib.contextmanager
def twin_of_boards(folder: str) -> Iterator[TwinProcess]:
    """A twin in `folder` that speaks TLS 1.2, as boards do: their Mbed TLS is built without 1.3,
    while the one of Debian's MicroPython has it, whose handshake is of another size.
    """
    limits = Path(folder, "openssl.cnf")
    limits.write_text(_OPENSSL_CONF)
    twin = TwinProcess(Path(folder), {door.key: 0 for door in DOORS})
    before = os.environ.get("OPENSSL_CONF")
    os.environ["OPENSSL_CONF"] = str(limits)
    try:
        twin.start()
    finally:
        del os.environ["OPENSSL_CONF"]
        if before is not None:
            os.environ["OPENSSL_CONF"] = before
    with twin:
        yield twin


def _measure(case: Case, twin: TwinProcess, folder: Path) -> Iterator[tuple[str, Traffic]]:
    config = twin.device_config(case.cloud, case.way)
    shutil.copy(twin.ready["ca_file"], folder / "ca.pem")
    server = (config["address"], config["port"])
    with Relay(server) if config["way"] == "coap" else TcpRelay(server) as relay:
        config |= {"address": "127.0.0.1", "port": relay.port}
        (folder / "device.json").write_text(json.dumps(config))
        cold, warm = wake(folder, relay.take, 2)
        (woken,) = wake(folder, relay.take, 1)
    yield COLD, cold
    yield WARM, warm
    yield WOKEN, woken


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    title = "One report on the wire: IPv4 packets, and their bytes with all headers"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("way in", no_wrap=True)
    shown.add_column("", no_wrap=True, min_width=5)
    for name in ("packets\nup+down", "bytes\nup+down", "sum", "HTTPS\nto it"):
        shown.add_column(name, justify="right", no_wrap=True)
    last = None
    for row in rows:
        if last not in (None, row.case):
            shown.add_section()
        traffic = row.traffic
        shown.add_row(
            row.case.title if row.case != last else "",
            row.when,
            f"{traffic.packets_up}+{traffic.packets_down}",
            f"{traffic.bytes_up}+{traffic.bytes_down}",
            str(traffic.bytes),
            f"{row.ratio:.1f} x" if row.ratio else "",
        )
        last = row.case
    return shown


def explanation() -> str:
    """What was counted."""
    return (
        "Two values as Alink JSON or Watson's. cold: connect, TLS 1.2 handshake, log in\n"
        "(Alibaba: /auth), first report. warm: the next one, on what is kept. woken: the\n"
        "first after a deep sleep, with what is on flash. TCP: segments of 1460 bytes or\n"
        "less, as Linux counts them, SYN and acknowledgements too, the closing not; each\n"
        f"with {HEADERS_BYTES} bytes of IP and TCP, and TCP's options: {TIMESTAMP_BYTES} of "
        "timestamps here, which\nlwIP on a board leaves out. "
        "One acknowledgement more or less is chance."
    )
