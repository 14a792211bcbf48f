"""Where does a device program start?  `signet.open("device.json")` gives a Link.

Importing this package loads the error classes only: no cloud, no client and no TLS.
A session module is imported when device.json names it.
"""

from signet.errors import (  # noqa: F401
    ConfigError,
    Lost,
    ProtocolError,
    Refused,
    Rejected,
    SignetError,
    Throttled,
    TimedOut,
    Untrusted,
)

__version__ = "0.1.0"


def open(path="device.json", board=None, log=print):
    """Reads the device's configuration and returns its Link; opens no connection yet.

    Args:
        path: str, the configuration file on the board's flash.
        board: object with network_up and set_clock, see link.Link; None where the network is up.
        log: function of one str that shows a line to a person.
    Returns:
        signet.link.Link
    Raises:
        ConfigError: the file is missing, is not JSON, a value breaks its rule, or needs a part of
            signet that is not on the board.
    """
    from signet import modules

    try:
        with modules.Tidy():
            from signet.wire.exact_json import printable

            def write(text):
                log(printable(text))  # whoever has had his say in it

            values = modules.call("signet.device.ready", "load", path, write)
            from signet.reports.outbox import Outbox

            keep_ms = values["flash_after_s"] * 1000  # what is read goes before the rest
            outbox = Outbox(values["outbox_bytes"], values["drop"] == "oldest", keep_ms, write)
            from signet import link

            state = None
            name = "signet.cloud.{}.{}".format(values["cloud"], values["way"])
            way = __import__(name, None, None, ("*",))
            if hasattr(way, "KEEPS_STATE"):  # others do without its code
                state = __import__("signet.device.state", None, None, ("*",)).State()
            session = way.session(values, write, state)
            return link.Link(session, values, outbox, board, write, state)
    except ImportError as error:
        raise modules.call("signet.device.missing", "explain", error)
