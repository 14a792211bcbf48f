"""How does a board speak AT commands while a modem says what it likes, when it likes?

One command at a time. What waits for the modem is a generator, a *job*, that yields where nothing
can be done until more comes; `step` takes it on, and nothing here ever waits. A line that comes
unasked counts wherever it comes; of the others only those that a command has declared are its
answer. A datagram is taken by its count, never by what is in it.

Each family of modems is a class of its own above this one, which a reader can hold against the
manual: see family/bg95.py. Its `open`, `send` and `read` are jobs; `read` may return None, where
datagrams come by themselves. Sources: ITU-T V.250; 3GPP TS 27.007.
"""

from binascii import hexlify, unhexlify

from micropython import const

from signet import clock, modules

_PIECE = const(128)  # bytes that one step reads
_LINE = const(256)  # of a longer one the begin counts
_LARGEST = const(2048)  # a datagram of more bytes is none
_ANSWER_MS = const(5000)
_LEAST_MS = const(500)  # when all the time is up, too: a modem that answers is not absent
_SILENCE_MS = const(100)
_TRIES = const(8)
_TRY_MS = const(1000)
_SYNC_MS = const(20_000)
_KEY_AT = const(2)  # at this try: a modem that is on would be switched off by its key
_KEY_MS = const(800)
_FILLER = const(256)
_BUSY_MS = const(1000)
_IDLE_MS = const(5000)  # after so long a modem may have gone to sleep

REGISTERED = const((1, 5))  # of +CEREG: home, roaming

_REFUSALS = const((b"ERROR", b"SEND FAIL", b"NO CARRIER"))
# "SIM busy", "busy", "not allowed now": a slow command is not over
_BUSY = const((b"+CME ERROR:14", b"+CME ERROR:51", b"+CME ERROR:524"))


