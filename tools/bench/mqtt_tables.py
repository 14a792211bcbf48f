"""How are the figures of `signet bench mqtt` shown, and which goals were met?"""

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.goals import Goal
from tools.bench.mqtt import CLIENTS, LINK, NODELAY, NOTHING, ROUND_TRIP_MS, UMQTT, Client, Row


def tables(rows: dict[Client, Row]) -> list[Table]:
    """The figures for a person: speed, then cost."""
    return [_speeds(rows), _costs(rows)]


def _speeds(rows: dict[Client, Row]) -> Table:
    shown = _table("Reports acknowledged per second, QoS 1")
    for name in ("in flight", "at 0 ms", "ratio", f"at {ROUND_TRIP_MS} ms", "ratio"):
        shown.add_column(name, justify="right", no_wrap=True)
    for client in CLIENTS:
        row = rows[client]
        shown.add_row(
            client.title,
            "its window" if client is LINK else str(client.window),
            f"{row.near:.0f}",
            f"{row.near / rows[NODELAY].near:.3f}",
            f"{row.far:.1f}",
            f"{row.far / rows[UMQTT].far:.2f}",
        )
    return shown


def _costs(rows: dict[Client, Row]) -> Table:
    shown = _table("What it costs")
    for name in ("CPU, µs\na report", "ratio", "CPU, ms\nto first", "heap\nKiB", ".mpy\nbytes"):
        shown.add_column(name, justify="right", no_wrap=True)
    base_us = rows[NODELAY].cpu_us
    for client in (NOTHING, *CLIENTS):
        row = rows[client]
        shown.add_row(
            client.title,
            f"{row.cpu_us:.1f}" if row.cpu_us else "-",
            f"{row.cpu_us / base_us:.2f}" if row.cpu_us else "-",
            f"{row.start_ms:.1f}",
            str(row.heap_kib or "-"),
            str(row.flash or "-"),
        )
    return shown


def _table(title: str) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("client", no_wrap=True)
    return shown


def goals(rows: dict[Client, Row]) -> list[Goal]:
    """What a Link is to reach."""
    link, umqtt = rows[LINK], rows[UMQTT]
    found = [
        Goal(
            f"Reports at {ROUND_TRIP_MS} ms, a Link to umqtt.simple",
            6.0,
            link.far / umqtt.far,
            "x",
            "No more reports can be on their way at once than device.json's `window` says, and "
            "a Link hands over the next when it has read an acknowledgement.",
            at_least=True,
        )
    ]
    if rows[NODELAY].cpu_us:
        found.append(
            Goal(
                "CPU of a report, a Link to umqtt.simple + json.dumps",
                1.5,
                link.cpu_us / rows[NODELAY].cpu_us,
                "x",
                "A Link stamps, checks and keeps each report until it is acknowledged, counts "
                "it and logs it; umqtt.simple does none of that, so the report lasts no loss.",
            )
        )
    found.append(
        Goal(
            "CPU to the first report stored, above the interpreter",
            6.0,
            link.start_ms - rows[NOTHING].start_ms,
            "ms",
            "It loads the code of the session, reads device.json and looks for reports that "
            "wait on flash, before it connects.",
        )
    )
    return found


def explanation(rounds: int, seconds: float) -> str:
    """What was compared with what."""
    return (
        f"Rounds in which the clients take turns: {rounds}, {seconds:g} s each; heap "
        f"{programs.HEAP}. Medians of\n"
        "the speeds; the least of the CPU times, which the kernel counts for the process.\n"
        "A report: five values, made JSON by json.dumps, 87 bytes; a Link adds its time.\n"
        "One mosquitto; 50 ms: behind a relay that holds every byte for half of it.\n"
        "Ratios: to umqtt.simple; at 0 ms, and of CPU, with TCP_NODELAY.\n"
        "to first: from the start of the interpreter to the end of a program that reports\n"
        "once. heap: the least in which it publishes for 0.2 s, twice in a row, this\n"
        "program's own code included. .mpy: what is loaded; of a Link all that a\n"
        "deployment sends to /lib.\n"
        "umqtt.simple writes a report in pieces, each of which waits until the one before\n"
        "is acknowledged (Nagle); TCP_NODELAY is set by swapping its module `socket`.\n"
        "ESP32 images have 1.4 to 1.8 of it, which no package index carries.\n"
        "aiomqttc, chumicro-mqtt (with -sockets 0.21.3, -timing 0.8.4): the packages of\n"
        "PyPI, unchanged, compiled as signet is. The unix port has no machine.RTC, which\n"
        "aiomqttc asks for: one of ours stands in."
    )
