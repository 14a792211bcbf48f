"""How does a plain mosquitto run beside a test?  One process, one port, one password file.

Over TCP; with options also over WebSocket, and TLS with a certificate demanded of the client. Then
a login needs no user and password, but one that gives them gives the right ones.
"""

import socket
import subprocess
import time
from pathlib import Path

from host_tests.portable.host.interpreters import TIED
from tools import toolchain

USER = "user"
PASSWORD = "pass"

_CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous {anonymous}
password_file {folder}/passwords
user root
"""


class Broker:
    """A mosquitto that accepts user `USER` with `PASSWORD`; ready when this returns.

    folder: where it keeps its files.
    websockets: MQTT over WebSocket, on any path.
    certificate: path of a PEM file with certificate and key, for TLS; or None.
    client_ca: path of a PEM file with the CA of who is let in, for TLS; or None.
    """

    def __init__(self, folder: Path, websockets=False, certificate=None, client_ca=None):
        self._options = ""
        self._anonymous = "true" if client_ca else "false"
        if websockets:
            self._options += "protocol websockets\n"
        if certificate:
            self._options += f"certfile {certificate}\nkeyfile {certificate}\n"
        if client_ca:
            self._options += f"require_certificate true\ncafile {client_ca}\n"
        passwords = folder / "passwords"
        if not passwords.exists():
            command = [
                toolchain.mosquitto("mosquitto_passwd"),
                "-b",
                "-c",
                passwords,
                USER,
                PASSWORD,
            ]
            subprocess.run(command, check=True, capture_output=True)
        for attempts_left in (2, 1, 0):
            try:
                self._start(folder)
                return
            except RuntimeError:  # somebody else may have taken the port
                if not attempts_left:
                    raise

    def _start(self, folder):
        self.port = free_port()
        config = folder / f"mosquitto-{self.port}.conf"
        text = _CONFIG.format(port=self.port, folder=folder, anonymous=self._anonymous)
        config.write_text(text + self._options)
        self._log = (folder / f"mosquitto-{self.port}.log").open("w+")
        self._process = subprocess.Popen(
            [*TIED, toolchain.mosquitto(), "-c", config],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_ready()

    def _wait_ready(self):
        give_up = time.monotonic() + 10
        while time.monotonic() < give_up and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        self._log.seek(0)
        log = self._log.read()
        self.close()
        raise RuntimeError(f"mosquitto did not start:\n{log}")

    def close(self):
        """Ends the broker."""
        self._process.kill()
        self._process.wait()
        self._log.close()


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
