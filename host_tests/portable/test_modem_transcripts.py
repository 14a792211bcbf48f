"""Do the drivers of net/modem understand what real modems said, whole and in pieces?

vectors/modem-transcripts.json has the words, and by hand what must come out. Where a driver has a
job for a command that job runs, and must write the command as it stands there; any other command
is asked as it stands. The time that a driver waits for is made up.
"""

from binascii import hexlify, unhexlify

import check
from signet import clock
from signet.errors import Lost

HEAP = "320k"

_MODULES = {"sara_n2": "bc95", "bc660k": "bc66"}  # the files of families that have none
# Which answer begins so in a transcript that does not open its socket, by how that is closed
_SOCKETS = {"AT+NSOCL={}": "", "AT+CSOCL={};+CNMPSD": "+CSOC: ", "AT+USOCL={}": "+USOCR: "}
_NUMBERED = ("NSOCR", "CSOC", "USOCR")  # the modem chooses the socket's number
_OPENS = ("NSOCR", "CSOC", "USOCR", "QIOPEN", "CAOPEN")
_READS = ("NSORF", "USORF", "USORD", "QIRD", "CARECV")
# Which field of a command that sends has the data
_SENDS = {
    "NSOST": 4,
    "NSOSTF": 5,
    "CSOSEND": 2,
    "USOST": 4,
    "QISEND": 2,
    "QISENDEX": 2,
    "CASEND": 3,
}
_OTHERWISE = ("CSOSEND", "QISEND", "QISENDEX")  # drivers send in another form than transcripts
_OWN = {"QISENDEX": "QISEND", "USORD": "USORF"}
_KINDS = {"QIACT": "address", "CGPADDR": "address", "CNACT": "address", "CPIN": "sim"}
_BARE = ("QGMR", "CGMR", "NUESTATS")  # their answers have no name
_BUSY = (b"+CME ERROR:51", b"+CME ERROR:524")
_NOBODYS = ("radio", "psm", "pdp", "prompt")  # no driver acts on these
# What no driver asks for, and how its answers look then
_FORMS = {
    "AT+CSORCVFLAG=1": (b"+CSONMI:", 2, 0),
    "AT+UDCONF=1,1": (b"+USORF:", 4, 1),
}


def _name(command):
    return command[3:].split("=")[0].split("?")[0].strip().upper()


def _last(line):
    return line.split(b",")[-1].strip(b'"').decode()


class _Uart:
    """machine.UART; `came` is for signet, `written` is by it."""

    def __init__(self):
        self.came = self.written = b""

    def any(self):
        return len(self.came)

    def read(self, size):
        piece, self.came = self.came[:size], self.came[size:]
        return piece or None

    def write(self, data):
        self.written += bytes(data)
        return len(data)


