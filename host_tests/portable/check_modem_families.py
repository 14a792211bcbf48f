"""What do a BC95, SARA-N2, SIM7020, SIM7080 and SARA-R4 look like from a board?

As in check_modem.py; written from their transcripts (vectors/modem-transcripts.json) and manuals.
"""

from binascii import hexlify, unhexlify

import check
from check_modem import ADDRESS, Bc66, Bc660k, Bg95, Modem


class _Modem(Modem):
    """The socket's number is never 0, and nothing ends with SEND OK.

    Attributes: sender: str, the address of what comes, where that is shown.
    """

    number = "1"
    sender = ADDRESS

    def _opened(self, *lines):
        """Does it open the socket?"""
        self.socket = self.trouble != "no_socket"
        self.ok(*lines) if self.socket else self.error()
        if self.trouble == "resets":
            self.reboot()

    def _went(self, data):
        if self.echo and self.prompts:
            self.say(data)
        self.sent.append((data, self._release))
        self._took(len(data))
        if self.far:
            for answer in self.far.received(data):
                self.arrive(answer)

    prompts = True
    _release = 0

    def _took(self, size):
        self.ok()


class Bc95(_Modem):
    """NSO, bare."""

    family = module = "bc95"
    name = b"Quectel\r\nBC95-G\r\nRevision:BC95GJBR01A07"
    banner = (
        b"\r\nREBOOTING\r\n\xc3\xe2F\xf8\r\nBoot: Unsigned\r\nREBOOT_CAUSE_APPLICATION_AT\r\n"
        b"Neul \r\nOK\r\n"
    )
    quote = space = ""
    prompts = False
    names = "+QDNS=0,good.test"

    def arrive(self, datagram):
        self.waiting.append(datagram)
        self.say("\r\n+NSONMI:{}{},{}\r\n".format(self.space, self.number, len(datagram)))

    def _own(self, text):
        name, _, rest = text.partition("=")
        fields = rest.split(",")
        quoted = fields[1:2] == ["{0}{1}{0}".format(self.quote, ADDRESS)]
        if text in ("+NSONMI=1", "+CGATT=1"):
            self.ok()
        elif text == "+CIMI":
            self.error(10) if self.trouble == "no_sim" else self.ok("001010123456789")
        elif text == self.names:
            self._named()
        elif name == "+NSOCR" and fields[0] == "{0}DGRAM{0}".format(self.quote):
            self._opened(self.number)
        elif name in ("+NSOST", "+NSOSTF") and self.socket and quoted:
            check.equal(fields[0], self.number)
            flags = ("0x0", "0x200", "0x400")
            self._release = flags.index(fields.pop(3)) if name == "+NSOSTF" else 0
            if int(fields[3]) > self.limit:
                return False
            data = unhexlify(fields[4].strip(self.quote) if self.quote else fields[4])
            check.equal(len(data), int(fields[3]))
            assert fields[4].upper() == fields[4]
            self._went(data)
        elif name == "+NSORF" and self.socket:
            self._read()
        elif name == "+NSOCL" and self.socket and fields[0] == self.number:
            self.socket = False
            self.ok()
        else:
            return False
        return True

    def _named(self):
        self.ok()
        self.say("\r\n+QDNS:{}\r\n".format("FAIL" if self.trouble == "unknown" else ADDRESS))

    def _took(self, size):
        self.ok("{},{}".format(self.number, size))

    def _read(self):
        rows = []
        if self.waiting:
            data = self.waiting.pop(0)
            row = "{0},{1}{2}{1},5684,{3},{1}{4}{1},0"
            text = hexlify(data).decode().upper()
            rows.append(row.format(self.number, self.quote, self.sender, len(data), text))
        self.ok(*rows)


class SaraN2(Bc95):
    """NSO, in quotes and with a space."""

    family = "sara_n2"
    name = b"SARA-N211"
    banner = b"\r\nREBOOT_CAUSE_APPLICATION_AT\r\nu-blox \r\nOK\r\n"
    quote, space = '"', " "
    names = '+UDNSRN=0,"good.test"'

    def _named(self):
        if self.trouble == "unknown":
            self.error()
        else:
            self.ok('+UDNSRN: "{}"'.format(ADDRESS))


class Sim7020(_Modem):
    """CSO: lengths count hex digits; pushed."""

    family = module = "sim7020"
    name = b"SIM7020E R1752"
    banner = b""
    prompts = False

    def __init__(self, far=None):
        super().__init__(far)
        self._late = []  # what comes once all before has been read

    def any(self):
        if not self.out and self._late:
            self.say(self._late.pop(0))
        return super().any()

    def arrive(self, datagram):
        text = hexlify(datagram).decode().upper()
        self._late.append("\r\n+CSONMI: {},{},{}\r\n".format(self.number, len(text), text))

    def reboot(self):
        super().reboot()
        self.say("\r\n+CPIN: READY\r\n\r\n+CSOERR: {},4\r\n".format(self.number))

    def _own(self, text):
        name, _, rest = text.partition("=")
        fields = rest.split(",")
        if text == "*MCGDEFCONT?":
            self.ok('*MCGDEFCONT: "IP","{}"'.format(self.apn))
        elif text == "+CSORCVFLAG=0" or text[:13] == '*MCGDEFCONT="':
            self.apn = text.split('"')[3] if text[0] == "*" else self.apn
            self.ok()
        elif text == '+CDNSGIP="good.test"':
            self.ok()
            self.say(_named(self.trouble))
        elif text == "+CSOC=1,2,1":
            self._opened("+CSOC: " + self.number)
        elif text == '+CSOCON={},5684,"{}"'.format(self.number, ADDRESS):
            self.ok()
        elif name == "+CSOSEND" and fields[0] == self.number and self.socket:
            check.equal(len(fields[2]), int(fields[1]))
            self._went(unhexlify(fields[2]))
        elif text == "+CNMPSD":
            self.ok()
        elif text == "+CSOCL={};+CNMPSD".format(self.number):
            self.socket = False
            self.ok()
        else:
            return False
        return True


