"""Which channel of bytes does a device.json name?  Of datagrams: see alibaba/coap_access.py."""

from micropython import const

from signet.net.stream import TcpChannel

# By name: a board that needs none of them would keep what an import names.
_SECURE = const("signet.net.secure")
_WEBSOCKET = const("signet.net.websocket")


def load(config):
    """Loads the code of `config`'s channel early: a later heap has less room in one piece."""
    if config.get("trust"):
        __import__(_SECURE)
    if config.get("websocket"):
        __import__(_WEBSOCKET)


def connect(config, deadline):
    """Makes the channel that a configuration asks for: TCP, or verified TLS; WebSocket over it.

    Args:
        config: dict from config.load.
        deadline: clock.Deadline of connect and handshakes.
    Raises:
        Lost: no such name, or no connection can begin.
    """
    port = config["port"]
    channel = TcpChannel(config["address"] or config["host"], port, deadline)
    try:
        if config["trust"] is not None:
            channel = __import__(_SECURE, None, None, ("*",)).TlsChannel(
                channel, config["host"], config["trust"], deadline, config.get("cert")
            )
        if config.get("websocket"):
            host = config["host"]
            if port != (80 if config["trust"] is None else 443):
                host = "{}:{}".format(host, port)
            websocket = __import__(_WEBSOCKET, None, None, ("*",))
            path = config.get("websocket_path", "/mqtt")
            channel = websocket.WebSocketChannel(channel, host, deadline, path)
    except BaseException:  # memory may have run out
        channel.close()
        raise
    return channel
