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


def map_watson(given):
    """given: "org_id", "address", "port", "tls"."""
    host = "{}.messaging.internetofthings.ibmcloud.com".format(given["org_id"])
    map_hosts({(host, options(given)["port"]): (given["address"], given["port"])})


def options(given):
    """The SDK's own options for that: "mqtt" of its configuration."""
    return {
        "port": 8883 if given["tls"] else 1883,
        "caFile": given["ca"],
        "transport": "websockets" if given.get("websocket") else "tcp",
    }
