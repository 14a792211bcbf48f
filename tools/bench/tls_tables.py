"""How are the figures of `signet bench tls` shown to a person?"""

from collections.abc import Iterable, Sequence

from rich import box
from rich.table import Table

from tools.bench import programs
from tools.bench.relay_tcp import HEADERS_BYTES, TIMESTAMP_BYTES
from tools.bench.tls import Found, Memory, Times, Wire
from tools.bench.tls_certificates import KINDS, Case


def tables(found: Found) -> list[Table]:
    """Times, memory, and the wire."""
    return [_times(found.times), _memory(found.memory), _wire(found.wire)]


def _times(rows: Sequence[Times]) -> Table:
    shown = _table(
        "TLS 1.2 handshake, milliseconds", ("ms", "±", "to\nP-256", "server's\nshare"), "build"
    )
    _fill(
        shown,
        (
            (
                row.build,
                row.case,
                f"{row.ms:.1f}",
                f"{row.spread:.0%}",
                f"{row.longer:.2f} x" if row.case.kind != "ec" else "",
                f"{row.server_ms:.1f}",
            )
            for row in rows
        ),
    )
    return shown


def _memory(rows: Sequence[Memory]) -> Table:
    names = ("heap:\nneeded", "con-\ntext", "connec-\ntion", "malloc:\ncontext", "peak", "kept")
    title = "Memory of a handshake and after it: heap in bytes, malloc's in KiB"
    shown = _table(title, names, "build")
    _fill(
        shown,
        (
            (
                row.build,
                row.case,
                *map(str, (row.needed, row.context, row.connection)),
                _kib(row.shared and row.shared.kept),
                _kib(row.own and row.own.peak),
                _kib(row.own and row.own.kept),
            )
            for row in rows
        ),
    )
    return shown


def _kib(size_bytes: int | None) -> str:
    return "-" if size_bytes is None else f"{size_bytes / 1024:.1f}"


def _wire(rows: Sequence[Wire]) -> Table:
    names = ("packets\nup+down", "bytes\nup+down", "sum", "to\nP-256", "ca\n.pem", "device\n.pem")
    shown = _table("A handshake on the wire, and the files on flash, bytes", names)
    sums = {row.case: row.traffic.bytes for row in rows}
    _fill(
        shown,
        (
            (
                "",
                row.case,
                f"{row.traffic.packets_up}+{row.traffic.packets_down}",
                f"{row.traffic.bytes_up}+{row.traffic.bytes_down}",
                str(row.traffic.bytes),
                f"{row.traffic.bytes / sums[row.case._replace(kind='ec')]:.2f} x"
                if row.case.kind != "ec"
                else "",
                str(row.ca),
                str(row.device) if row.device else "-",
            )
            for row in rows
        ),
    )
    return shown


def _table(title: str, figures: tuple[str, ...], *first: str) -> Table:
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in (*first, "server\nshows", "board\nshows", "keys"):
        shown.add_column(name, no_wrap=True)
    for name in figures:
        shown.add_column(name, justify="right", no_wrap=True)
    return shown


def _fill(shown: Table, rows: Iterable[tuple[str | Case, ...]]) -> None:
    """Each row: build or "", the case, figures. What is as in the row above is left out."""
    before: tuple[str, ...] = ()
    for build, case, *figures in rows:
        assert isinstance(case, Case)
        kind = KINDS[case.kind]
        labels = (*([str(build)] if build else []), *_shows(case))
        if before and before[:-2] != labels[:-2]:
            shown.add_section()
        shown.add_row(
            *(labels if labels != before else [""] * len(labels)), kind, *map(str, figures)
        )
        before = labels


def _shows(case: Case) -> tuple[str, str]:
    return "leaf, CA" if case.intermediate else "leaf", "leaf" if case.client else "-"


def explanation(rounds: int, found: Found) -> str:
    """What was measured, and how."""
    suites = {KINDS[row.case.kind]: row.suite for row in found.times}
    shows = "\n".join(f"{kind}: {suite}." for kind, suite in suites.items())
    return (
        f"{rounds} rounds in which the cases take turns; medians; half of the rounds lie\n"
        f"within ±. MicroPython's heap: {programs.HEAP}. Time: from an open TCP connection to\n"
        "the end of the handshake. In it the server's share: OpenSSL's processor time,\n"
        "on this machine. To P-256: the median of the rounds' ratios.\n"
        "signet verifies the server's certificate up to the root in ca.pem. The board's\n"
        "is of the same kind, signed by the root; its key is in device.pem too.\n"
        f"{shows}\n"
        "Heap needed: the least that is free when a connection comes about; then what it\n"
        "keeps: of the context once, of each connection.\n"
        f"{_outside(found)}\n"
        "Wire: SYN, acknowledgements and a byte of data too, the closing not; segments\n"
        f"of 1460 bytes or less, each with {HEADERS_BYTES} bytes of IP and TCP, "
        f"{TIMESTAMP_BYTES} of timestamps,\n"
        "which "
        "lwIP leaves out. An acknowledgement more or less is chance. Names in the\n"
        "certificates are short: a real cloud's are larger. This MicroPython offers\n"
        "TLS 1.3 too, which boards do not: one more key in the time, more bytes up."
    )


def _outside(found: Found) -> str:
    if not any(row.own for row in found.memory):
        return "malloc could not be traced here: glibc's libc_malloc_debug.so is not there."
    return (
        "malloc: what Mbed TLS asks libc for, traced by glibc's mtrace(3): kept by the\n"
        "context; at most during the handshake, beside that; kept by a connection. Two\n"
        "buffers of 16 KiB for records are in both. Left out: 16 KiB for TLS 1.3. On an\n"
        "ESP32 that is RAM beside MicroPython's heap; its buffers may be smaller."
    )
