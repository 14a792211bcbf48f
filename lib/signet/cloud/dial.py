"""Which channel does a device.json name?"""

from signet.net.stream import TcpChannel


def load(config):
    """Loads the code of `config`'s channel early: a later heap has less room in one piece."""
    if config.get("trust"):
        from signet.net import secure  # noqa: F401
    if config.get("websocket"):
        from signet.net import websocket  # noqa: F401


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
            from signet.net.secure import TlsChannel

            channel = TlsChannel(
                channel, config["host"], config["trust"], deadline, config.get("cert")
            )
        if config.get("websocket"):
            from signet.net.websocket import WebSocketChannel

            host = config["host"]
            if port != (80 if config["trust"] is None else 443):
                host = "{}:{}".format(host, port)
            channel = WebSocketChannel(channel, host, deadline)
    except BaseException:  # memory may have run out
        channel.close()
        raise
    return channel
