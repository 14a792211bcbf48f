"""What does a request to Alibaba by CoAP carry, and to which server does it go?

Beside the token (token.py) two things outlive deep sleep and power cuts in `state`: the server's
`address`, and one counter `n` from which everything is counted that must never come twice:

    message id       n modulo 65536
    seq              seqOffset + n
    seq of /auth     n

Sources: Alibaba "Establish communication over the CoAP protocol"; Link SDK for C 4 (the lean
profile, the initialisation vector, how the key is made); RFC 7252.
"""

import hashlib
import os

from micropython import const

from signet.client.coap import CoapClient
from signet.cloud.alibaba.token import Token
from signet.errors import Lost, Refused, Rejected, SignetError
from signet.modules import call
from signet.wire import exact_json

_POST = const(2)
_SEQ = const(2089)
_TOKEN = const(2088)
_JSON = const(50)
_URI_HOST = const(3)
_URI_PORT = const(7)
_URI_PATH = const(11)
_CONTENT_FORMAT = const(12)
_ACCEPT = const(17)

_IV = const(b"543yhjy97ae7fyfg")
_RESERVED = const(32)  # numbers for one write to flash
LARGEST = const(1024)  # datagram that goes out, as in the C SDK
_LARGEST_ANSWER = const(384)  # to `/auth`, with the C SDK's longest token: 280
# How long a handshake may take: DTLS sends again after 1, 3, 7 and 15 s, whatever the link; and
# three times there and back, of which some are lost, where the link is slow.
_HANDSHAKE_MS = const(30_000)
_HANDSHAKE = const(15)  # times ack_timeout_ms


def error_of(*args):
    """Returns what an answer's code other than 2.xx means; args: see coap_codes.error_of."""
    return call("signet.cloud.alibaba.coap_codes", "error_of", *args)


def size_of(options):
    """Returns how many bytes a datagram with these options has at most, without its payload.

    Raises:
        Rejected: a segment of the path is too long.
    """
    size = 9
    for _, value in options:
        size += 3 + len(value)
        if len(value) > 255:  # RFC 7252 section 5.10
            raise Rejected("a topic segment has over 255 bytes")
    return size


def _random_number():
    return int.from_bytes(os.urandom(3), "big")


