"""What does a modem look like from a board?  A UART on which a small one answers at once.

Written from the transcripts of BG77, BG96, BC66 and BC660K and from Quectel's manuals; nothing of
it is lib/signet's. A far side of check_far.py is behind its socket.

    modem = check_modem.Bg95(far.EchoOfDatagrams())
    modem.trouble = "searches"        see `TROUBLES`
    ModemChannel(modem.settings(), "good.test", ...)         in a World of check_modem_line.py
"""

from binascii import hexlify, unhexlify

import check

ADDRESS = "192.0.2.7"

TROUBLES = {
    "absent": "no modem answers",
    "junk": "junk",
    "other": "another family",
    "no_sim": "SIM card",
    "denied": "denies",
    "searches": "no coverage",
    "resets": "has reset",
    "unknown": "does not know",
    "no_socket": "opens no socket",
}
"""And what the error must say."""


class Modem:
    """What all families share.

    Args:
        far: see check_far.py.
    Attributes:
        trouble: str, one of TROUBLES, or None.
        echo: bool. piece: int, bytes of one `read` at most.
        heard: list of str, the commands.
        sent: list of (datagram, release) that went.
        before: bytes that come before the next answer; always: and before each.
        key: list of bool, what its key was told. is_deaf: bool, until the key is let go.
        psm: str, what CPSMS? says. card: int, so often it has not been read.
        mute: bool, nothing is answered. limit: int, bytes that its firmware sends.
        wakes: bool, the next command only wakes it, and it begins anew.
        busy, fails: int, so many commands find it busy, or datagrams end in SEND FAIL.
        call: function that each call of the UART calls.
        asleep: int, so many characters are lost.
    """

    family = module = "bg95"
    context = "1"
    name = b"Quectel\r\nBG95-M3\r\nRevision: BG95M3LAR02A04"
    clock = '"26/11/29,17:05:06+04"'
    rsrp = 57
    other = b"SIMCOM\r\nSIM7080G"
    banner = b"\r\nRDY\r\n\r\nAPP RDY\r\n"

    def __init__(self, far=None):
        self.far = far
        self.trouble = self.call = None
        self.echo = True
        self.piece = 1 << 16
        self.heard, self.sent, self.waiting = [], [], []
        self.before = b""
        self.always = False
        self.busy = self.fails = 0
        self.wakes = self.mute = False
        self.limit = 1 << 16
        self.psm = "0"
        self.key = []
        self.is_deaf = False
        self.card = 0
        self.apn = "iot.mnc001.mcc262.gprs"
        self.asleep = 0
        self.attached = False
        self.out = b""
        self._line = bytearray()
        self._raw = 0  # bytes that are still data
        self._data = b""
        self.socket = False
        self.registered = True

    def settings(self, **more):
        """Returns what device.json says of it."""
        keys = ("apn", "user", "password", "tx", "rx", "psm", "edrx", "wake")
        settings = dict.fromkeys(keys)
        settings.update({"family": self.family, "module": self.module, "uart": 1, "rai": True})
        settings.update(more)
        return settings

    # board.py

    def uart(self, settings):
        return self

    def modem_wake(self, settings, on):
        self.key.append(on)
        if not on:
            self.is_deaf = False
            self.reboot()

    # machine.UART

    def any(self):
        self._call()
        return len(self.out)

    def read(self, count):
        self._call()
        count = min(count, self.piece)
        data, self.out = self.out[:count], self.out[count:]
        return data or None

    def write(self, data):
        self._call()
        for byte in bytes(data):
            self._take(bytes((byte,)))
        return len(data)

    def events(self, patience_ms):
        return 1 if self.out else 0

    def _call(self):
        if self.call:
            self.call()

    # The modem

    def _take(self, byte):
        if self.is_deaf:
            return
        if self.asleep:
            self.asleep -= 1
        elif self._raw:
            if byte == b"\x1b" and not self._data:
                self._raw = 0
                self.say("\r\nOK\r\n")
                return
            self._data += byte
            self._raw -= 1
            if not self._raw:
                data, self._data = self._data, b""
                self._went(data)
        elif byte == b"\r":
            line, self._line = bytes(self._line), bytearray()
            self._command(line)
        elif byte != b"\n":
            self._line.extend(byte)

    def say(self, text):
        """Says it: str or bytes."""
        self.out += text if isinstance(text, bytes) else text.encode()

    def ok(self, *lines):
        for line in lines:
            self.say(b"\r\n" + (line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        self.say("\r\nOK\r\n")

    def error(self, number=None):
        self.say("\r\nERROR\r\n" if number is None else "\r\n+CME ERROR: {}\r\n".format(number))

    def reboot(self):
        """It has reset itself."""
        self.socket = self.attached = False
        self._raw, self._line, self._data = 0, bytearray(), b""
        self.echo = True
        self.say(self.banner)

    def wants(self, count):
        """It waits for the data of a send, of which a reset of the board knows nothing."""
        self._raw, self._release = count, 0

    def arrive(self, datagram):
        """A datagram comes from the network."""
        self.waiting.append(datagram)
        self.say('\r\n+QIURC: "recv",0\r\n')

    def _command(self, line):
        text = line.decode().strip(" \x1b") if max(line or b"\0") < 128 else ""
        self.heard.append(text)
        if self.trouble == "absent":
            return
        if self.wakes:
            self.wakes = False
            self.reboot()
            return
        if self.echo:
            self.say(line + b"\r")
        self.out += self.before
        if not self.always:
            self.before = b""
        if self.mute:
            return
        if self.trouble == "junk":
            self.say(b"\xe3\x8c\xff\x00\n\x91")
        elif text[:2].upper() != "AT":
            pass
        elif self.busy and text not in ("AT", "ATE0"):
            self.busy -= 1
            self.error(51)
        elif not self._common(text[2:]) and (self.trouble == "other" or not self._own(text[2:])):
            self.error()

    def _common(self, text):
        if text in ("", "+CMEE=1", "+CFUN=0", "+CFUN=1", "+CEREG=1") or text.partition("=")[0] in (
            "+CPSMS",
            "+CEDRXS",
            "+CEDRXS?",
        ):
            self.ok()
        elif text in ("E0", "E1"):
            self.echo = text == "E1"
            self.ok()
        elif text == "I":
            self.ok(self.other if self.trouble == "other" else self.name)
        elif text[:9] == "+CGDCONT=":
            self.apn = text.split('"')[3]
            self.ok()
        elif text == "+CGDCONT?":
            self.ok('+CGDCONT: 1,"IP","{}",,0,0'.format(self.apn))
        elif text == "+CPSMS?":
            self.ok("+CPSMS: " + self.psm)
        elif text == "+CPIN?" and self.card:
            self.card -= 1
            self.error(10)
        elif text == "+CPIN?":
            self.error(10) if self.trouble == "no_sim" else self.ok("+CPIN: READY")
        elif text == "+CEREG?":
            states = {"denied": 3, "searches": 2, "no_sim": 0}
            state = states.get(self.trouble, 5 if self.registered else 2)
            self.ok("+CEREG: 1,{}".format(state))
            if not self.registered:
                self.registered = True
                self.say('\r\n+CEREG: 5,"1A2B","00A1B2C4",9\r\n')
        elif text == "+CSQ":
            self.ok("+CSQ: 18,99")
        elif text == "+CESQ":
            self.ok("+CESQ: 99,99,255,255,18,{}".format(self.rsrp))
        elif text == "+CCLK?":
            self.ok("+CCLK: " + self.clock)
        elif text == "+QLTS=1":
            self.ok('+QLTS: "2026/11/29,16:05:06+04,0"')
        else:
            return False
        return True

    def _own(self, text):
        """Has the modem of this family such a command?"""
        if text == "+QIACT?":
            self.ok(*(['+QIACT: 1,1,1,"10.9.8.7"'] if self.attached else []))
        elif text[:8] == "+QICSGP=":
            self.ok()
        elif text == "+QIACT=1":
            self.error() if self.attached else self.ok()
            self.attached = True
        elif text[:12] == "+QIDNSGIP={},".format(self.context):
            self._names()
        elif text[:9] == "+QICLOSE=":
            self.socket = False
            self._closed()
        elif text[:8] == "+QIOPEN=":
            self.ok()
            if self.socket:
                self.say("\r\n+QIOPEN: 0,563\r\n")
                return True
            self.socket = self.trouble != "no_socket"
            self.say("\r\n+QIOPEN: 0,{}\r\n".format(0 if self.socket else 566))
            if self.trouble == "resets":
                self.reboot()
        elif text[:7] == "+QISEND" and not (self.socket and self._fits(text)):
            self.error()
        elif text[:8] == "+QISEND=":
            self._release = 0
            self._raw = int(text.split(",")[1])
            self.say("\r\n> ")
        elif text[:10] == "+QISENDEX=":
            self._release = int(text[-1])
            self._went(unhexlify(text.split('"')[1]))
        elif text[:6] == "+QIRD=":
            self._read()
        else:
            return False
        return True

    def _fits(self, text):
        return text[7] == "E" or int(text.split(",")[1]) <= self.limit

    def _names(self):
        self.ok()
        if self.trouble == "unknown":
            self.say('\r\n+QIURC: "dnsgip",565\r\n')
        else:
            self.say('\r\n+QIURC: "dnsgip",0,1,600\r\n\r\n+QIURC: "dnsgip","192.0.2.7"\r\n')

    def _closed(self):
        self.ok()

    def _read(self):
        if self.waiting:
            data = self.waiting.pop(0)
            self.say("\r\n+QIRD: {}\r\n".format(len(data)))
            self.say(data)
            self.say("\r\n\r\nOK\r\n")
        else:
            self.ok("+QIRD: 0")

    def _went(self, data):
        if self.echo:
            self.say(data)
        if self.fails:
            self.fails -= 1
            self.say("\r\nSEND FAIL\r\n")
            return
        self.sent.append((data, self._release))
        self.say("\r\nSEND OK\r\n")
        if self.far:
            for answer in self.far.received(data):
                self.arrive(answer)


class Bg95(Modem):
    """Buffer access mode: `+QIURC: "recv"`, then QIRD by count."""


class Bc66(Modem):
    """Attached by itself; RAI has a command of its own."""

    family = module = "bc66"
    name = b"Quectel_Ltd\r\nQuectel_BC66\r\nRevision: BC66NBR01A03"
    banner = (
        b"\r\nF1: 0000 0000\n\rV0: 0000 0000 [0001]\n\r00: 0006 000C\n\rLeaving the BROM\n\r"
        b"\r\n*MATREADY: 1\r\n\r\n+CFUN: 0\r\n\r\n+CEREG: 0\r\n"
    )
    mode = "0"

    def _own(self, text):
        if text[:7] == "+QIACT?" or text[:10] == "+QISENDEX=":
            return False
        if text[:8] == "+QIOPEN=":
            fields = text[8:].split(",")
            assert (fields[0], fields[-1]) == (self.context, self.mode), text
        if text == "+QCGDEFCONT?":
            self.ok('+QCGDEFCONT: "IP","{}"'.format(self.apn))
        elif text[:12] == "+QCGDEFCONT=":
            self.apn = text.split('"')[3]
            self.ok()
        elif text[:11] == "+QNBIOTRAI=":
            self._rai = int(text[11:])
            self.ok()
        elif text[:7] == "+QICFG=":
            self.ok()
        else:
            return super()._own(text)
        return True

    _rai = 0

    def _went(self, data):
        self._release = self._rai
        super()._went(data)

    def _closed(self):
        self.say("\r\nCLOSE OK\r\n")


class Bc660k(Bc66):
    """Hex in one line, pushed; OK, then SEND OK; OK, then CLOSE OK."""

    family = "bc660k"
    name = b"Quectel_Ltd\r\nQuectel_BC660K-GL\r\nRevision: BC660KGLAAR01A03"
    context, mode = "0", "1"

    def arrive(self, datagram):
        text = hexlify(datagram).decode()
        self.say('\r\n+QIURC: "recv",0,{},"{}"\r\n'.format(len(datagram), text))

    def _own(self, text):
        if text[:11] == "+QNBIOTRAI=" or text[:6] == "+QIRD=":
            return False
        if text[:8] == "+QISEND=" and self.socket:
            fields = text[8:].split(",")
            self._rai = int(fields[3]) if len(fields) > 3 else 0
            data = unhexlify(fields[2].strip('"'))
            check.equal(len(data), int(fields[1]))
            self.say("\r\nOK\r\n")
            self._went(data)
            return True
        return super()._own(text)

    def _names(self):
        self.ok()
        if self.trouble == "unknown":
            self.say("\r\n+QIDNSGIP: 565\r\n")
        else:
            self.say('\r\n+QIDNSGIP: 0,1,60\r\n\r\n+QIDNSGIP: "192.0.2.7"\r\n')

    def _closed(self):
        self.ok()
        self.say("\r\nCLOSE OK\r\n")
