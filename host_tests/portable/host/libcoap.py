"""How does libcoap's coap-server run beside a test?  CoAP on one port, DTLS on the next.

Its resources: /, /time, /async and /example_data; a PUT to any other path makes one.
"""

import socket
import subprocess
import time

from host_tests.portable.host.interpreters import TIED
from tools import toolchain
from tools.ui import UserError

_PING, _PONG = bytes.fromhex("40000001"), bytes.fromhex("70000001")  # RFC 7252 section 4.3
_READY_S = 10


class CoapServer:
    """Ready when this returns; or with `port` None and `missing` where there is no libcoap.

    certificate: path of a PEM file with certificate and key, for DTLS; or None.
    arguments: more of coap-server's, such as "-l", "2".
    """

    def __init__(self, certificate, arguments):
        self.port = self._process = self.missing = None
        try:
            program = toolchain.libcoap("coap-server")
        except UserError as error:
            self.missing = str(error)
            return
        command = [*TIED, program, "-A", "127.0.0.1", "-d", "8", *arguments]
        if certificate:
            command += ["-c", certificate, "-j", certificate, "-n"]
        for _ in range(3):  # somebody else may take a port before coap-server does
            port = _two_free_ports()
            self._process = subprocess.Popen(
                [*command, "-p", str(port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            if self._answers(port):
                self.port = port + 1 if certificate else port
                return
            self.close()
        raise RuntimeError("coap-server did not start")

    def _answers(self, port):
        give_up = time.monotonic() + _READY_S
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("127.0.0.1", port))
            probe.settimeout(0.05)
            while time.monotonic() < give_up and self._process.poll() is None:
                try:
                    probe.send(_PING)
                    if probe.recv(4) == _PONG:
                        return True
                except ConnectionRefusedError:
                    time.sleep(0.01)
                except TimeoutError:
                    pass
        return False

    def close(self):
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def _two_free_ports() -> int:
    """Returns a port that is free with the one after it, for UDP and for TCP."""
    while True:
        port = None
        probes = []
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                for step in (0, 1):
                    probe = socket.socket(socket.AF_INET, kind)
                    probes.append(probe)
                    probe.bind(("127.0.0.1", port + step if port else 0))
                    port = port or probe.getsockname()[1]
            return port
        except (OSError, OverflowError):
            continue
        finally:
            for probe in probes:
                probe.close()
