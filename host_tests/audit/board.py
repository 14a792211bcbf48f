"""What does a board do? The real main.py and lib/signet on i386 MicroPython, by its own words."""

import socket
import ssl
from typing import Any

from host_tests.audit.place import Place
from host_tests.audit.row import Probe
from tools.pki.authority import Authority

_ENDS = r"^(device\.json: .*|not connected: .*|report -?\d+ (?!stays).*)"
_WAIT_S = 30.0
_CLIENT = "board, i386"


def board(
    cloud: str,
    way: str,
    main: str | None = None,
    *,
    ca: str = "",
    certificate: str = "",
    until: str = _ENDS,
    **changes: Any,
) -> Probe:
    """The first line that tells how it went, such as "report 1 stored".

    main: a program in place of main.py. ca, certificate: files of the place.
    until: all of another line.
    changes: to the sample device's device.json.
    """

    def ask(place: Place) -> str:
        more, own = {}, {}
        if certificate:
            file = place.files / certificate
            for kind, found in (("cert", file), ("key", file.with_suffix(".key"))):
                if found.exists():
                    own[kind] = found.name
                    more[f"/{found.name}"] = found.read_bytes()
        config = place.config(cloud, way, **own, **changes)
        place.board.run(config, main, place.files / ca if ca else None, more)
        try:
            return place.board.wait_for(f"{until}\r?\n", _WAIT_S).strip()  # the whole line
        finally:
            place.board.stop()

    return Probe(_CLIENT, ask)


def again(
    cloud: str, way: str, between: dict[str, Any] | None, until: str, **changes: Any
) -> Probe:
    """How often it says "authenticated" from its first report on, until a line comes.

    between: a fault of the twin after the first report; None: the reset button.
    """

    def ask(place: Place) -> str:
        place.board.run(place.config(cloud, way, **changes))
        try:
            place.board.wait_for("^report 1 stored", _WAIT_S)
            if between is None:
                place.board.reset()
                since = 0
            else:
                place.twin.fault(**between)
                since = len(place.board.output())
            place.board.wait_for(until, _WAIT_S)
            return f"{place.board.output()[since:].count('authenticated')} authenticated"
        finally:
            place.board.stop()
            place.kept.clear()

    return Probe(_CLIENT, ask)


def sends(cloud: str, way: str, **changes: Any) -> Probe:
    """The first bytes that it sends to a server of ours, read as Latin-1."""

    def ask(place: Place) -> str:
        config = place.config(cloud, way, **changes)
        datagrams = way.startswith("coap")
        kind = socket.SOCK_DGRAM if datagrams else socket.SOCK_STREAM
        with socket.socket(socket.AF_INET, kind) as server:
            server.bind(("127.0.0.1", 0))
            server.settimeout(_WAIT_S)
            config |= {"address": "127.0.0.1", "port": server.getsockname()[1]}
            if not datagrams:
                server.listen()
            place.board.run(config)
            try:
                return (server.recv(65536) if datagrams else _first(place, config, server)).decode(
                    "latin-1"
                )
            finally:
                place.board.stop()

    return Probe(_CLIENT, ask)


def _first(place: Place, config: dict[str, Any], server: socket.socket) -> bytes:
    """What comes over a connection, until it is silent."""
    peer, _ = server.accept()
    peer.settimeout(_WAIT_S)
    if config["tls"]:
        file = Authority(place.twin.state).server([config["host"]], place.folder / "server.pem")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(file)
        peer = context.wrap_socket(peer, server_side=True)
    with peer:
        got = peer.recv(65536)
        peer.settimeout(0.3)
        try:
            while data := peer.recv(65536):
                got += data
        except TimeoutError:
            pass
    return got
