"""How does a plain broker run beside a test?  One process, one port, one password file.

mosquitto over TCP; with options also over WebSocket, and TLS with a certificate demanded of the
client. Then a login needs no user and password, but one that gives them gives the right ones.
amqtt, of Python and by other people, over TCP or TLS, for all who have the password.
"""

import json
import socket
import subprocess
import time
from pathlib import Path

from host_tests.portable.host.interpreters import TIED
from tools import toolchain

USER = "user"
PASSWORD = "pass"

# PASSWORD, as amqtt keeps it; of few rounds, so that a login takes no while.
_ARGON2 = "$argon2id$v=19$m=8,t=1,p=1$c2lnbmV0LXRlc3Rz$K1j3ZSNxsb26clCcRJeKCUX7DZwmND62Rb86rLoYNUg"

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
    more: lines for its configuration.
    """

    def __init__(self, folder: Path, websockets=False, certificate=None, client_ca=None, more=""):
        self._options = more
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
        self._begin(folder)

    def _begin(self, folder):
        for attempts_left in (2, 1, 0):
            try:
                self._start(folder)
                return
            except RuntimeError:  # somebody else may have taken the port
                if not attempts_left:
                    raise

    def _program(self, folder):
        config = folder / f"mosquitto-{self.port}.conf"
        text = _CONFIG.format(port=self.port, folder=folder, anonymous=self._anonymous)
        config.write_text(text + self._options)
        return [toolchain.mosquitto(), "-c", config]

    def _start(self, folder):
        self.port = free_port()
        program = self._program(folder)
        self._log = (folder / f"broker-{self.port}.log").open("w+")
        self._process = subprocess.Popen(
            [*TIED, *program],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )
        self._wait_ready()

    def _wait_ready(self):
        give_up = time.monotonic() + 20  # Python takes a while on a busy machine
        while time.monotonic() < give_up and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        self._log.seek(0)
        log = self._log.read()
        self.close()
        raise RuntimeError(f"the broker did not start:\n{log}")

    def close(self):
        """Ends the broker."""
        self._process.kill()
        self._process.wait()
        self._log.close()


class Amqtt(Broker):
    """The like, by amqtt: MQTT 3.1.1 in Python, in the environment of the clouds' SDKs.

    folder: where it keeps its files.
    certificate: path of a PEM file with certificate and key, for TLS; or None.
    writable: topics, as filters, that `USER` may publish to; None for all.
    """

    def __init__(self, folder: Path, certificate=None, writable=None):
        self._listener = {}
        if certificate:
            self._listener = {
                "ssl": True,
                "certfile": str(certificate),
                "keyfile": str(certificate),
            }
        self._writable = writable
        (folder / "amqtt-passwords").write_text(f"{USER}:{_ARGON2}\n")
        self._begin(folder)

    def _program(self, folder):
        file = {"password_file": str(folder / "amqtt-passwords")}
        plugins = {"amqtt.plugins.authentication.FileAuthPlugin": file}
        if self._writable is not None:
            access = {"publish_acl": {USER: self._writable}, "acl": {USER: ["#"]}}
            plugins["amqtt.plugins.topic_checking.TopicAccessControlListPlugin"] = access
        listener = {"type": "tcp", "bind": f"127.0.0.1:{self.port}", **self._listener}
        config = folder / f"amqtt-{self.port}.yaml"  # JSON is YAML
        config.write_text(json.dumps({"listeners": {"default": listener}, "plugins": plugins}))
        return [toolchain.vendor_sdks(), "-m", "amqtt.scripts.broker_script", "-c", config]


def free_port() -> int:
    """A TCP port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
