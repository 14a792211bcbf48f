"""How many bytes of .mpy does a device load that reports to Alibaba Cloud over CoAP?"""

from typing import NamedTuple

from rich import box
from rich.table import Table

from tools import size

GOAL_BYTES = 16 * 1024


class Row(NamedTuple):
    """Bytes of .mpy. own: what no device of that cloud with MQTT loads. all: with the rest."""

    security: str
    own: int
    all: int

    @property
    def met(self) -> bool:
        """Is the goal met?"""
        return self.own <= GOAL_BYTES


def measure() -> list[Row]:
    """Compiles the package and counts, for each security mode."""
    sizes = size.measured()
    rows = []
    for security, tls in (("AES", False), ("DTLS", True)):
        device = size.Device("alibaba", "coap", tls)
        loaded = size.needed(device)
        own = loaded - size.needed(device._replace(way="mqtt"))
        rows.append(Row(security, *(sum(map(sizes.__getitem__, each)) for each in (own, loaded))))
    return rows


def table(rows: list[Row]) -> Table:
    """The figures for a person."""
    title = "Bytes of .mpy that a CoAP device loads"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column("security")
    for name in ("CoAP's own", "goal", "all it loads"):
        shown.add_column(name, justify="right")
    for row in rows:
        verdict = "[green]{}[/]" if row.met else "[red]{} missed[/]"
        shown.add_row(row.security, str(row.own), verdict.format(GOAL_BYTES), str(row.all))
    return shown


def explanation() -> str:
    """What was counted."""
    return (
        "CoAP's own: modules that no device loads which speaks MQTT to the same cloud.\n"
        "All it loads: with errors, configuration, identity and link; `signet size --device`\n"
        "shows each module."
    )
