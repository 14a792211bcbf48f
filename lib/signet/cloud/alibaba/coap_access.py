"""How does a device come in to Alibaba by CoAP: server, DTLS, token, key, numbers used once?

What must outlive deep sleep and power cuts is in `state`: token, random, seqOffset, expiry, the
server's address, and one counter `n` from which everything is counted that must never come twice:

    message id       n modulo 65536
    seq              seqOffset + n
    seq of /auth     n
    Alink id         n, as text

Sources: Alibaba "Establish communication over the CoAP protocol"; Link SDK for C 4 (the lean
profile, the initialisation vector, how the key is made); RFC 7252.
"""

import hashlib
import os

from micropython import const

from signet import clock, modules
from signet.client.coap import CoapClient
from signet.cloud import thing
from signet.device.state import State
from signet.errors import ConfigError, Lost, Refused, Rejected, SignetError, Throttled
from signet.net.datagram import UdpChannel

_POST = const(2)
_SEQ = const(2089)
_TOKEN = const(2088)
_JSON = const(50)
_URI_HOST, _URI_PORT, _URI_PATH, _CONTENT_FORMAT = const(3), const(7), const(11), const(12)
_MAX_AGE, _ACCEPT = const(14), const(17)

_IV = b"543yhjy97ae7fyfg"
_TOKEN_LIFE_MS = const(604_800_000)  # seven days
_RESERVED = const(32)  # numbers for one write to flash
_LARGEST = const(1024)  # datagram that goes out, as in the C SDK
_LARGEST_ANSWER = const(384)  # to `/auth`, with the C SDK's longest token: 280
_STATE = "signet.state"

# The document's table, and what its codes mean in practice.
_MEANINGS = {
    0x80: "the payload is invalid",
    0x81: "unauthorized; check device_secret, product_key and device_name",
    0x83: "forbidden; check the topic and that the device is enabled",
    0x84: "no such path; check host and topic",
    0x85: "method not allowed",
    0x86: "the format is not supported",
    0x8F: "the format is not supported",
    0xA0: "error or time-out in the cloud",
}
_TOO_MANY = const(0x9D)  # 4.29


def error_of(message, what, refusal):
    """What a code other than 2.xx means: `refusal` for 4.xx, Throttled for 4.29 and 5.xx."""
    code = message.code
    text = "{}: {}.{:02d} {}".format(what, code >> 5, code & 31, _MEANINGS.get(code, ""))
    if code >> 5 == 4 and code != _TOO_MANY:
        return refusal(text, code)
    wait_ms = 0
    for number, value in message.options:
        if number == _MAX_AGE:
            wait_ms = min(int.from_bytes(value, "big"), 3600) * 1000
    return Throttled(text, wait_ms)


def _cipher(key):
    from signet.sign.aes import Cipher

    return Cipher(key, _IV)


def _random_number():
    return int.from_bytes(os.urandom(3), "big")


