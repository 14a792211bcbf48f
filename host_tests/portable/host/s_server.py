"""How does `openssl s_server` speak DTLS beside a test?  It sends back what it gets."""

import os
import shutil
import socket
import subprocess

from host_tests.portable.host.interpreters import TIED


class OpenSSLServer:
    """One process, one port; or None as its port where there is no openssl program.

    certificate: path of a PEM file with certificate and key.
    arguments: more of s_server's, such as "-listen".
    """

    def __init__(self, certificate, arguments):
        self.port = self._process = None
        program = shutil.which("openssl")
        if program is None:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [program, "s_server", "-dtls1_2", "-quiet", "-cert", certificate]
        command += ["-accept", f"127.0.0.1:{self.port}", *arguments]
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
