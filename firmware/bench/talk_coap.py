"""What does Alibaba say to a device over CoAP?  RFC 7252, and the cloud's document."""

import peer_coap
from talk_mqtt import damaged

CON, NON, ACK, RST = range(4)
_TOKEN = (
    b'{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m37hp01w1SSqoDFzo0010500d00.ad2b"}'
)
_AUTHS = (
    _TOKEN,
    b'{"random":"","seqOffset":0,"token":"t"}',
    b'{"random":"ad2b3a5eb51d64f7","seqOffset":' + b"9" * 300 + b',"token":"t"}',
    b'{"random":"ad2b3a5eb51d64f7","seqOffset":-1,"token":"t"}',
    b'{"random":null,"seqOffset":1.5,"token":""}',
    b'{"random":"' + b"r" * 200 + b'","seqOffset":1,"token":"' + b"t" * 256 + b'"}',
    b'{"token":"only"}',
)
_CODES = (0x45, 0x45, 0x45, 0x44, 0x80, 0x81, 0x82, 0x83, 0x84, 0x8D, 0x8F, 0x9D, 0xA0, 0xA3)
_ID = (2090, b"1403211234567890123")
_OPTIONS = (
    (),
    (_ID,),
    ((2090, b"\xff\x00"),),
    ((14, b"\x05"),),
    ((14, b"\xff" * 8),),
    ((2089, b"0123456789abcdef"),),
    ((12, b"\x32"),),
    ((9, b""),),
)
_PAYLOADS = (b"", b"0123456789abcdef", b"0123456789abcdef" * 2, b"x" * 15)


class Coap:
    """A server.

    Args:
        random: mutate.Random. identity: dict, of device.json.
    """

    def __init__(self, random, identity):
        self.random = random
        self._number = 0
        self._requests = []  # the last, and the one before
        self.begin()

    def begin(self):
        """A new socket; the server knows nothing of it."""
        self._answers = []

    def sent(self, data):
        """Takes a datagram of the device."""
        message = peer_coap.decode(data)
        if message.type not in (CON, NON) or not message.code:
            return
        self._requests.insert(0, message)
        del self._requests[2:]
        answer = peer_coap.Message(ACK, 0x45, message.message_id, message.token)
        if self._is_login(message):
            answer.payload = _TOKEN
        else:
            answer.add_option(*_ID)
        self._answers.append(bytes(peer_coap.encode(answer)))

    @staticmethod
    def _is_login(request):
        return b"auth" in [option.value for option in request.options if option.number == 11]

    def answer(self):
        """Returns what the device waits for, or None."""
        return self._answers.pop(0) if self._answers else None

    def message(self):
        """Returns (kind, a datagram, whose content may be damaged)."""
        random = self.random
        if self._answers and not random.below(4):
            return "answer", self._answers.pop(0)
        if not self._requests or not random.below(16):
            return "ping", b"\x40\x00" + random.bytes(2)
        request = random.pick(self._requests)
        self._number = self._number + 1 & 0xFFFF
        kind = random.pick((ACK, ACK, ACK, ACK, CON, NON, RST))
        own = kind in (ACK, RST)
        message = peer_coap.Message(
            kind,
            0 if kind == RST or not random.below(16) else random.pick(_CODES),
            request.message_id if own else self._number,
        )
        if message.code:
            message.token = request.token
            for option in random.pick(_OPTIONS):
                message.add_option(*option)
            is_login = self._is_login(request)
            message.payload = random.pick(_AUTHS if is_login else _PAYLOADS)
            if is_login and random.below(2):
                message.payload = damaged(random, message.payload, random.pick(_AUTHS))
        return "response" if message.code else "empty message", bytes(peer_coap.encode(message))

    def report(self):
        """Returns a messages.Report."""
        from signet.reports.messages import Report

        event = "hot" if not self.random.below(4) else None
        return Report({"temperature": self.random.below(100)}, None, None, event)
