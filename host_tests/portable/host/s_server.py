"""How does `openssl s_server` speak TLS or DTLS beside a test?

With DTLS it sends back what it gets; with TLS each line, its end first.
"""

import os
import shutil
import socket
import subprocess

from host_tests.portable.host.interpreters import TIED
from tools.ui import UserError


class OpenSSLServer:
    """One process, one port; or None as its port where there is no openssl program.

    certificate: path of a PEM file with certificate and key.
    arguments: more of s_server's, such as "-listen"; "-tls..." makes it a server of TLS.
    """

    def __init__(self, certificate, arguments):
        self.port = self._process = None
        program = shutil.which("openssl")
        if program is None:
            return
        command = [program, "s_server", "-cert", certificate, *arguments]
        if any(argument.startswith("-tls") for argument in arguments):
            self._start_tls(command)
        else:
            self._start_dtls(command)

    def _start_tls(self, command):
        self._process = subprocess.Popen(
            [*TIED, *command, "-rev", "-accept", "127.0.0.1:0"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        for line in self._process.stdout:
            if line.startswith(b"ACCEPT "):
                self.port = int(line.rpartition(b":")[2])
                return
        raise UserError(f"{' '.join(map(str, command))} did not start")

    def _start_dtls(self, command):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command += ["-quiet", "-dtls1_2", "-accept", f"127.0.0.1:{self.port}"]
        what_it_prints, prints = os.pipe()  # is what it has received: its input again
        self._process = subprocess.Popen(
            [*TIED, *command], stdin=what_it_prints, stdout=prints, stderr=subprocess.DEVNULL
        )
        os.close(what_it_prints)
        os.close(prints)

    def close(self):
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
