"""Can anything that a modem says upset its channel?  Runs everywhere.

`fuzz_modem COUNT SEED` has a modem of one family after the other say COUNT things, one in four
damaged: answers to what the channel asks, and lines that nobody has asked for, in pieces, while
time moves on. Out of the channel come datagrams, and errors of signet; no call waits, and whatever
the channel does comes to an end. Now and then a modem that does as it should must still open a
socket, and take and bring a datagram.

fuzzing.py says how it runs and what it prints.
"""

import sys

import fuzzing
from mutate import Random, mutated
from signet import clock
from signet.errors import SignetError
from signet.net.modem import channel as of_modems
from signet.net.modem.channel import ModemChannel
from stand_ins import Time, keep_modules

OPEN_MS = 30_000
LONGEST_MS = 120_000  # of anything that the channel does
STEPS = 400  # after one message
ROUNDS = 300  # of a conversation as it should be
LARGEST = 384

_COMMON = (
    (b"AT+CEREG?", b"+CEREG: 1,5\r\n\r\nOK"),
    (b"AT+CGDCONT?", b'+CGDCONT: 1,"IP","iot.mnc001.mcc262.gprs",,0,0\r\n\r\nOK'),
    (b"AT+CPIN?", b"+CPIN: READY\r\n\r\nOK"),
    (b"AT+CIMI", b"001010123456789\r\n\r\nOK"),
    (b"ATI", b"Quectel\r\nBG95-M3 BC66 BC95-G SIM7020 SIM7080 SARA-R410M\r\n\r\nOK"),
)
_QUECTEL = (
    (b"AT+QIACT?", b'+QIACT: 1,1,1,"10.11.32.148"\r\n\r\nOK'),
    (b"AT+QIDNSGIP=1", b'OK\r\n\r\n+QIURC: "dnsgip",0,1,600\r\n\r\n+QIURC: "dnsgip","192.0.2.7"'),
    (b"AT+QIDNSGIP=0", b'OK\r\n\r\n+QIDNSGIP: 0,1,60\r\n\r\n+QIDNSGIP: "192.0.2.7"'),
    (b"AT+QIOPEN", b"OK\r\n\r\n+QIOPEN: 0,0"),
    (b"AT+QICLOSE", b"OK\r\n\r\nCLOSE OK"),
    (b"AT+QISEND", b"SEND OK"),
)
_BOUDICA = (
    (b"AT+NSOCR", b"1\r\n\r\nOK"),
    (b"AT+NSOST", b"1,5\r\n\r\nOK"),
    (b"AT+QDNS", b"OK\r\n\r\n+QDNS:192.0.2.7"),
    (b"AT+UDNSRN", b'+UDNSRN: "192.0.2.7"\r\n\r\nOK'),
)
_SIM7020 = (
    (b"AT+CSOC=", b"+CSOC: 0\r\n\r\nOK"),
    (b"AT+CDNSGIP", b'OK\r\n\r\n+CDNSGIP: 1,"good.test","192.0.2.7"'),
)
_SIM7080 = (
    (b"AT+CNACT?", b'+CNACT: 0,1,"10.11.32.148"\r\n\r\nOK'),
    (b"AT+CDNSGIP", b'+CDNSGIP: 1,"good.test","192.0.2.7"\r\n\r\nOK'),
    (b"AT+CAOPEN", b"+CAOPEN: 0,0\r\n\r\nOK"),
)
_SARA_R4 = (
    (b"AT+UPSND", b"+UPSND: 0,8,1\r\n\r\nOK"),
    (b"AT+UDNSRN", b'+UDNSRN: "192.0.2.7"\r\n\r\nOK'),
    (b"AT+USOCR", b"+USOCR: 0\r\n\r\nOK"),
    (b"AT+USOST", b"+USOST: 0,5\r\n\r\nOK"),
)
_QIRD = (
    b"> ",
    b"AT+QIRD",
    b'+QIURC: "recv",0',
    b"+QIRD: 5\r\nclean\r\n\r\nOK",
    b"+QIRD: 0\r\n\r\nOK",
    _QUECTEL,
)
# family: (prompt, begin of a command to read, what says that a datagram came, what brings it,
# what says that there is none, answers)
_FAMILIES = {
    "bg95": _QIRD,
    "bc66": _QIRD,
    "bc660k": (None, b"-", b'+QIURC: "recv",0,5,"636c65616e"', b"", b"", _QUECTEL),
    "bc95": (
        None,
        b"AT+NSORF",
        b"+NSONMI:1,5",
        b"1,192.0.2.7,5684,5,636C65616E,0\r\n\r\nOK",
        b"OK",
        _BOUDICA,
    ),
    "sara_n2": (
        None,
        b"AT+NSORF",
        b"+NSONMI: 1,5",
        b'1,"192.0.2.7",5684,5,"636C65616E",0\r\n\r\nOK',
        b"OK",
        _BOUDICA,
    ),
    "sim7020": (None, b"-", b"+CSONMI: 0,10,636C65616E", b"", b"", _SIM7020),
    "sim7080": (
        b"> ",
        b"AT+CARECV",
        b"+CADATAIND: 0",
        b"+CARECV: 5,clean\r\n\r\nOK",
        b"+CARECV: 0\r\n\r\nOK",
        _SIM7080,
    ),
    "sara_r4": (
        b"@",
        b"AT+USORF",
        b"+UUSORF: 0,5",
        b'+USORF: 0,"192.0.2.7",5684,5,"clean"\r\n\r\nOK',
        b'+USORF: 0,""\r\n\r\nOK',
        _SARA_R4,
    ),
}
_MODULES = {"bc660k": "bc66", "sara_n2": "bc95"}  # of other families, their own
_PROMPTED = (b"AT+QISEND=", b"AT+CASEND=", b"AT+USOST=")
_SENDS = (b"AT+QISEND", b"AT+CASEND", b"AT+USOST", b"AT+NSOST", b"AT+CSOSEND")
_UNASKED = (
    b"\r\n+CEREG: 0\r\n",
    b"\r\n+CEREG: 2\r\n",
    b"\r\n+CEREG: 3\r\n",
    b'\r\n+CEREG: 5,"1A2B","00A1B2C4",9\r\n',
    b"\r\n+CSCON: 1\r\n",
    b"\r\n+NPSMR:1\r\n",
    b"\r\nRDY\r\n\r\nAPP RDY\r\n",
    b"\r\nREBOOTING\r\n\xc3\xe2F\xf8\r\nNeul \r\nOK\r\n",
    b'\r\n+QIURC: "closed",0\r\n',
    b'\r\n+QIURC: "recv",0,"buff full"\r\n',
    b"\r\n+CME ERROR: 51\r\n",
    b"\r\n+CME ERROR: 530\r\n",
    b"\r\nERROR\r\n",
    b"\r\nOK\r\n",
    b"\r\n> ",
    b"F1: 0000 0000\n\rLeaving the BROM\n\r",
    b'+QIRD: 1460\r\n+QIURC: "recv",0\r\nOK\r\n',
    b'+USORF: 0,"192.0.2.7",5684,33,"OK\r\n',
    b'+QIURC: "recv",0,2048,"' + b"4f" * 40,
    b"x" * 1049 + b"\r\n",
)


