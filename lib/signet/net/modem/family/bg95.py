"""How does a Quectel BG95, BG77, BG600L or BG96 send and receive datagrams?

Source: Quectel "BG95&BG77&BG600L Series TCP/IP Application Note", chapters 2.2 and 2.3.
"""

from signet.net.modem.at import At


class Modem(At):
    """Buffer access mode; data are binary, counted."""

    NAMES = (b"BG95", b"BG77", b"BG600", b"BG96")
    LOOK_UP = ('AT+QIDNSGIP=1,"{}"', b'+QIURC:"dnsgip",')
    CLOSE = "AT+QICLOSE={}"
    LARGEST = 1460
    MORE = b'+QIURC:"recv",0'
    DATA = ((b"+QIRD:", 0, 0),)
    CLOSED = (b'+QIURC:"closed",0', b'+QIURC:"pdpdeact",1')
    CLOCK = ("AT+QLTS=1", b"+QLTS:", False)
    BOOT = (b"RDY", b"NORMAL POWER DOWN")

    def context(self, apn, user, password):
        """Has an address of the network."""
        if (yield from self.ask("AT+QIACT?", b"+QIACT:1,1")):
            return
        login = '"{}","{}",{}'.format(user, password, int(bool(user)))
        yield from self.must('AT+QICSGP=1,1,"{}",{}'.format(apn, login))
        yield from self.ask("AT+QIACT=1", None, 150_000)

    def open(self, host, port):
        """Opens socket 0."""
        command = 'AT+QIOPEN=1,0,"UDP","{}",{},0,0'.format(host, port)
        return self.ask(command, b"+QIOPEN:0,", 150_000, None)

    def send(self, datagram, release):
        """Sends one; release: 1 when nothing comes after it, 2 when one does."""
        size = len(datagram)
        if release and size <= 512:
            command = 'AT+QISENDEX=0,"*",{}'.format(release)
            return (yield from self.ask(command, None, 10_000, b"SEND OK", datagram))
        command = "AT+QISEND=0,{}".format(size)
        return (yield from self.ask(command, None, 10_000, b"SEND OK", datagram, b">"))

    def read(self):
        """Asks for what may wait."""
        return self.ask("AT+QIRD=0,1500")
