"""What does a client do whose many small writes wait for no acknowledgement (TCP_NODELAY)?"""

import socket


class Socket:
    """The module `socket`, as far as `requests` and umqtt.simple use it."""

    SOCK_STREAM = socket.SOCK_STREAM
    getaddrinfo = staticmethod(socket.getaddrinfo)

    @staticmethod
    def socket(*kind):
        made = socket.socket(*kind)
        made.setsockopt(6, 1, 1)  # IPPROTO_TCP, TCP_NODELAY
        return made
