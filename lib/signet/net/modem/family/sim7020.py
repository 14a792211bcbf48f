"""How does a SIMCom SIM7020 send and receive datagrams?

Sources: SIMCom "SIM7020 Series AT Command Manual", "SIM7020 Series TCPIP Application Note" V1.04.
"""

from signet.net.modem.at import At


class Modem(At):
    """Datagrams in hex, and a length counts its digits.  What comes is pushed."""

    NAMES = (b"SIM7020",)
    LARGEST = 512
    APN = 'AT*MCGDEFCONT="IP","{}"'
    SETUP = ("AT+CSORCVFLAG=0",)
    LOOK_UP = ('AT+CDNSGIP="{}"', b"+CDNSGIP:")
    CLOSE = "AT+CSOCL={};+CNMPSD"
    SOCKETS = 5
    DATA = ((b"+CSONMI:", 2, 2),)
    CLOCK = ("AT+CCLK?", b"+CCLK:", False)
    turns = 0  # of `read` until no more data are expected

    def open(self, host, port):
        """Opens a socket."""
        found = yield from self.ask("AT+CSOC=1,2,1", b"+CSOC:")
        if not found:
            return False
        self.socket = found[0].decode()
        self.DATA = ((b"+CSONMI:" + found[0] + b",", 1, 2),)
        self.CLOSED = (b"+CSOERR:" + found[0],)
        command = 'AT+CSOCON={},{},"{}"'.format(self.socket, port, host)
        return (yield from self.ask(command, None, 60_000)) is not None

    def send(self, datagram, release):
        """Sends one; release: 1 when nothing comes after it, 2 when one does."""
        self.turns = release
        command = "AT+CSOSEND={},{},*".format(self.socket, 2 * len(datagram))
        return self.ask(command, None, 10_000, b"OK", datagram)

    def read(self):
        """What comes is pushed.  Asked for after a send, and after each that came."""
        self.turns -= 1
        # 3GPP TS 27.007: no more data, the radio may go
        return None if self.turns else self.ask("AT+CNMPSD")
