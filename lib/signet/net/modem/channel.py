"""How do datagrams go through a modem?  A datagram channel: see net/datagram.py.

The modem stays as long as the program, channels come and go: one at a time, on its one socket.
"""

import select

from micropython import const

from signet import clock, modules
from signet.errors import Lost, Rejected
from signet.net.modem.at import REGISTERED

_POLLIN = const(1)
_AGAIN_MS = const(60_000)
_JOB_MS = const(50)  # a job looks at the time so often
_LOOK_MS = const(10)  # and at a UART that cannot be polled

_AWAY = const((0, 3))  # of +CEREG: it does not search, or is denied; else it may come back
_TOO_LARGE = const("a datagram of over {} bytes, which this modem does not take")

modem = None  # at.At of this board


def made(settings):
    """Returns the board's modem, at.At; settings: dict, what `modem` is in device.json."""
    global modem
    if modem is None or modem.settings != settings:
        import board

        name = "signet.net.modem.family.{}".format(settings["module"])
        family = __import__(name, None, None, ("*",))
        try:
            uart = board.uart(settings)
        except (AttributeError, OSError, ValueError) as error:
            raise Lost("the board has no such UART: {}".format(error))
        modem = family.Modem(uart, settings)
    return modem


class ModemChannel:
    """Datagrams to and from one address, through a modem.

    Args:
        settings: dict, what `modem` is in device.json.
        host, port, deadline, largest, turn: see net.datagram.UdpChannel; the deadline counts for
            registration, name lookup and socket.
    Raises:
        Lost: the board has no such UART.
    Attributes:
        address, ignored, replies, busy, most: see there.
        largest: int, bytes of a datagram to take; of a longer one comes one more.
    """

    def __init__(self, settings, host, port, deadline, largest=1152, turn=0):
        self.largest = largest
        self.ignored = 0
        self.replies = None
        self.address = host
        self.busy = True
        self._kept = None  # (datagram, replies) to be sent
        self._is_open = False
        self._modem = at = made(settings)
        self.most = at.LARGEST
        at.end()
        at.deadline = deadline
        self._port = port
        at.job = self._opening()
        self._poll = None
        try:
            poll = select.poll()
            poll.register(at.uart, _POLLIN)
            self._poll = poll
        except (OSError, TypeError, ValueError):  # one that cannot be polled
            pass

    def _opening(self):
        arguments = self._modem, self.address, self._port
        self.address = yield from modules.call("signet.net.modem.modem", "opening", *arguments)
        self._modem.deadline = None
        self._is_open = True

    def _again(self):
        self._modem.fresh = False
        self._modem.deadline = clock.Deadline(_AGAIN_MS)
        return self._opening()

    def opened(self):
        """Returns True once the modem has opened its socket."""
        return self._is_open

    def send(self, datagram, replies=None):
        """Hands one datagram over; the modem takes it during the steps that follow.

        Args:
            datagram, replies: see UdpChannel. With 0 or 1 of `replies` the modem may release the
                radio after so many.
        Returns:
            True; or False while one is kept: as good as lost on the way.
        Raises:
            Rejected: it is too large for this modem.
            Lost: see `receive`.
        """
        self.replies = replies
        if len(datagram) > self.most:
            raise Rejected(_TOO_LARGE.format(self.most))
        if self._kept is not None:
            return False
        if not isinstance(datagram, bytes):
            datagram = bytes(datagram)
        self._kept = datagram, replies
        self.busy = True
        return True

    def _sending(self):
        at = self._modem
        yield from at.pause(0)  # what it has said already
        yield from at.woken()
        if at.gone or at.status in _AWAY:  # it has slept, and begun anew
            yield from self._again()
        (datagram, replies), self._kept = self._kept, None
        release = replies + 1 if replies in (0, 1) and at.settings["rai"] else 0
        at.more = True  # what comes while it sends may not be told
        done = yield from at.send(datagram, release)
        if done is None and release and at.said != b"SEND FAIL":  # on another network than NB-IoT
            done = yield from at.send(datagram, 0)
        if done is None and at.said != b"SEND FAIL":  # that is as good as lost on the way
            yield from self._again()  # the socket is gone: after a sleep, mostly
            if (yield from at.send(datagram, 0)) is None:
                least = at.LEAST
                if least is None or len(datagram) <= least or at.status not in REGISTERED:
                    raise at.lost("a datagram")
                at.LARGEST = self.most = least  # or it would go on
                raise Rejected(_TOO_LARGE.format(least))

    def receive(self):
        """Goes on a step.  Returns the bytes of one datagram, or None if there is none now.

        Raises:
            Lost: the modem is absent, or another, or has no SIM card, network or socket; which.
        """
        at = self._modem
        if at is None:
            return None
        if at.job is None and self._is_open:
            if not at.settings["psm"]:  # else it is opened anew when it is needed
                if at.gone:
                    raise at.lost("gone")
                if at.status in _AWAY:
                    raise at.lost("lost")
            if self._kept is not None:
                at.job = self._sending()
            elif at.more and not at.gone:
                at.more = False
                at.job = at.read()
        at.largest = self.largest
        try:
            at.step()
        except OSError:
            raise at.lost("absent")
        except (ValueError, LookupError):  # of a family's reading
            raise at.lost("junk")
        datagram, at.datagram = at.datagram, None
        self.busy = at.moved or datagram is not None
        return datagram

    def wait(self, timeout_ms):
        """Returns True when there may be something to do, False after at most `timeout_ms`."""
        if self.busy:
            return True
        at = self._modem
        if at is not None and at.job is not None:
            timeout_ms = min(timeout_ms, _JOB_MS)
        if self._poll is not None:
            return bool(self._poll.poll(timeout_ms))
        clock.sleep_ms(min(timeout_ms, _LOOK_MS))
        return at is not None and at.uart.any() > 0

    def readable(self):
        """Returns the UART where it can be polled, else None."""
        return None if self._poll is None else self._modem.uart

    def close(self):
        """Ends what goes on, and the socket, without waiting for that; harmless when closed."""
        at = self._modem
        if at is not None:
            self._modem = self._poll = None
            self.busy = False
            at.end()
