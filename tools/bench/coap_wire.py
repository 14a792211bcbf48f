"""How many datagrams, and how many bytes, does a report to Alibaba Cloud over CoAP cost?

Measured, not computed: the device's own code runs on MicroPython, once for each time that it wakes
(`firmware/bench/report.py`), and talks to the twin through a relay that counts.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from tools.bench.relay import Relay, Traffic
from tools.bench.reporting import traffic_table, wake
from tools.scratch import scratch
from tools.twin.clouds.doors import DOORS
from tools.twin.process import TwinProcess

RAW_BYTES = 31
"""Of plain text in a raw report: 32 B of ciphertext, as PKCS#7 adds one to sixteen bytes."""

WARM_PACKETS, WARM_BYTES = 2, 250
COLD_PACKETS, COLD_BYTES = 4, 570
"""Goals for such a report with AES; a yardstick of the design."""

_SHORT = "/{product_key}/{device_name}/user/update"
_LONG = "/{product_key}/{device_name}/user/"
_LONG_OPTIONS_BYTES = 59
"""Options of the path `/topic/sys/PK/DN/thing/event/property/post` with names of usual length."""

_COLD, _WARM, _AWAKE = "cold", "warm", "awake"


class Case(NamedTuple):
    """What is measured. topic: of a raw report of RAW_BYTES; "": a property of the thing model."""

    title: str
    way: str
    topic: str
    settings: dict[str, object]


CASES = (
    Case("AES, 32 B, short topic", "coap", _SHORT, {}),
    Case("AES, 32 B, long topic", "coap", _LONG, {}),
    Case("AES, long, hmacmd5", "coap", _LONG, {"sign_method": "hmacmd5"}),
    Case("AES, long, documented", "coap", _LONG, {"profile": "documented"}),
    Case("AES, long, ackMode 1", "coap", _LONG, {"ack_mode": 1}),
    Case("AES, property post", "coap", "", {}),
    Case("AES, property in CBOR", "coap", "", {"format": "cbor"}),
    Case("DTLS, 31 B, short topic", "coaps", _SHORT, {}),
    Case("DTLS, property post", "coaps", "", {}),
)


_BEYOND_GOALS = {"profile", "ack_mode"}  # each adds what the lean form leaves out


class Row(NamedTuple):
    """One report. when: what the device had when it woke. goal: packets and bytes, or None."""

    case: Case
    when: str
    traffic: Traffic
    goal: tuple[int, int] | None

    @property
    def met(self) -> bool:
        """Is the goal, where there is one, met?"""
        if self.goal is None:
            return True
        return self.traffic.packets <= self.goal[0] and self.traffic.bytes <= self.goal[1]


def measure(cases: Sequence[Case], step: Callable[[], None]) -> list[Row]:
    """Starts a twin and lets a device report in every case: cold, awake, and after a wake.

    cases: CASES, or some of them. step: called after each case.
    raises: UserError when a report does not arrive.
    """
    rows: list[Row] = []
    with (
        scratch() as name,
        TwinProcess(Path(name), {door.key: 0 for door in DOORS}) as twin,
    ):
        for number, case in enumerate(cases):
            folder = Path(name, f"device-{number}")
            folder.mkdir()
            rows += _measure(case, twin, folder)
            step()
    return rows


def _measure(case: Case, twin: TwinProcess, folder: Path) -> Iterator[Row]:
    config = twin.device_config("alibaba", case.way) | case.settings
    shutil.copy(twin.ready["ca_file"], folder / "ca.pem")
    with Relay((config["address"], config["port"])) as relay:
        config |= {"address": "127.0.0.1", "port": relay.port}
        (folder / "device.json").write_text(json.dumps(config))
        topic = _topic(case.topic, config)
        raw = (topic, str(RAW_BYTES)) if topic else ()
        cold, awake = wake(folder, relay.take, 2, raw)
        (warm,) = wake(folder, relay.take, 1, raw)
    judged = case.way == "coap" and case.topic and not case.settings.keys() & _BEYOND_GOALS
    yield Row(case, _COLD, cold, (COLD_PACKETS, COLD_BYTES) if judged else None)
    yield Row(case, _WARM, warm, (WARM_PACKETS, WARM_BYTES) if judged else None)
    if case.way == "coaps":  # with AES it is as when warm
        yield Row(case, _AWAKE, awake, None)


def _topic(pattern: str, config: dict[str, object]) -> str:
    topic = pattern.format(**config)
    if not topic.endswith("/"):
        return topic
    # One byte of option before a segment of up to 12 bytes, two before a longer one.
    used = sum(1 + len(segment) for segment in ("topic", *topic.split("/")[1:-1]))
    return topic + "x" * (_LONG_OPTIONS_BYTES - used - 2)


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    return traffic_table(
        "report", "goal", [(row.case.title, row.when, row.traffic, _judged(row)) for row in rows]
    )


def _judged(row: Row) -> str:
    if row.goal is None:
        return ""
    text = f"{row.goal[0]}, {row.goal[1]}"
    return f"[green]{text}[/]" if row.met else f"[yellow]{text} missed[/]"


def explanation() -> str:
    """What was sent, and the goals."""
    return (
        "cold: no token yet; warm: woken, with its flash; awake: in the DTLS session.\n"
        f"32 B: a raw report of {RAW_BYTES} bytes, which AES makes 32 of.\n"
        "Short topic: /PK/DN/user/update.\n"
        "Long topic: as long as the property post's with usual names, "
        f"{_LONG_OPTIONS_BYTES} B of options.\n"
        "Property post: two values as Alink JSON, or CBOR. Goals: packets and bytes;\n"
        "missed where /auth is signed by SHA-256, whose signature is 32 digits longer\n"
        "than that of the document's MD5."
    )