class Access:
    """The way to one server, and the right to use it.

    Args:
        config: dict from config.load.
        log: function of one str.
        state: device.state.State.
    Attributes:
        client: client.coap.CoapClient.
        token: token.Token.
        cipher: sign.aes.Cipher of the last report's token; None over DTLS.
        doubt: int, how often the server has not answered since it last did; count it.
    """

    def __init__(self, config, log, state):
        self._config = config
        self._state = state
        self._log = log
        self._number = None  # n, while the flash cannot be written
        self.client = CoapClient(0, config["ack_timeout_ms"], config["max_retransmit"], (_SEQ,))
        if config.get("modem"):  # now the heap is in one piece
            from signet.net.modem import channel  # noqa: F401
        else:
            from signet.net import datagram  # noqa: F401
        if config["trust"]:
            from signet.net import dtls  # noqa: F401
        else:
            from signet.sign import aes  # noqa: F401
        self.cipher = self._random = None
        self.doubt = 0
        self.token = Token(config, log, state)
        if state.damaged or "n" not in state.values:  # n may be an old one: not with this token
            state.keep({"n": _random_number(), "token": None}, log)
            state.damaged = False

    def connect(self, deadline):
        """Finds the server; nothing is sent to it.

        Args:
            deadline: clock.Deadline, which a name lookup may overrun.
        Raises:
            Lost: the name is unknown, or there is no network.
        """
        config = self._config
        known = self._state.values.get("address")
        # A modem's look-up fails later, and often: it takes turns with what is known.
        doubt = self.doubt & 1 if config.get("modem") else self.doubt
        address = config["address"] or (None if doubt else known)
        try:
            channel = self._channel(address or config["host"], deadline)
        except Lost:
            if address or not known:
                raise
            channel = self._channel(known, deadline)  # DNS often fails where UDP does not
        self.client.use(channel)
        if config["trust"]:
            from signet.net.dtls import DtlsChannel

            timeout_ms = max(_HANDSHAKE_MS, _HANDSHAKE * config["ack_timeout_ms"])
            self.client.use(DtlsChannel(channel, config["host"], config["trust"], timeout_ms))

    def _channel(self, host, deadline):
        config = self._config
        arguments = host, config["port"], deadline, _LARGEST_ANSWER, self.doubt
        if config.get("modem"):
            from signet.net.modem.channel import ModemChannel

            return ModemChannel(config["modem"], *arguments)
        from signet.net.datagram import UdpChannel

        return UdpChannel(*arguments)

    def prove(self):
        """Address and token have proved to be the server's: they outlive a reset from now on."""
        self.doubt = 0
        address = self.client.channel.address
        new = self._config["address"] is None and self._state.values.get("address") != address
        self.token.keep({"address": address} if new else {})

    def log_in(self):
        """Asks `/auth` for a token, and returns at once.

        The code that signs is loaded for it, and forgotten: before a handshake, which needs the
        heap too.
        """
        n = self._next()
        body = self.token.request(None if self._config["trust"] else str(n))
        self.client.request(_POST, self.options((b"auth",), _JSON), body)

    def take(self, message):
        """Takes the answer to `log_in`.

        Args:
            message: wire.coap.Message.
        Raises:
            Refused: identity; says what to check.
            Throttled, ProtocolError: see errors.
        """
        if message.code >> 5 != 2:
            raise error_of(message, "/auth", Refused)
        self.token.take(exact_json.parse("/auth", message.payload), not self._config["trust"])

    def post(self, path, payload, format, last):
        """Sends a report and returns at once.

        Args:
            path: list of bytes, "topic" and the segments of it; empty ones are left out.
            payload: bytes, in clear.
            format: int, its Content-Format.
            last: int, as in client.coap.
        Returns:
            bool, False when it needs another token first.
        Raises:
            Rejected: too large for a datagram, or a segment for an option.
            Lost: the network failed.
        """
        n = self._next()
        values = self.token.values
        if values is None:
            return False
        options = self.options(path, format, values["token"])
        if not self._config["trust"]:
            random = values["random"]
            if self._random != random:
                from signet.sign.aes import Cipher

                secret = self._config["device_secret"] + "," + random
                self.cipher = Cipher(hashlib.sha256(secret.encode()).digest()[8:24], _IV)
                self._random = random
            options.append((_SEQ, self.cipher.encrypt(str(values["offset"] + n).encode())))
            if len(payload) <= LARGEST:  # else there may be no memory for its like
                payload = self.cipher.encrypt(payload)
        size = size_of(options) + len(payload)
        most = min(LARGEST, self.client.channel.most)
        if size > most:
            raise Rejected("a datagram of {} bytes is too large, over {}".format(size, most))
        self.client.request(_POST, options, payload, last)
        return True

    def _next(self):
        """Returns an n (int) that was never used, and gives the message about to go its id."""
        n = self._number
        if n is None:
            try:
                n = self._state.reserve("n", _RESERVED)
            except SignetError as error:
                self._log("{}; counting in memory".format(error))
                # What no flash remembers is safe with a new token only.
                n = _random_number()
                self.token.drop()
                self._number = n + 1
        else:
            self._number += 1
        self.client.exchange.next_message_id = n & 0xFFFF
        return n

    def options(self, path, format, token=None):
        """Returns the options of a request, but for its `seq`: arguments as in `post`."""
        options = [(_URI_PATH, segment) for segment in path if segment]
        options.append((_CONTENT_FORMAT, bytes((format,))))
        if self._config["profile"] == "documented":
            port = self._config["port"]
            options = [
                (_URI_HOST, self._config["host"].encode()),
                (_URI_PORT, bytes((port >> 8, port & 255))),
            ] + options
            options.append((_ACCEPT, bytes((format,))))
        if token:
            options.append((_TOKEN, token.encode()))
        return options
