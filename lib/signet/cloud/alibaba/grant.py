"""What does Alibaba's `/auth` grant, by CoAP and HTTPS?

Sources: Alibaba "Establish communication over the CoAP protocol"; "Establish connections over
HTTP".
"""

from micropython import const

from signet.errors import ProtocolError

_LONGEST_TOKEN = const(255)  # what fits one option of CoAP; 192 in the C SDK
_LONGEST_RANDOM = const(64)  # 32 in the C SDK
_LARGEST_OFFSET = const(0x1FFFFFFFFFFFFF)  # integers that every JSON can say (RFC 8259 section 6)


def read(answer, encrypted):
    """Reads what `/auth` answered.

    Args:
        answer: dict, the fields.
        encrypted: bool, True by CoAP with AES, where `random` and `seqOffset` must be there.
    Returns:
        dict of token (str, printable ASCII); encrypted also random (likewise) and offset (int).
    Raises:
        ProtocolError: something is missing, of another kind or too large. The token is not shown.
    """
    found = {"token": answer.get("token")}
    good = _is_word(found["token"], _LONGEST_TOKEN)
    if encrypted:
        found["random"] = random = answer.get("random")
        found["offset"] = offset = answer.get("seqOffset")
        good = good and _is_word(random, _LONGEST_RANDOM)
        good = good and type(offset) is int and 0 <= offset <= _LARGEST_OFFSET
    if not good:
        raise ProtocolError("the answer to /auth is not that of the document")
    return found


def _is_word(value, longest):
    good = isinstance(value, str) and 0 < len(value) <= longest
    return good and min(value) > " " and max(value) < "\x7f"
