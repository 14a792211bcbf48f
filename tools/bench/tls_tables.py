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
    names = ("heap:\nneeded", "con-\ntext", "conn-\nection", "libc:\ncontext", "peak", "kept")
    shown = _table("Memory of a handshake and after it, bytes", names, "build")
    _fill(
        shown,
        (
            (
                row.build,
                row.case,
                *map(str, (row.needed, row.context, row.connection)),
                str(row.shared.kept) if row.shared else "-",
                str(row.own.peak) if row.own else "-",
                str(row.own.kept) if row.own else "-",
            )
            for row in rows
        ),
    )
    return shown


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
    suites = {row.case.kind: row.suite for row in found.times}
    traced = (
        "libc's are what Mbed TLS asks of malloc, by glibc's mtrace(3)"
        if any(row.own for row in found.memory)
        else "libc's are not known: this C library has no mtrace(3)"
    )
    return (
        f"{rounds} rounds in which the cases take turns; medians; half of the rounds lie\n"
        f"within ±. MicroPython's heap: {programs.HEAP}. Time: from the TCP connection that is\n"
        "there to the end of the handshake; in it the server's share of processor time\n"
        "(OpenSSL on this machine). To P-256: the median of the rounds' ratios.\n"
        "Every certificate is verified by signet, up to the root in ca.pem; the board's is\n"
        "of the same kind, signed by the root, its key in device.pem beside it.\n"
        f"{''.join(f'{KINDS[kind]}: {suite}.{chr(10)}' for kind, suite in suites.items())}"
        "heap: the least free heap in which a connection comes about; what is left of it:\n"
        "for the context (once), for a connection (each).\n"
        f"{traced}:\n"
        "context: kept with it; peak: at most during the handshake, beside the context;\n"
        "kept: afterwards. Two record buffers of 16 KiB are in both. On an ESP32 this is\n"
        "RAM beside MicroPython's heap; buffers are as large as its firmware has them.\n"
        "Wire: TCP segments of 1460 bytes or less, SYN and acknowledgements too, the closing\n"
        f"not; {HEADERS_BYTES} bytes of IP and TCP each, {TIMESTAMP_BYTES} of timestamps, which "
        "lwIP on a\nboard leaves out. Certificates have short names: a real cloud's are larger."
    )