class _Play:
    """One transcript before its driver, in pieces of `size` bytes; `events`: what came out."""

    def __init__(self, transcript, size):
        family = transcript["family"]
        settings = {"family": family, "rai": True}
        path = "signet.net.modem.family." + _MODULES.get(family, family)
        self.uart = _Uart()
        self.modem = modem = __import__(path, None, None, ("*",)).Modem(self.uart, settings)
        self.lines = transcript["lines"]
        self.peer = transcript.get("peer", ("192.0.2.1", 1))
        self.size = size
        self.events = []
        self._now = 0
        self._name = self._payload = None
        self._socket = None  # the last that the driver has told
        self._reads = False  # it asks for a datagram,
        self._had = 0  # and has had so many
        modem.largest = 2048
        if modem.CLOSE not in _SOCKETS:
            modem.socket = "0"
        unasked = modem._unasked

        def noted(line):
            more, modem.more, modem.status = modem.more, False, None
            unasked(line)
            if modem.status is not None:
                self.events.append("reg {}".format(modem.status))
            if modem.more:
                self.events.append("recv")
            modem.more = modem.more or more

        modem._unasked = noted

    def run(self):
        real = clock.ticks_ms
        clock.ticks_ms = lambda: self._now
        try:
            for at, line in enumerate(self.lines):
                if line[0] in "=~":
                    continue
                line = line.lstrip("?")
                text = bytes(ord(each) for each in line[1:])
                if line[0] == "<":
                    size = self.size or len(text)
                    for start in range(0, len(text), size):
                        self._says(text[start : start + size])
                elif self._payload is not None:
                    self._goes(60)
                    check.equal(self._written(), self._payload)
                    self._payload = None
                else:
                    self._asked(text.strip().decode(), at)
        finally:
            clock.ticks_ms = real
        return self.events

    def _written(self):
        written, self.uart.written = self.uart.written, b""
        return written

    def _goes(self, ms=0):
        """Lets the driver do what it can, after so many ms."""
        modem, events = self.modem, self.events
        self._now += ms
        while True:
            try:
                modem.step()
            except Lost:
                if not modem.gone:
                    self._refused()
            if modem.gone:
                is_boot = any(modem.gone.startswith(boot) for boot in modem.BOOT)
                if events[-1:] != ["boot"]:
                    events.append("boot" if is_boot else "closed")
                modem.gone = None
            if self._name in _NUMBERED and modem.socket is not None:
                self._name, self._socket = None, modem.socket
                events.append("socket " + modem.socket)
            if modem.datagram is not None:
                events.append("datagram " + hexlify(modem.datagram).decode())
                modem.datagram = None
                self._had += 1
            if not (modem.moved or self.uart.came):
                return

    def _says(self, text):
        modem = self.modem
        modem.said = b""
        self.uart.came += text
        self._goes()
        if modem.job is not None and modem.said.startswith(b"+CME ERROR"):
            self._written()
            self._goes(1100)
            assert self._written(), "not asked again"
            modem.drop()
            self._refused()

    def _refused(self):
        said = self.modem.said
        if said.startswith(b"+CME ERROR:"):
            said = said[11:]
        self.events.append("error" if said == b"ERROR" else "error " + said.decode())

    def _asked(self, command, at):
        """The driver is to say this."""
        modem, name = self.modem, _name(command)
        own = self.uart.written.strip().decode()
        if modem.job is not None and _name(own) == name:  # its job goes on by itself
            check.equal(own, command)
            self._written()
            self._name = name
            return
        modem.drop()
        self._written()
        fields = command.split("=")[-1].split(",")
        if name in _READS or name in _SENDS:
            self._opened(fields[0])
        if name in _NUMBERED:
            modem.socket = None
        self._name, self._had = name, 0
        self._reads = name in _READS and fields[1:] != ["0"]
        if name in _OPENS:
            job = modem.open(*self.peer)
        elif self._reads:
            job = modem.read()
        elif name in _SENDS:
            job = self._sends(name, fields, at)
        else:
            if command in _FORMS:
                modem.DATA = (_FORMS[command],)
            want = b"" if name in _BARE else "+{}:".format(name).encode()
            job = modem.ask(command, None if name == "CEREG" else want)
        modem.job = self._job(job)
        self._goes()
        own = self._written().strip().decode()
        check.equal(
            _name(own), (_OWN.get(name) if self._reads or name in _SENDS else None) or name
        )
        if name in _SENDS and name not in _OTHERWISE:
            assert command.startswith(own), (command, own)

    def _sends(self, name, fields, at):
        rest = self.lines[at + 1 :]
        if "=prompt" in rest[:3]:
            text = next(line for line in rest if line[0] == ">")[1:]
            self._payload = data = bytes(ord(each) for each in text)
        else:
            data = fields[_SENDS[name]].strip('"')
            is_hex = name in ("NSOST", "NSOSTF", "QISENDEX")
            data = unhexlify(data) if is_hex else data.encode()
        release = ("", "0x200", "0x400").index(fields[3]) if name == "NSOSTF" else 0
        return self.modem.send(data, release)

    def _opened(self, socket):
        """The driver has this socket."""
        start = _SOCKETS.get(self.modem.CLOSE)
        if start is not None and socket != self._socket:
            self.modem.job = self.modem.open(*self.peer)
            for answer in ("\r\n{}{}\r\n\r\nOK\r\n".format(start, socket), "\r\nOK\r\n"):
                self._goes()
                self.uart.came += answer.encode()
            self._goes()
            self._socket = socket
            self._written()

    def _job(self, job):
        result = yield from job
        name = self._name
        if name in _NUMBERED and self.modem.socket is not None:
            return
        self._name = None
        if name in _OPENS:
            said = b"0" if result is True else (result or [self.modem.said])[0]
            if said.isdigit():
                self.events.append("opened 0 " + said.decode())
            else:
                self._refused()
        elif result is None:
            assert self.modem.said not in _BUSY, "not asked again"
            self._refused()
        elif name in _SENDS:
            self.events.append("sent")
        elif self._reads:
            if not self._had:
                self.events.append("empty")
        elif name in _READS:
            self.events.append("left " + _last(result[0]))
        elif name is not None:
            for line in result if result is not True else ():
                kind = _KINDS.get(name)
                if kind:
                    self.events.append("{} {}".format(kind, _last(line)))
                elif not line.startswith(b"AT"):  # the echo
                    start = "" if name in _BARE else "+{}:".format(name)
                    self.events.append("answer " + (start + line.decode()).replace(": ", ":", 1))
            self.events.append("ok")


def _wanted(lines):
    """What must come out by the file, as far as a driver acts on it."""
    wanted = []
    for line in lines:
        kind, _, rest = line[1:].partition(" ")
        is_rest = kind == "left" and wanted[-1].startswith("datagram")  # drivers read it all
        if line[0] == "=" and kind not in _NOBODYS and not is_rest:
            if kind == "full":
                kind = "recv"  # what is left can be read
            if kind in ("sent", "recv", "closed"):
                rest = ""
            wanted.append("{} {}".format(kind, rest.replace(": ", ":", 1)).strip())
    return wanted


def _plays(sizes):
    for transcript in check.vectors("modem-transcripts")["transcripts"]:
        for size in sizes:
            got = _Play(transcript, size).run()
            what = "{}, in {}:".format(transcript["title"], size)
            check.equal(got, _wanted(transcript["lines"]), what)


def test_each_is_understood_whole():
    _plays((0,))


def test_each_is_understood_in_pieces():
    _plays(range(1, 8))