def _named(trouble):
    if trouble == "unknown":
        return "\r\n+CDNSGIP: 0,8\r\n"
    return '\r\n+CDNSGIP: 1,"good.test","{}"\r\n'.format(ADDRESS)


class Sim7080(_Modem):
    """CA: cid first; read by count."""

    family = module = "sim7080"
    name = b"SIM7080 R1951.04"
    other = b"Quectel\r\nBG95-M3"
    banner = b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n"

    def arrive(self, datagram):
        self.waiting.append(datagram)
        self.say("\r\n+CADATAIND: 0\r\n")

    def _own(self, text):
        if text == "+CNACT?":
            self.ok('+CNACT: 0,{},"10.9.8.7"'.format(int(self.attached)), '+CNACT: 1,0,"0.0.0.0"')
        elif text[:10] == "+CNCFG=0,1":
            self.ok()
        elif text == "+CNACT=0,1":
            self.attached = True
            self.ok()
            self.say("\r\n+APP PDP: 0,ACTIVE\r\n")
        elif text == '+CDNSGIP="good.test"':
            self.ok()
            self.say(_named(self.trouble))
        elif text == '+CAOPEN=0,0,"UDP","{}",5684'.format(ADDRESS):
            self.socket = self.trouble != "no_socket"
            self.ok("+CAOPEN: 0,{}".format(0 if self.socket else 2))
            if self.trouble == "resets":
                self.reboot()
        elif text[:10] == "+CASEND=0," and self.socket:
            self._raw = int(text[10:])
            self.say("\r\n> ")
        elif text[:10] == "+CARECV=0," and self.socket:
            self._read()
        elif text == "+CACLOSE=0":
            self.ok() if self.socket else self.error()
            self.socket = False
        else:
            return False
        return True

    def _read(self):
        data = self.waiting.pop(0) if self.waiting else None
        self.ok(b"+CARECV: " + (b"0" if data is None else b"%d,%s" % (len(data), data)))


class SaraR4(_Modem):
    """USO: raw bytes after `@`, and in quotes; with SARA-R5's context."""

    family = module = "sara_r4"
    name = b"u-blox\r\nSARA-R510S-01B"
    banner = b""

    def arrive(self, datagram):
        self.waiting.append(datagram)
        size = sum(len(each) for each in self.waiting)
        self.say("\r\n+UUSORD: {},{}\r\n".format(self.number, size))

    def reboot(self):
        self.say("\r\n+UUSOCL: {}\r\n".format(self.number))

    def _own(self, text):
        name, _, rest = text.partition("=")
        fields = rest.split(",")
        if text == "+CGMM":
            self.ok("SARA-R510S-01B")
        elif text == "+UPSND=0,8":
            self.ok("+UPSND: 0,8,{}".format(int(self.attached)))
        elif text == "+UPSDA=0,3":
            self.attached = True
            self.ok()
            self.say('\r\n+UUPSDA: 0,"10.9.8.7"\r\n')
        elif text in ("+UDCONF=1,0", "+UPSD=0,0,0", "+UPSD=0,100,1"):
            self.ok()
        elif text == '+UDNSRN=0,"good.test"':
            if self.trouble == "unknown":
                self.error()
            else:
                self.ok('+UDNSRN: "{}"'.format(ADDRESS))
        elif text == "+USOCR=17":
            assert self.attached
            self._opened("+USOCR: " + self.number)
        elif text[: -len(fields[-1])] == '+USOST={},"{}",5684,'.format(self.number, ADDRESS):
            self._raw = int(fields[-1])
            self.say("\r\n@")
        elif name == "+USORF" and fields[0] == self.number:
            self._read()
        elif name == "+USOCL" and fields[0] == self.number:
            self.ok() if self.socket else self.error()
            self.socket = False
        else:
            return False
        return True

    def _took(self, size):
        self.ok("+USOST: {},{}".format(self.number, size))

    def _read(self):
        if not self.waiting:
            self.say('\r\r\n\r\r\n+USORF: {},""\r\nOK\r\n'.format(self.number))
            return
        data = self.waiting.pop(0)
        head = '\r\n+USORF: {},"{}",5684,{},"'.format(self.number, self.sender, len(data))
        self.say(head.encode() + data + b'"\r\n\r\nOK\r\n')


FAMILIES = (Bg95, Bc66, Bc660k, Bc95, SaraN2, Sim7020, Sim7080, SaraR4)
