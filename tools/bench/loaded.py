"""How many bytes of .mpy does a device load that reports by a way in other than MQTT?"""

from typing import NamedTuple

from rich import box
from rich.table import Table

from tools import size
from tools.link.needed import Device, needed


class Kind(NamedTuple):
    """name: of the ways in. goal_bytes: for what is theirs alone, or None. devices: by title."""

    name: str
    title: str
    goal_bytes: int | None
    devices: dict[str, Device]


COAP = Kind(
    "CoAP",
    "security",
    16 * 1024,
    {"AES": Device("alibaba", "coap", False), "DTLS": Device("alibaba", "coap", True)},
)
HTTP = Kind(
    "HTTP",
    "cloud",
    None,
    {
        "Alibaba": Device("alibaba", "http", True),
        "Watson": Device("watson", "http", True),
    },
)


class Row(NamedTuple):
    """Bytes of .mpy. own: what no device of that cloud with MQTT loads. all: with the rest."""

    title: str
    own: int
    all: int


def measure(kind: Kind) -> list[Row]:
    """Compiles the package and counts, for each device."""
    sizes = size.measured()
    rows = []
    for title, device in kind.devices.items():
        loaded = needed(device)
        own = loaded - needed(device._replace(way="mqtt"))
        rows.append(Row(title, *(sum(map(sizes.__getitem__, each)) for each in (own, loaded))))
    return rows


def table(kind: Kind, rows: list[Row]) -> Table:
    """The figures for a person."""
    title = f"Bytes of .mpy that a device loads which reports by {kind.name}"
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD)
    shown.add_column(kind.title)
    for name in (f"{kind.name}'s own", "goal", "all it loads"):
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(row.title, str(row.own), _judged(kind, row), str(row.all))
    return shown


def _judged(kind: Kind, row: Row) -> str:
    if kind.goal_bytes is None:
        return ""
    met = row.own <= kind.goal_bytes
    return f"[green]{kind.goal_bytes}[/]" if met else f"[red]{kind.goal_bytes} missed[/]"


def explanation(kind: Kind) -> str:
    """What was counted."""
    return (
        f"{kind.name}'s own: modules that no device loads which speaks MQTT to that cloud.\n"
        "All it loads: with errors, configuration, identity and link; for each module:\n"
        "`signet size --device`."
    )
