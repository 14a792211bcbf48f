"""What does a board remember of a certificate that is still to be tried, over any restart?

Two CRCs in signet.state: of the file `cert`.new, which prove it whole, and of the certificate that
it is to replace, which somebody may have deployed anew meanwhile.
"""

import os
from binascii import crc32

from micropython import const

from signet import clock

_LONGEST_S = const(3600)
_UNKNOWN_S = const(300)


def resume(link, state=None):
    """Takes up a renewal that a deep sleep or a power cut has interrupted; removes what is none.

    Args:
        link: link.Link, whose `_renewal` and `_next_trial` it sets.
        state: device.state.State; None where nobody holds it.
    """
    from signet.device.state import State

    path = link._config["cert"]
    try:
        renewal = [int(word) for word in (state or State()).values["renewal"].split()]
        at = renewal.pop()
        whole = renewal[:2] == [crc(path + ".new"), crc(path)]
    except (KeyError, ValueError, IndexError, AttributeError, OSError):
        whole = False
    if not whole:
        remove(path + ".new")
        link._log("removed {}.new: it is not whole, or not of this certificate".format(path))
        return
    link._renewal = renewal
    if renewal[3]:
        wait_s = _UNKNOWN_S
        if clock.is_set():
            wait_s = min(max(at - clock.unix_ms() // 1000, 0), _LONGEST_S)
        link._next_trial = clock.Deadline(wait_s * 1000)


def keep(renewal, at, state=None):
    """Notes in signet.state how far a renewal is; at: int, Unix seconds of the next trial."""
    from signet.device.state import State  # when the context of TLS has been made

    state = state or State()
    state.save({"renewal": " ".join([str(number) for number in renewal + [at]])})


def crc(path):
    """Returns the CRC-32 of a file; raises OSError."""
    buffer = bytearray(128)
    value = 0
    with open(path, "rb") as file:
        while True:
            size = file.readinto(buffer)
            if not size:
                return value
            value = crc32(memoryview(buffer)[:size], value)


def remove(path):
    """Removes a file, if there is one."""
    try:
        os.remove(path)
    except OSError:
        pass
