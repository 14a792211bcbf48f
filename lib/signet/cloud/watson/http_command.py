"""Which command is in Watson's answer over HTTPS, and when is the next to be asked for?

Loaded when the answer is another than "none", and forgotten: see modules.call.

Source: Watson IoT "HTTP messaging API"; status codes of eclipse/amlen server_proxy.
"""

from micropython import const

from signet.cloud.http_session import check_status
from signet.errors import Lost, ProtocolError, Refused, Rejected, Throttled
from signet.reports.messages import Command
from signet.wire.exact_json import loads, printable

_REFUSED_MS = const(3_600_000)


def heard(config, reply, types, hint, log):
    """Reads an answer, or logs why there is nothing in it.

    Args:
        config: dict from config.load.
        reply: wire.http.Reply.
        types: sequence of (format, content type), how each begins.
        hint: str, what to check when the cloud refuses the credentials.
        log: function of one str.
    Returns:
        (event of cloud/session.py or None, int: ms until the next is asked for)
    """
    wait_ms = config["command_poll_s"] * 1000
    try:
        check_status(reply, "commands", False, hint)
        return ("command", _command(config, reply, types)), 0  # there may be more
    except (Lost, ProtocolError) as error:
        log("dropped a message: {}".format(error))
    except Throttled as error:
        wait_ms = max(wait_ms, error.retry_after_ms)
        log("no commands now: {}".format(error))
    except (Refused, Rejected) as error:
        wait_ms = max(wait_ms, _REFUSED_MS)
        log("no commands: {}; asked again later".format(error))
    return None, wait_ms


def _command(config, reply, types):
    headers = reply.headers
    name = headers.get("x-commandid", config["command"])
    content_type = headers.get("content-type", "").lower()
    form = "text" if content_type.startswith("text/") else "bin"
    for known, word in types:
        if content_type.startswith(word):
            form = known
    if content_type.startswith("text/html"):
        raise ProtocolError("a page, not a command; does another server answer?")
    own = device = config["type_id"], config["device_id"]
    topic = "iot-2/"
    if config["role"] == "gateway":
        device = headers.get("x-devicetype", own[0]), headers.get("x-deviceid", own[1])
        topic += "type/{}/id/{}/".format(*device)
    topic += "cmd/{}/fmt/{}".format(name, form)
    if name in ("", "+") or printable(topic) != topic:  # whoever answers so knows no commands
        raise ProtocolError("a command without a name")
    data = loads(reply.body, topic) if form == "json" else bytes(reply.body)
    command = Command(name, data, topic)
    if device != own:
        command.device = device
    return command