def _begins(name, texts):
    return any(name.startswith(text) for text in texts)


class Uart:
    """As machine.UART, with a modem behind it; `out` is what it has said and nobody has read."""

    def __init__(self, family, random):
        self.family, self._random = family, random
        self.module = _MODULES.get(family, family)
        self._prompt, self._reads, self.came, self._brings, self._empty, own = _FAMILIES[family]
        self._answers = _COMMON + own
        self.out = b""
        self._line = b""
        self._data = 0  # bytes that are still to come behind a prompt
        self.asked = []  # commands that wait for their answer
        self.waiting = 0  # datagrams

    def any(self):
        return len(self.out)

    def read(self, count):
        count = min(count, 1 + self._random.below(count))
        data, self.out = self.out[:count], self.out[count:]
        return data or None

    def write(self, data):
        chance = self._random.below(32)
        if not chance:
            return None
        size = 1 + self._random.below(len(data)) if chance < 3 else len(data)
        self._take(bytes(data[:size]))
        return size

    def _take(self, data):
        while data:
            if self._data:
                size = min(self._data, len(data))
                self._data -= size
                data = data[size:]
                if not self._data:
                    self.asked.append(self._line)
                    self._line = b""
                continue
            line, end, data = data.partition(b"\r")
            self._line = (self._line + line)[-2048:]
            if end:
                self._command(self._line.strip(b" \x1b"))

    def _command(self, name):
        self._line = b""
        if self._prompt and _begins(name, _PROMPTED):
            try:
                self._data = int(name.split(b",")[-1])
            except ValueError:  # a command that was cut short, and another
                self.out += b"\r\nERROR\r\n"
                return
            self._line = name
            self.out += b"\r\n" + self._prompt
        else:
            self.asked.append(name)

    def answer(self):
        """Returns what a modem says next as it should; b"" when nothing was asked."""
        if not self.asked:
            return b""
        name = self.asked.pop(0)
        if name.startswith(self._reads):
            text = self._brings if self.waiting else self._empty
            self.waiting = max(self.waiting - 1, 0)
            return b"\r\n" + text + b"\r\n"
        texts = [text for begin, text in self._answers if name.startswith(begin)] + [b"OK"]
        said = b"\r\n" + texts[0] + b"\r\n"
        if _begins(name, _SENDS):
            self.waiting += 1
            said += b"\r\n" + self.came + b"\r\n"
        return said