class At:
    """A modem on a serial line.

    Args:
        uart: as machine.UART: `any`, `read`, `write`, none of which waits.
        settings: dict, what `modem` is in device.json.
    Attributes:
        status: int, of the registration (3GPP TS 27.007, +CEREG); None: unknown.
        more: bool, the modem may hold a datagram.
        gone: bytes, the line that said that the modem has reset, or has closed the socket.
        datagram: bytes, what came; whoever takes it sets it to None.
        largest: int, bytes of a datagram to take; of a longer one comes one more.
        job: the generator that runs, or None. deadline: clock.Deadline of all of it, or None.
        said: bytes, the last refusal, or line that was not understood.
        fresh: bool, nothing of an earlier exchange can come any more.
        moved: bool, the last step has done something: there may be more to do.
        socket: str, its number; None while none is open.
        peer: bytes, "address,port" that must stand before a datagram; None: the modem looks.
    """

    # What a family is. In all lines the space after the first colon is gone: it varies.
    NAMES = ()  # what ATI, CGMM or CGMR say,
    OTHERS = ()  # and what they do not
    SETUP = ()  # commands after a start; whether the modem takes them does not matter
    CARD = ("AT+CPIN?", b"+CPIN:READY")  # asks for the SIM card, and how the answer begins
    APN = 'AT+CGDCONT=1,"IP","{}"'
    ATTACH = ()  # commands after CFUN=1
    context = None  # a job that has an address of the network, where attaching is not enough
    LOOK_UP = None  # command, and how each line of the answer to it begins
    CLOSE = ""  # closes a socket
    SOCKETS = 1  # how many a reset of the board may have left open
    LARGEST = 512  # bytes of a datagram that goes out
    LEAST = None  # what an early firmware takes, where that is less
    PAUSE_MS = 0  # between a prompt and the data
    MORE = None  # the line that begins so tells of a datagram that can be read
    # The line that begins so brings a datagram: (prefix, behind how many commas more it begins;
    # 0: on the next line, what the number before counts: 0 bytes; 1 bytes, in hex; 2 hex digits)
    DATA = ()
    CLOSED = ()  # lines that begin so say that the socket is closed,
    BOOT = ()  # or that the modem has reset
    # Asks for the time; how the answer begins; whether that is local time, not UTC
    CLOCK = ("AT+CCLK?", b"+CCLK:", True)

    def __init__(self, uart, settings):
        self.uart = uart
        self.settings = settings
        self.status = self.gone = self.datagram = self.job = self.deadline = None
        self.socket = self.peer = None
        self.more = self.fresh = self.moved = False
        self.largest = self._left = 0  # the latter: of a datagram
        self._in = self._out = self._data = self.said = b""
        self._tail = self._prompt = self._body = None
        self._asked = clock.ticks_ms()

    # Lines

    def step(self):
        """Does what can be done now.  Raises: Lost."""
        self.moved = False
        if self.uart.any():
            came = self.uart.read(_PIECE)
            if came:
                self._in += came
                self.moved = True
        job = self.job
        try:
            if job is None:
                while self._line() is not None:
                    pass
            else:
                next(job)
        except StopIteration:
            self.job = None
            self.moved = True
        except BaseException:  # memory may have run out
            self._body = None
            self.drop()
            raise
        self._write()

    def drop(self):
        """Forgets the job; what comes of it later must not be taken for another's."""
        if self.job is not None:
            self.job = None
            self.fresh = False

    def end(self):
        """Closes the socket; of what comes of that nothing is waited for."""
        self.datagram = None
        try:
            if self.job is not None:
                self.step()  # the end of an answer is there, mostly
            if self.socket is not None and not (self._prompt or self._data or self._out):
                self._say(self.CLOSE.format(self.socket), None)
                self._write()
        except Exception:  # the end is what it is
            pass
        self.job = self.socket = self.datagram = None
        self.fresh = False

    def _write(self):
        """Writes a piece of what is to go, or what of that the UART takes."""
        if not self._out and self._data:
            piece, self._data = self._data[: _PIECE >> 1], self._data[_PIECE >> 1 :]
            self._out = piece
            if self._tail is not None:
                self._out = hexlify(piece).upper()
                if not self._data:
                    self._out += self._tail
        if self._out:
            count = self.uart.write(self._out)
            if count:
                self._out = self._out[count:]
                self.moved = True

    def _line(self):
        """Takes the next line; None where none is whole, or a datagram waits for its taker."""
        while self.datagram is None:
            if self._left:
                self._collect()
                if self._left:
                    return None
                continue
            come = self._in.lstrip(b"\r\n \0")
            at = come.find(b":")
            if 0 < at < 12 and come[:1] == b"+" and come[at + 1 : at + 2] == b" ":
                come = come[: at + 1] + come[at + 2 :]
            self._in = come
            prompt = self._prompt
            if prompt and come.startswith(prompt):
                self._in = come[1:]
                self._prompt = None
                return prompt
            if self._is_datagram(come):
                if not self._left:
                    return None
                continue
            at = come.find(b"\n")
            if at < 0:
                if len(come) > _LINE:
                    self._in = come[: _LINE >> 1]
                return None
            self._in = come[at + 1 :]
            line = come[:at].strip()
            self._unasked(line)
            return line
        return None

    def _is_datagram(self, come):
        """Does a datagram begin here?  With nothing left of it its head is not whole yet."""
        for prefix, commas, kind in self.DATA:
            if not come.startswith(prefix):
                continue
            count = commas + prefix.count(b",") if commas else 1
            parts = come.split(b"," if commas else b"\n", count)
            data = parts.pop()
            head = come[: len(come) - len(data)]
            if len(parts) < count or b"\n" in head[:-1]:
                continue
            if not data and commas:
                return True
            try:
                size = int(parts[-1].split(b":")[-1])
            except ValueError:
                continue
            if not 0 < size <= _LARGEST or (size & 1 and kind == 2):
                continue
            self._in = data[1:] if commas and data[:1] == b'"' else data
            self._left = size << (kind == 1)
            self._is_hex = kind
            is_of_peer = not self.peer or self.peer in head.replace(b'"', b"")
            self._body = bytearray() if is_of_peer else None
            self.more = True
            return True
        return False

    def _collect(self):
        part = self._in[: self._left]
        if self._is_hex:
            end = part.find(b"\r")
            if end >= 0:  # digits were lost: what follows is the next line
                self._in = self._in[end:]
                self._left = 0
                return
            part = part[: len(part) & ~1]
        self._in = self._in[len(part) :]
        self._left -= len(part)
        body = self._body
        if self._is_hex:
            try:
                part = unhexlify(part)
            except ValueError:  # a digit was lost
                self._left = 0
                return
        if body is not None:
            body.extend(part[: max(self.largest + 1 - len(body), 0)])
            if not self._left:
                self._body = None
                self.datagram = bytes(body)

    def _unasked(self, line):
        """Notes what a line says, whether it was asked for or not."""
        if line.startswith(b"+CEREG:"):
            # an answer has a number more, of one digit: the URC's second is longer, or in quotes
            parts = line[7:].split(b",")
            try:
                self.status = int(parts[len(parts) > 1 and len(parts[1]) == 1])
            except ValueError:
                pass
        elif self.MORE and line.startswith(self.MORE):
            self.more = True
        else:
            for text in self.BOOT + (self.CLOSED if self.socket else ()):
                if line.startswith(text):
                    self.gone = line

    # Jobs

    def ask(self, command, want=None, timeout_ms=_ANSWER_MS, done=b"OK", data=None, prompt=None):
        """A job: one command, until its answer is whole.

        Args:
            command: str. With `data`, "*" in it stands for them, in hex. None: one more line of
                the answer before.
            want: bytes, how the lines of the answer begin; b"" for any.
            timeout_ms: int.
            done: bytes, the line that ends the answer; None: OK and a line that was wanted, in any
                order.
            data: bytes-like, which goes as it is after `prompt`, bytes of one character.
        Returns:
            list of bytes, what is behind `want`; None when the modem refuses: see `said`.
        Raises:
            Lost: no answer in time, or the modem has reset.
        """
        deadline = self._until(timeout_ms)
        while True:
            if command:
                self._say(command, None if prompt else data)
            waits = self._prompt = prompt
            found = []
            ended = not command
            while not ended or not (done or found):
                line = yield from self._next(deadline)
                if line is None or self.gone:
                    raise self.lost("gone" if self.gone else "silent")
                if waits and line == waits:
                    waits = None
                    pause = clock.Deadline(self.PAUSE_MS)
                    while not pause.expired():
                        yield
                    self._data = memoryview(data)
                elif line == (done or b"OK") or (line == b"CLOSE OK" and "CLOSE" in str(command)):
                    ended = True
                elif line in _REFUSALS or line.startswith(b"+CME ERROR"):
                    self.said = line
                    break
                elif want is not None and line.startswith(want):
                    found.append(line[len(want) :])
            else:
                return found
            if line not in _BUSY or deadline.expired():
                return None
            yield from self.pause(_BUSY_MS)

    def _say(self, command, data):
        head, _, tail = command.partition("*") if data else (command + "\r", None, "")
        self._out = head.encode()
        self._tail = tail.encode() + b"\r" if data else None
        self._data = memoryview(data or b"")
        self._asked = clock.ticks_ms()

    def _until(self, timeout_ms):
        if self.deadline:
            timeout_ms = min(timeout_ms, max(self.deadline.remaining_ms(), _LEAST_MS))
        return clock.Deadline(timeout_ms)

    def _next(self, deadline):
        """A job: waits for a line; None when the time is up."""
        while True:
            line = self._line()
            if line is not None or deadline.expired():
                return line
            yield

    def must(self, *args):
        """As `ask`, but Lost when the modem refuses."""
        found = yield from self.ask(*args)
        if found is None:
            raise self.lost(args[0])
        return found

    def pause(self, ms):
        """A job that lets so many ms pass; less where the registration changes meanwhile."""
        deadline, status = clock.Deadline(ms), self.status
        while (yield from self._next(deadline)) is not None and self.status == status:
            pass

    def sync(self):
        """A job: `AT` until OK; then silence, unless nothing can be left from before."""
        was_fresh, self.fresh = self.fresh, False
        self._in = b""
        self._left = 0
        self._prompt = None
        self.said = b""
        end = self._until(_SYNC_MS)
        has_key = self.settings["wake"] is not None
        for turn in range(_TRIES << has_key):
            if turn == _KEY_AT and has_key and not (self._in or self.said or self.gone):
                import board

                board.modem_wake(self.settings, True)
                yield from self.pause(_KEY_MS)
                board.modem_wake(self.settings, False)
            # It may still wait for the data of a send: ESC ends that, or as many bytes.
            self._say("\x1b" + " " * _FILLER + "AT" if turn & 1 else "AT", None)
            answered = False
            deadline = clock.Deadline(_TRY_MS)
            while not end.expired():
                line = yield from self._next(deadline)
                if line is None:
                    break
                if line == b"OK":
                    answered = True
                elif line != self.gone:
                    self.said = b"?"  # not what it was: it may hold a password, or a number
                if answered:
                    deadline = clock.Deadline(0 if was_fresh and not turn else _SILENCE_MS)
            if answered:
                self.fresh = True
                if not was_fresh:
                    self.gone = None
                return
        raise self.lost("absent")

    def woken(self):
        """A job: what has been idle may sleep, and would not hear the first characters."""
        if not 0 <= clock.ticks_diff(clock.ticks_ms(), self._asked) < _IDLE_MS:
            yield from self.sync()

    def lost(self, what):
        """Returns a Lost; what: str, the command that was refused, or why; see trouble.py."""
        if what in ("silent", "gone", "absent"):
            self.fresh = False
        return modules.call("signet.net.modem.trouble", "lost", self, what)
