"""How does a u-blox SARA-R4, SARA-R5 or SARA-N4 send and receive datagrams?

Sources: u-blox "SARA-R4 series AT Commands Manual" UBX-17003787 R16, Internet suite; "SARA-R5
series AT Commands Manual", which has another context.
"""

from signet.net.modem.at import At


class Modem(At):
    """Data are binary, counted; the modem chooses the socket's number."""

    NAMES = (b"SARA-R4", b"SARA-R5", b"SARA-N4")
    LARGEST = 1024
    SETUP = ("AT+UDCONF=1,0",)  # no hex
    LOOK_UP = ('AT+UDNSRN=0,"{}"', b"+UDNSRN:")
    CLOSE = "AT+USOCL={}"
    SOCKETS = 7
    MORE = b"+UUSOR"  # D when one comes, F for what is left after a read
    DATA = ((b"+USORF:", 4, 0),)
    PAUSE_MS = 51  # 50, by any clock of whole ms
    to = None

    def context(self, apn, user, password):
        """Has SARA-R5's own address for its sockets; the others have one since they attached."""
        if b"SARA-R5" not in b"".join((yield from self.ask("AT+CGMM", b"")) or ()):
            return
        if (yield from self.ask("AT+UPSND=0,8", b"+UPSND:0,8,1")):
            return
        for command in ("AT+UPSD=0,0,0", "AT+UPSD=0,100,1"):  # IPv4, of the context 1
            yield from self.must(command)
        found = yield from self.must("AT+UPSDA=0,3", b"+UUPSDA:", 150_000, None)
        if found[0][:1] != b"0":
            self.said = found[0]
            raise self.lost("open")

    def open(self, host, port):
        """Opens a socket."""
        found = yield from self.ask("AT+USOCR=17", b"+USOCR:")
        if not found:
            return False
        self.socket = found[0].decode()
        self.to = '{},"{}",{}'.format(self.socket, host, port)
        self.peer = None if ":" in host else ",{},{},".format(host, port).encode()
        self.CLOSED = (b"+UUSOCL:" + found[0],)
        return True

    def send(self, datagram, release):
        """Sends one; the modem knows of no release."""
        command = "AT+USOST={},{}".format(self.to, len(datagram))
        return self.ask(command, None, 10_000, b"OK", datagram, b"@")

    def read(self):
        """Asks for what may wait."""
        return self.ask("AT+USORF={},1024".format(self.socket))
