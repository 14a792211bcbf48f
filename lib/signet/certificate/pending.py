"""What does a board remember of a certificate that is still to be tried, over any restart?

Two CRCs in signet.state: of the file `cert`.new, which prove it whole, and of the certificate that
it is to replace, which somebody may have deployed anew meanwhile.  When it is tried again stands
here too.
"""

from binascii import crc32

from micropython import const

from signet import clock
from signet.device import files

_FIRST_S = const(300)  # to the next trial; twice as long each time,
_LONGEST_S = const(3600)  # and no longer
_DOUBLINGS = const(4)


def wait_s(trials):
    """Returns the seconds from one trial, the `trials`th (int, 1 or more), to the next."""
    return min(_FIRST_S << min(trials - 1, _DOUBLINGS), _LONGEST_S)


def resume(path, log, state=None):
    """Takes up a renewal that a deep sleep or a power cut has interrupted; removes what is none.

    Args:
        path: str, the certificate that is to be replaced.
        log: function of one str.
        state: device.state.State; None where nobody holds it.
    Returns:
        (renewal, see renewal.begin; int, seconds until it is due), or None.
    """
    from signet.device.state import State

    spare = path + ".new"
    try:
        renewal = [int(word) for word in (state or State()).values["renewal"].split()]
        at = renewal.pop()
        whole = renewal[:2] == [crc(spare), crc(path)]
    except (KeyError, ValueError, IndexError, AttributeError, OSError):
        whole = False
    if not whole:
        files.remove(spare)
        log("removed {}: it is not whole, or not of this certificate".format(spare))
        return None
    if not renewal[3]:
        return renewal, 0
    if not clock.is_set():
        return renewal, _FIRST_S
    return renewal, min(max(at - clock.unix_ms() // 1000, 0), _LONGEST_S)


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
