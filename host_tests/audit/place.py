"""What do the audit's questions go to? One twin on its documents' ports, one virtual board."""

import contextlib
import os
import subprocess
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self

from host_tests.audit.row import here
from host_tests.device.conftest import Device as Board
from host_tests.support import Twin
from tools.board.virtual import VirtualBoard
from tools.toolchain import micropython, word_sizes
from tools.twin.registry.store import open_store

# The documents' own samples; secrets are ours where a document prints none.
DEVICES = (
    ("enos", "device", "123", "test", "aaabbbcc123"),
    ("enos", "device", "123", "other", "aaabbbcc123"),
    ("alibaba", "device", "pk", "device", "secret"),
    ("alibaba", "device", "a1GFjLPXXXX", "device123", "secret"),
    ("alibaba", "device", "a1GFjLP3xxC", "device", "secret"),
    ("alibaba", "device", "a1NUjcVkHZS", "ff1a11e7c08d4b3db2b1500d8e0e55", "secret"),
    ("alibaba", "device", "ZG1EvTEa7NN", "NlwaSPXsCpTQuh8FxBGH", "secret"),
    ("watson", "device", "orgId1/devtype", "devid", "token-of-devid"),
    ("watson", "device", "orgId1/devtype", "A.b-c_9", "token-of-devid"),
    ("watson", "device", "orgId1/" + 36 * "t", 36 * "d", "token-of-devid"),
    ("watson", "gateway", "orgId1/typeId", "deviceId", "token-of-gateway"),
    ("watson", "application", "orgId1", "a-orgId1-a84ps90Ajs", "MP$08VKz!8rXwnR-Q*"),
    ("watson", "device", "mtxpd0/devtype", "devid", "token-of-devid"),
    ("watson", "device", "mtxpd0/devtype", "other", "token-of-devid"),
    ("watson", "gateway", "mtxpd0/typeId", "deviceId", "token-of-gateway"),
    ("watson", "device", "srvcrt/devtype", "devid", "token-of-devid"),
)

# What OpenSSL's own openssl.cnf says of `openssl req -x509`; a machine may have another.
_OPENSSL = """
[req]
distinguished_name = name
x509_extensions = v3_ca
[name]
[v3_ca]
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid:always,issuer
basicConstraints = critical,CA:true
"""

_TIMEOUT_S = 20.0


class Place:
    """The twin, with `DEVICES` in its registry, and the board; a context manager.

    folder: for all that they write; `files` is where commands run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = folder / "files"
        self.files.mkdir()
        (folder / "openssl.cnf").write_text(_OPENSSL)
        self._stack = contextlib.ExitStack()
        self.kept: dict[str, Any] = {}
        """What a question keeps for the next: tokens, certificates."""

    def __enter__(self) -> Self:
        self.twin = self._stack.enter_context(Twin(self.folder, documented=True))
        with contextlib.closing(open_store(self.twin.state)) as store:
            for *device, secret in DEVICES:
                store.add(*device, secret=secret)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def ca(self) -> str:
        """The file of the twin's CA."""
        return str(self.twin.ready["ca_file"])

    @cached_property
    def board(self) -> Board:
        """Real MicroPython with a board's heap, 32 bits wide where the machine can run that."""
        bits = min(word_sizes(), default=32)
        here(partial(micropython, bits))
        board = VirtualBoard(self.folder / "board", bits=bits).create()
        self._stack.enter_context(board)
        device = Board(board, self.twin)
        self._stack.callback(device.stop)
        return device

    def config(self, cloud: str, way: str, **changes: Any) -> dict[str, Any]:
        """A device.json for the document's sample device; a change to None leaves a key out."""
        values = {**self.twin.device_config(cloud, way), **_SAMPLES[cloud], "retry_s": 1}
        values["host"] = values["host"].replace("a1SignetPk", "a1GFjLPXXXX")
        values |= {"report_interval_s": 1, **changes}
        return {key: value for key, value in values.items() if value is not None}

    def run(self, program: Path, *words: object, **environment: str) -> str:
        """What a program prints, run in the folder of files."""
        done = subprocess.run(
            [program, *map(str, words)],
            cwd=self.files,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_S,
            check=False,
        )
        return done.stdout.decode(errors="replace")


_SAMPLES = {
    "enos": {"product_key": "123", "device_key": "test", "device_secret": "aaabbbcc123"},
    "alibaba": {
        "product_key": "a1GFjLPXXXX",
        "device_name": "device123",
        "device_secret": "secret",
    },
    "watson": {
        "org_id": "orgId1",
        "type_id": "devtype",
        "device_id": "devid",
        "token": "token-of-devid",
        "host": "orgId1.messaging.internetofthings.ibmcloud.com",
    },
}
