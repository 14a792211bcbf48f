"""How do a peer's words enter an error, or a line of the log, without forging another?

A module of its own, loaded where such words have come: see modules.call.
"""

from micropython import const

_LONGEST = const(256)  # characters


def printable(text):
    """Makes a peer's words fit for an error or a line of the log.

    Args:
        text: str; anything else becomes "?", for a long number takes long to print.
    Returns:
        str, its first 256 characters, with "?" in place of control characters.
    """
    text = text[:_LONGEST] if isinstance(text, str) else "?"
    data = bytearray(text.encode("utf-8", "replace"))  # half a surrogate pair too
    for at in range(len(data)):
        if data[at] < 32 or data[at] == 127:
            data[at] = 63
    return data.decode()