class Fuzz:
    """A channel, and modems that mistreat it; `random`: mutate.Random."""

    def __init__(self, random):
        self.random = random
        self.time = Time()
        self.found = fuzzing.Found(("datagram", "nothing", "lost"))
        self.families = sorted(_FAMILIES)
        self.turn = 0
        self.modem = self.channel = self.job = None
        self.since = 0
        sys.modules["board"] = self

    def uart(self, settings):
        """As in board.py."""
        return self.modem

    def _begin(self):
        """Opens a channel: of the same modem as before, or of the next."""
        if self.modem is None or not self.random.below(4):
            self.turn += 1
            self.modem = Uart(self.families[self.turn % len(self.families)], self.random)
            of_modems.modem = None
        settings = dict.fromkeys(("user", "password", "psm", "edrx", "wake"))
        settings.update({"family": self.modem.family, "module": self.modem.module})
        settings.update({"apn": "iot", "rai": True})
        deadline = clock.Deadline(OPEN_MS)
        self.channel = self._at_once(ModemChannel, settings, "good.test", 5684, deadline, LARGEST)

    def _end(self):
        self._at_once(self.channel.close)
        self.channel = None

    @staticmethod
    def _at_once(call, *arguments):
        before = clock.ticks_ms()
        result = call(*arguments)
        assert clock.ticks_ms() == before, "it waits"
        return result

    def step(self):
        """Lets time pass, sends now and then, and has the modem say something."""
        random = self.random
        self.time.pass_ms(random.below(40))
        if not random.below(128):
            self.time.pass_ms(random.below(16_384))
        data = self.modem.answer() if self.modem is not None and random.below(4) else b""
        data = data or random.pick(_UNASKED) if not random.below(8) else data
        if data and not random.below(4):
            data = mutated(random, bytearray(data), bytearray(random.pick(_UNASKED)), 2, 3000)
        try:
            if self.channel is None:
                self._begin()
            elif not random.below(256):
                self._end()
                self._begin()
            if not random.below(8):
                self._at_once(self.channel.send, b"datag", random.pick((0, 1, None)))
            self.found.state("open" if self.channel.opened() else "opening")
            self.modem.out = (self.modem.out + data)[-8192:]
            self.found.count(self._hear())
        except Exception as error:
            self.found.note(error, data)
            self.channel = self.modem = None

    def _hear(self):
        """Lets the channel do what it can; returns what came of that."""
        outcome, channel = "nothing", self.channel
        for _ in range(STEPS):
            try:
                datagram = self._at_once(channel.receive)
            except SignetError as error:
                text = "{}: {}".format(type(error).__name__, error)
                self.found.event(text.split(";")[0].split(",")[0].split(" AT+")[0][:50])
                self._end()
                return "lost"
            if datagram is not None:
                assert len(datagram) <= LARGEST + 1, "longer than the largest"
                outcome = "datagram"
            elif not channel.busy and not self.modem.out:
                self._see_an_end()
                return outcome
        raise AssertionError("it never ends")

    def _see_an_end(self):
        job = of_modems.modem.job
        now = clock.ticks_ms()
        if job is not self.job:
            self.job, self.since = job, now
        waited_ms = clock.ticks_diff(now, self.since)
        assert job is None or waited_ms < LONGEST_MS, "it waits for ever"

    def clean(self):
        """Opens anew on a modem that answers as it should; a datagram must go and come."""
        try:
            if self.channel is not None:
                self._end()
            self.modem = None
            self._begin()
            outcome = "nothing"
            for turn in range(ROUNDS):
                if self.channel.opened() and not turn % 8:
                    self._at_once(self.channel.send, b"clean")
                self.modem.out += self.modem.answer()
                outcome = self._hear()
                if outcome != "nothing":
                    break
                self.time.pass_ms(50)
            assert outcome == "datagram", "{}: {}".format(self.modem.family, outcome)
            self.found.count("clean")
        except Exception as error:
            self.found.note(error, b"")
            self.channel = self.modem = None


if __name__ == "__main__":
    keep_modules()
    fuzzing.run(Fuzz(Random(int(sys.argv[2]))), int(sys.argv[1]))
