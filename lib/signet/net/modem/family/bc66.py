"""How does a Quectel BC26, BC66 or BC660K send and receive datagrams?

Sources: Quectel "BC66&BC26 TCP/IP Application Note", "BC660K-GL TCP/IP Application Note".
"""

from signet.net.modem.at import At


class Modem(At):
    """BC26, BC66: buffer access mode, binary. BC660K: pushed, in hex, and another context."""

    NAMES = (b"BC66", b"BC26")
    OTHERS = (b"BC660K",)
    SETUP = ('AT+QICFG="dataformat",0,0', "AT+QNBIOTRAI=0")
    APN = 'AT+QCGDEFCONT="IP","{}"'
    LOOK_UP = ('AT+QIDNSGIP=1,"{}"', b'+QIURC:"dnsgip",')
    CLOSE = "AT+QICLOSE={}"
    LARGEST = 1024
    MORE = b'+QIURC:"recv",0'
    DATA = ((b"+QIRD:", 0, 0), (b"+QIRD:", 1, 0), (b'+QIURC:"recv",0,', 1, 1))
    CLOSED = (b'+QIURC:"closed",0', b'+QIURC:"pdpdeact"')
    BOOT = (b"F1: 0000", b"RDY")
    CLOCK = ("AT+CCLK?", b"+CCLK:", False)

    _is_bc660k = False
    _released = 0

    def __init__(self, uart, settings):
        super().__init__(uart, settings)
        if settings["family"] == "bc660k":
            self._is_bc660k = True
            self.NAMES, self.OTHERS = self.OTHERS, ()
            self.SETUP = ('AT+QICFG="dataformat",1,1',)
            self.LOOK_UP = ('AT+QIDNSGIP=0,"{}"', b"+QIDNSGIP:")
            self.LARGEST = 512

    def open(self, host, port):
        """Opens socket 0."""
        self._released = 0  # as in SETUP
        command = 'AT+QIOPEN={},0,"UDP","{}",{},0,{}'
        command = command.format(*((0, host, port, 1) if self._is_bc660k else (1, host, port, 0)))
        return self.ask(command, b"+QIOPEN:0,", 60_000, None)

    def send(self, datagram, release):
        """Sends one; release: 1 when nothing comes after it, 2 when one does."""
        size = len(datagram)
        if self._is_bc660k:
            end = ",{}".format(release) if release else ""
            command = 'AT+QISEND=0,{},"*"{}'.format(size, end)
            return (yield from self.ask(command, None, 10_000, b"SEND OK", datagram))
        if release != self._released:
            self._released = release
            yield from self.ask("AT+QNBIOTRAI={}".format(release))
        command = "AT+QISEND=0,{}".format(size)
        return (yield from self.ask(command, None, 10_000, b"SEND OK", datagram, b">"))

    def read(self):
        """Asks for what may wait."""
        return None if self._is_bc660k else self.ask("AT+QIRD=0,1024")
