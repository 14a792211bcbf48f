"""What does Alibaba's `/auth` answer by CoAP?

Source: Alibaba "Establish communication over the CoAP protocol".
"""

from micropython import const

from signet.cloud import thing
from signet.errors import ProtocolError

_LONGEST_TOKEN = const(255)  # what fits one option; 192 in the C SDK


def answer(payload, encrypted):
    """Reads what `/auth` answered.

    Args:
        payload: bytes.
        encrypted: bool, True in symmetric mode, where `random` and `seqOffset` must be there.
    Returns:
        dict of token (str); in symmetric mode also random (str) and offset (int).
    Raises:
        ProtocolError: something is missing or of another kind. The token is not shown.
    """
    body = thing.parse("/auth", payload)
    found = {"token": body.get("token")}
    good = isinstance(found["token"], str) and 0 < len(found["token"]) <= _LONGEST_TOKEN
    if encrypted:
        random, offset = body.get("random"), body.get("seqOffset")
        good = good and isinstance(random, str) and type(offset) is int and offset >= 0
        found["random"], found["offset"] = random, offset
    if not good:
        raise ProtocolError("the answer to /auth is not that of the document")
    return found
