"""How do a Quectel BC95, BC28, BC35-G or BC68 and a u-blox SARA-N2 send and receive datagrams?

All are Huawei's Boudica; u-blox puts addresses and data in quotes.
Sources: Quectel "BC95-G&BC68 AT Commands Manual", chapters 5.4 to 5.8; u-blox "SARA-N2 series AT
Commands Manual", chapter 17.
"""

from signet import clock
from signet.net.modem.at import At


class Modem(At):
    """Datagrams in hex, in lines that have no name; the modem chooses the socket's number."""

    NAMES = (b"BC95", b"BC28", b"BC35", b"BC68")
    LARGEST = 1358
    LEAST = 512
    CARD = ("AT+CIMI", b"")  # it has no CPIN
    ATTACH = ("AT+CGATT=1",)  # with AT+NCONFIG=AUTOCONNECT,FALSE it does not by itself
    SETUP = ("AT+NSONMI=1",)
    LOOK_UP = ("AT+QDNS=0,{}", b"+QDNS:")
    QUOTE = ""
    CLOSE = "AT+NSOCL={}"
    SOCKETS = 7
    MORE = b"+NSONMI:"
    BOOT = (b"REBOOT", b"Boot:")
    CLOCK = ("AT+CCLK?", b"+CCLK:", False)

    def __init__(self, uart, settings):
        super().__init__(uart, settings)
        self.to = None
        if settings["family"] == "sara_n2":
            self.NAMES = (b"SARA-N2",)
            self.LARGEST = 512
            self.LOOK_UP = ('AT+UDNSRN=0,"{}"', b"+UDNSRN:")
            self.QUOTE = '"'

    def open(self, host, port):
        """Opens a socket."""
        own = 49152 + clock.ticks_ms() % 16384
        command = "AT+NSOCR={0}DGRAM{0},17,{1},1".format(self.QUOTE, own)
        for line in (yield from self.ask(command, b"")) or ():
            if line.isdigit():
                self.socket = line.decode()
                self.to = "{0},{1}{2}{1},{3}".format(self.socket, self.QUOTE, host, port)
                self.peer = None if ":" in host else ",{},{},".format(host, port).encode()
                row = line + b","
                # The last where AT+NSONMI=1 is unknown and the modem pushes
                self.DATA = ((row, 3, 1), (b"+NSORF:" + row, 3, 1), (b"+NSONMI:" + row, 3, 1))
                self.CLOSED = (b"+NSOCLI:" + line,)
                return True
        return False

    def send(self, datagram, release):
        """Sends one; release: 1 when nothing comes after it, 2 when one does."""
        command = ("={}", "F={},0x200", "F={},0x400")[release].format(self.to)
        command = "AT+NSOST{},{},{}*{}".format(command, len(datagram), self.QUOTE, self.QUOTE)
        return self.ask(command, None, 10_000, b"OK", datagram)

    def read(self):
        """Asks for what may wait; an early firmware refuses to be asked for more than 512."""
        size = min(max(512, self.largest + 1), self.LARGEST)
        return self.ask("AT+NSORF={},{}".format(self.socket, size))
