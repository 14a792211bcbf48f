"""Does `signet.wire.http.Reply` read a reply as somebody else's parser does?"""

from signet.errors import Lost, ProtocolError
from signet.wire.http import Reply

# What may come where h11 says so, see host/h11_judge.py.
_OUTCOMES = {"done": ("done",), "error": ("error",), "cut": ("cut",), "either": ("error", "cut")}


def read(data, cuts, reply):
    """Feeds `data` (bytes), cut at the places `cuts`, into `reply`, then closes.

    Returns:
        "done", "error" (ProtocolError) or "cut" (Lost).
    """
    start = 0
    try:
        for place in cuts:
            reply.feed(data[start:place])
            start = place
        reply.feed(data[start:])
        if not reply.done:
            reply.end()
    except ProtocolError:
        return "error"
    except Lost:
        return "cut"
    assert reply.done, "neither done nor an error"
    return "done"


def misread(data, cuts, expected, wanted):
    """Compares our reading with another's.

    Args:
        data: bytes, the reply.
        cuts: sequence of int, where to cut it into pieces.
        expected: the other's: outcome, status or None, dict of the headers, body, keep_alive.
        wanted: sequence of str, the headers that count.
    Returns:
        None, or str: what differs.
    """
    outcome, status, headers, body, keep_alive = expected
    pieces = bytearray()
    reply = Reply(wanted, sink=pieces.extend)
    ours = read(data, cuts, reply)
    if ours not in _OUTCOMES[outcome]:
        return "{} instead of {}".format(ours, outcome)
    if status is None or ours == "error":
        return None
    if (reply.status, reply.headers) != (status, headers):
        return "{} {}".format(reply.status, reply.headers)
    if pieces != body:
        return "body {}".format(bytes(pieces))
    if ours == "done":
        if reply.keep_alive != keep_alive:
            return "keep_alive {}".format(reply.keep_alive)
        return _limited(data, cuts, body)
    return None


def _limited(data, cuts, body):
    """Does a body that is kept come to the same, and does the limit hold to the byte?"""
    size = len(body)
    reply = Reply((), size)
    if read(data, cuts, reply) != "done" or reply.body != body:
        return "body {}, kept, is {}".format(body, bytes(reply.body))
    if not size:
        return None
    reply = Reply((), size - 1)
    found = read(data, cuts, reply)
    if reply.status >= 300:  # a page about an error is cut at the limit
        if found != "done" or len(reply.body) >= size:
            return "{} bytes of a page, limit {}, are {}".format(size, size - 1, found)
    elif found != "error":
        return "{} bytes are within a limit of {}".format(size, size - 1)
    return None
