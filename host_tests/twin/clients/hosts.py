"""Maps host names (and ports) to the twin in this process, as a line in /etc/hosts would.

wiotp-sdk builds its host name from the org and takes only the real ports, so the twin's loopback
address and free ports are put in where names are resolved. The SDK's code is not touched.
"""

import socket

_resolve = socket.getaddrinfo


def map_hosts(table):
    """table: {(host, port): (address, port)}."""

    def resolve(host, port, *args, **options):
        address, mapped = table.get((host, port), (host, port))
        return _resolve(address, mapped, *args, **options)

    socket.getaddrinfo = resolve
