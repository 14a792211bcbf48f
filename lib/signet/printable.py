"""How do a peer's words enter an error, or a line of the log, without forging another?

A module of its own, loaded where such words have come: see modules.call.
"""


def printable(text):
    """Makes a peer's words fit for an error or a line of the log.

    Args:
        text: any value; it is shown as str does.
    Returns:
        str, with "?" in place of control characters.
    """
    data = bytearray(str(text).encode())
    for at in range(len(data)):
        if data[at] < 32 or data[at] == 127:
            data[at] = 63
    return data.decode()
