"""How does a SIMCom SIM7070, SIM7080 or SIM7090 send and receive datagrams?

Source: SIMCom "SIM7070_SIM7080_SIM7090 Series AT Command Manual", TCP/UDP application (CA*).
"""

from signet.net.modem.at import At


class Modem(At):
    """Data are binary, counted, and read when the modem says that some came."""

    NAMES = (b"SIM7070", b"SIM7080", b"SIM7090")
    LARGEST = 1459
    LOOK_UP = ('AT+CDNSGIP="{}"', b"+CDNSGIP:")
    CLOSE = "AT+CACLOSE={}"
    MORE = b"+CADATAIND:0"
    DATA = ((b"+CARECV:", 1, 0),)
    CLOSED = (b"+CASTATE:0,0", b"+APP PDP:0,DEACTIVE")
    BOOT = (b"RDY", b"NORMAL POWER DOWN")

    def context(self, apn, user, password):
        """Has an address of the network."""
        if (yield from self.ask("AT+CNACT?", b"+CNACT:0,1")):
            return
        login = '"{}","{}",{}'.format(user, password, 3 if user else 0)
        yield from self.ask('AT+CNCFG=0,1,"{}",{}'.format(apn, login))
        found = yield from self.must("AT+CNACT=0,1", b"+APP PDP:0,", 150_000, None)
        if found[0] != b"ACTIVE":
            self.said = found[0]
            raise self.lost("open")

    def open(self, host, port):
        """Opens socket 0."""
        command = 'AT+CAOPEN=0,0,"UDP","{}",{}'.format(host, port)
        return self.ask(command, b"+CAOPEN:0,", 150_000, None)

    def send(self, datagram, release):
        """Sends one; the modem knows of no release."""
        command = "AT+CASEND=0,{}".format(len(datagram))
        return self.ask(command, None, 10_000, b"OK", datagram, b">")

    def read(self):
        """Asks for what may wait."""
        return self.ask("AT+CARECV=0,1459")