class Access:
    """The way to one server, and the right to use it.

    Args:
        config: dict from config.load.
        log: function of one str.
    Attributes:
        client: client.coap.CoapClient.
        cipher: sign.aes.Cipher of this token; None over DTLS.
        doubt: bool, set it when the address that is known may be the server's no more.
    Raises:
        ConfigError: the firmware lacks the hash or the cipher that device.json asks for.
    """

    def __init__(self, config, log):
        self._config = config
        self._log = log
        self._encrypted = config["trust"] is None
        self._state = State(_STATE)
        self._number = None  # n, while the flash cannot be written
        timeout_ms, retransmissions = config["ack_timeout_ms"], config["max_retransmit"]
        self.client = CoapClient(0, timeout_ms, retransmissions, (_SEQ,))
        # MAX_TRANSMIT_WAIT of RFC 7252 section 4.8.2
        self._longest_ms = timeout_ms * ((2 << retransmissions) - 1) * 3 // 2
        method = config["sign_method"][4:]
        if not hasattr(hashlib, method):
            raise ConfigError("sign_method", "this firmware has no " + method, "hmacsha256")
        if self._encrypted:
            _cipher(bytes(16))
        self.cipher = None
        self.doubt = False

    def open(self, deadline):
        """Finds the server, shakes hands (DTLS), gets a token; each only where it has none.

        Args:
            deadline: clock.Deadline of name lookup and handshake; `/auth` has the time of its
                retransmissions.
        Raises:
            Refused, Untrusted: identity or certificate; says what to check.
            Throttled, Lost, ProtocolError: see errors.
        """
        try:
            self._check_state()
            body = None if self._has_token() else self._login()
            if self.client.channel is None:
                self.connect(deadline)
            self._authenticate(body)
        except Exception:  # memory may have run out: nothing half open may stay
            self.doubt = True
            self.client.close()
            raise

    def _check_state(self):
        """Forgets what belonged to another device.json; n stays: its last ids may be known yet."""
        state = self._state
        if state.values.get("crc") != self._config["crc"]:
            self._save({"crc": self._config["crc"], "token": None, "address": None})
        if state.damaged or "n" not in state.values:  # n may be an old one: not with this token
            self._save({"n": _random_number(), "token": None})
            state.damaged = False

    def _save(self, changes):
        self._state.keep(changes, self._log)

    def connect(self, deadline):
        """Opens a channel to the server; deadline and errors as in `open`."""
        config = self._config
        known = self._state.values.get("address")
        address = config["address"] or (None if self.doubt else known)
        try:
            channel = self._channel(address or config["host"], deadline)
        except Lost:
            if address or not known:
                raise
            channel = self._channel(known, deadline)  # DNS often fails where UDP does not
        if config["trust"] is not None:
            from signet.net.dtls import DtlsChannel

            channel = DtlsChannel(channel, config["host"], config["trust"], deadline)
        self.client.use(channel)

    def _channel(self, host, deadline):
        return UdpChannel(host, self._config["port"], deadline, _LARGEST_ANSWER)

    def keep_address(self):
        """The address has proved to be the server's."""
        self.doubt = False
        address = self.client.channel.address
        if self._config["address"] is None and self._state.values.get("address") != address:
            self._save({"address": address})

    def ensure_token(self):
        """Gets a token unless there is one that lives; errors as in `open`."""
        self._authenticate(None if self._has_token() else self._login())

    def renew_token(self):
        """Gets a token instead of one that the cloud does not take; errors as in `open`."""
        self._save({"token": None})
        self._authenticate(self._login())

    def _has_token(self):
        values = self._state.values
        expires = values.get("expires")
        late = expires is not None and clock.is_set() and clock.unix_ms() > expires
        return values.get("token") is not None and not late

    def _login(self):
        """Builds the body of `/auth`.  The code that signs is loaded for it, and forgotten: before
        a handshake, which needs the heap too.
        """
        with modules.Tidy():
            from signet.cloud.alibaba import auth

            n = self._next()
            seq = str(n) if self._encrypted else None
            body = auth.request(self._config, clock.unix_ms(), seq)
            auth = None
            modules.forget(
                "signet.cloud.alibaba.auth", "signet.sign.signer", "signet.sign.content"
            )
        return body

    def _authenticate(self, body):
        """Sends `body`, unless it is None, to `/auth`; and has the key in any case."""
        if body is not None:
            options = self._options(b"auth", ()) + self._formats(_JSON)
            deadline = clock.Deadline(self._longest_ms)
            message = self.client.ask(_POST, options, body, deadline)
            if message.code >> 5 != 2:
                raise error_of(message, "/auth", Refused)
            self._keep(message.payload)
        if self._encrypted and self.cipher is None:
            secret = self._config["device_secret"] + "," + self._state.values["random"]
            self.cipher = _cipher(hashlib.sha256(secret.encode()).digest()[8:24])

    def _keep(self, answer):
        answer = thing.parse("/auth", answer)
        found = modules.call("signet.cloud.alibaba.auth", "granted", answer, self._encrypted)
        found["expires"] = clock.unix_ms() + _TOKEN_LIFE_MS if clock.is_set() else None
        self._save(found)
        self.cipher = None
        self.keep_address()
        self._log("authenticated")

    def reserve(self):
        """Returns a number (int) that was never used before; Lost when flash lets it down."""
        if self._number is not None:
            self._number += 1
            return self._number
        try:
            return self._state.reserve("n", _RESERVED)
        except SignetError as error:
            # What no flash remembers is safe with a new token only.
            self._number = _random_number()
            self._state.values["token"] = None
            raise Lost("{}; counting in memory".format(error))

    def post(self, path, payload, format, last):
        """Sends a report and returns at once.

        Args:
            path: list of bytes, the segments of the topic; empty ones are left out.
            payload: bytes, in clear.
            format: int, its Content-Format.
            last: int, as in client.coap.
        Raises:
            Rejected: too large for a datagram, or a segment for an option.
            Lost: the network failed.
        """
        values = self._state.values
        options = self._options(b"topic", path) + self._formats(format)
        options.append((_TOKEN, values["token"].encode()))
        n = self._next()
        if self._encrypted:
            options.append((_SEQ, self.cipher.encrypt(str(values["offset"] + n).encode())))
            payload = self.cipher.encrypt(payload)
        size = 9 + len(payload)
        for _, value in options:
            size += 3 + len(value)
            if len(value) > 255:  # RFC 7252 section 5.10
                raise Rejected("a topic segment has over 255 bytes")
        if size > _LARGEST:
            raise Rejected("a datagram of {} bytes is too large".format(size))
        self.client.request(_POST, options, payload, last)

    def _next(self):
        """Returns the next n, and gives the message that is about to go its id."""
        n = self.reserve()
        self.client.exchange.next_message_id = n & 0xFFFF
        return n

    def _options(self, first, rest):
        options = [(_URI_PATH, first)]
        for segment in rest:
            if segment:
                options.append((_URI_PATH, segment))
        if self._config["profile"] == "documented":
            port = self._config["port"]
            options = [
                (_URI_HOST, self._config["host"].encode()),
                (_URI_PORT, bytes((port >> 8, port & 255))),
            ] + options
        return options

    def _formats(self, number):
        value = bytes((number,))
        if self._config["profile"] == "documented":
            return [(_CONTENT_FORMAT, value), (_ACCEPT, value)]
        return [(_CONTENT_FORMAT, value)]
