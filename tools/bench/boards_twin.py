"""How does a twin, or a broker, speak TLS as it would with boards?

Their Mbed TLS is built without TLS 1.3, while the one of Debian's MicroPython has it, whose
handshake is of another size, and takes other memory.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from tools.twin.clouds.doors import DOORS
from tools.twin.process import TwinProcess
from tools.twin.tls.openssl import CONFIGURATION

_OPENSSL_CONF = f"""
.include = {CONFIGURATION}
[usual]
MaxProtocol = TLSv1.2
"""


@contextlib.contextmanager
def twin_of_boards(folder: Path) -> Iterator[TwinProcess]:
    """A twin in `folder`, on free ports, that speaks TLS 1.2 at most."""
    with start(TwinProcess(folder, {door.key: 0 for door in DOORS})) as twin:
        yield twin


def start(twin: TwinProcess) -> TwinProcess:
    """Start it so that it speaks TLS 1.2 at most; see openssl's config(5)."""
    with tls_of_boards(twin.state.parent):
        return twin.start()


@contextlib.contextmanager
def tls_of_boards(folder: Path) -> Iterator[None]:
    """What starts in this context speaks TLS 1.2 at most, if by OpenSSL. folder: for a file."""
    limits = folder / "openssl.cnf"
    folder.mkdir(parents=True, exist_ok=True)
    limits.write_text(_OPENSSL_CONF)
    before = os.environ.get("OPENSSL_CONF")
    os.environ["OPENSSL_CONF"] = str(limits)
    try:
        yield
    finally:
        del os.environ["OPENSSL_CONF"]
        if before is not None:
            os.environ["OPENSSL_CONF"] = before
