"""How does a device report to Alibaba Cloud IoT Platform over CoAP, one datagram out and one in?

`/auth` gives a token for seven days; each report is a POST to `/topic/...` that carries it.  Two
ways in: symmetric (AES, port 5682) and DTLS (5684, where the token is all).  What must outlive
deep sleep and power cuts is in `state`: token, random, seqOffset, expiry, the server's address,
and one counter `n` from which everything is counted that must never come twice:

    message id  n modulo 65536
    seq         seqOffset + n
    Alink id    n, as text

Sources: Alibaba "Establish communication over the CoAP protocol"; Link SDK for C 4 (the lean
profile, the initialisation vector); RFC 7252.
"""

import hashlib
import os
from binascii import hexlify

from micropython import const

from signet import clock, modules
from signet.client.coap import CoapClient
from signet.cloud.alibaba import post
from signet.errors import (
    ConfigError,
    Lost,
    ProtocolError,
    Refused,
    Rejected,
    SignetError,
    Throttled,
    TimedOut,
)
from signet.net.datagram import UdpChannel
from signet.state import State

_POST = const(2)
_URI_HOST, _URI_PORT, _URI_PATH, _CONTENT_FORMAT = const(3), const(7), const(11), const(12)
_MAX_AGE, _ACCEPT = const(14), const(17)
_TOKEN, _SEQ, _MESSAGE_ID = const(2088), const(2089), const(2090)
_JSON, _CBOR = const(50), const(60)

_IV = b"543yhjy97ae7fyfg"
_TOKEN_LIFE_MS = const(604_800_000)  # seven days
_RESERVED = const(32)  # numbers for one write to flash
_LARGEST = const(1024)  # datagram that goes out, as in the C SDK
_OVERHEAD = const(320)  # options with the longest token and names
_LARGEST_ANSWER = const(512)  # to `/auth`, with the longest token: 280
_HANDSHAKE_MS = const(30_000)
_STATE = "signet.state"

# The document's table.  In answer to /auth every 4.xx refuses the device.
_UNAUTHORIZED = (0x81, 0x82)  # 4.01; 4.02 is "token invalid" in practice
_MEANINGS = {
    0x80: "the payload is invalid",
    0x81: "unauthorized; check device_secret, product_key and device_name",
    0x82: "token or option not understood",
    0x83: "forbidden; check the topic and that the device is enabled",
    0x84: "no such path; check host and topic",
    0x85: "method not allowed",
    0x86: "the format asked for is not supported",
    0x8F: "the format sent is not supported",
    0xA0: "error or time-out in the cloud",
}
_TOO_MANY = const(0x9D)  # 4.29


def _error(message, what, refusal):
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


class CoapSession:
    """The Session contract of DESIGN over CoAP; nothing comes down on this way.

    Args:
        config: dict from config.load.
        log: function of one str.
    Attributes:
        window: 1 (NSTART of RFC 7252).
    Raises:
        ConfigError: the firmware lacks the hash or the cipher that device.json asks for.
    """

    window = 1

    def __init__(self, config, log):
        self._config = config
        self._log = log
        self._encrypted = config["trust"] is None
        self._state = State(_STATE)
        timeout_ms, retransmissions = config["ack_timeout_ms"], config["max_retransmit"]
        known = _TOKEN, _SEQ, _MESSAGE_ID
        self._client = CoapClient(0, timeout_ms, retransmissions, known)
        # MAX_TRANSMIT_WAIT of RFC 7252 section 4.8.2
        self._longest_ms = timeout_ms * ((2 << retransmissions) - 1) * 3 // 2
        method = config["sign_method"][4:]
        if not hasattr(hashlib, method):
            raise ConfigError("sign_method", "this firmware has no " + method, "hmacsha256")
        if self._encrypted:
            _cipher(bytes(16))
        self._cipher = None
        self._key = self._id = None  # the report that was taken last, and its Alink id
        self._path = self._payload = None  # on its way
        self._last = False
        self._renewed = self._reopened = False  # for this report

    def open(self, deadline):
        """Finds the server, shakes hands (DTLS), gets a token; each only where it has none.

        Args:
            deadline: clock.Deadline of name lookup and handshake; `/auth` has the time of its
                retransmissions.
        Raises:
            Refused, Untrusted: identity or certificate; says what to check.
            Throttled, Lost, ProtocolError: see errors.
        """
        self._remember_who()
        if self._client.channel is None:
            self._connect(deadline)
        self._ensure_token()

    def _remember_who(self):
        """Forgets what belongs to another identity; n stays: its last ids may still be known."""
        config, state = self._config, self._state
        names = ("host", "tls", "product_key", "device_name", "device_secret")
        digest = hashlib.sha256("\n".join([str(config[name]) for name in names]).encode()).digest()
        who = hexlify(digest[:4]).decode()
        if state.values.get("who") != who:
            state.save({"who": who, "token": None, "address": None})
        if "n" not in state.values:
            state.save({"n": int.from_bytes(os.urandom(3), "big")})

    def _connect(self, deadline):
        config, state = self._config, self._state
        address = config["address"] or state.values.get("address")
        channel = UdpChannel(address or config["host"], config["port"], deadline, _LARGEST_ANSWER)
        if address is None:
            state.save({"address": channel.address})
        if config["trust"] is not None:
            from signet.net.dtls import DtlsChannel

            try:
                channel = DtlsChannel(channel, config["host"], config["trust"], deadline)
            except Lost:
                self._forget_address()
                raise
        self._client.use(channel)

    def _forget_address(self):
        """The server may have moved: the next attempt asks DNS again."""
        if self._state.values.get("address") is not None:
            self._state.save({"address": None})

    def _ensure_token(self):
        values = self._state.values
        expires = values.get("expires")
        late = expires is not None and clock.is_set() and clock.unix_ms() > expires
        if values.get("token") is None or late:
            self._authenticate()
        elif self._encrypted and self._cipher is None:
            self._set_key()

    def _authenticate(self):
        """Gets a token.  The code for it is loaded, and forgotten."""
        with modules.Tidy():
            from signet.cloud.alibaba import auth

        try:
            n = self._next()
            body = auth.request(
                self._config, clock.unix_ms(), str(n & 0xFFF) if self._encrypted else None
            )
            options = self._options(b"auth", ()) + self._formats(_JSON)
            deadline = clock.Deadline(self._longest_ms)
            message = self._client.ask(_POST, options, body, deadline)
            if message.code >> 5 != 2:
                raise _error(message, "/auth", Refused)
            found = auth.answer(message.payload, self._encrypted)
        except TimedOut:
            self._forget_address()
            raise
        finally:
            auth = None
            modules.forget("signet.cloud.alibaba.auth", "signet.sign.hmac", "signet.sign.content")
        found["expires"] = clock.unix_ms() + _TOKEN_LIFE_MS if clock.is_set() else None
        self._state.save(found)
        self._log("authenticated")
        if self._encrypted:
            self._set_key()

    def _set_key(self):
        secret = self._config["device_secret"] + "," + self._state.values["random"]
        self._cipher = _cipher(hashlib.sha256(secret.encode()).digest()[8:24])

    def _next(self):
        """Returns the next n, and gives the message that is about to go its id."""
        n = self._state.reserve("n", _RESERVED)
        self._client.exchange.next_message_id = n & 0xFFFF
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

    def submit(self, key, report, last=False):
        """Hands one report to the wire.

        Args:
            key: int, the caller's name for it.
            report: messages.Report.
            last: bool, True when no other report waits: a radio may go after the reply.
        Returns:
            bool, False while another is on its way.
        Raises:
            Rejected: this report can never be sent; says why.
            Refused, Throttled, Lost, ProtocolError: no token, or the network failed; not taken.
        """
        if self._path is not None:
            return self._key == key
        self._ensure_token()
        if self._key != key:
            self._key, self._id = key, str(self._state.reserve("n", _RESERVED))
        path, payload = self._encode(report)
        if len(path) + len(payload) > _LARGEST - _OVERHEAD:
            raise Rejected("{} bytes are more than one datagram takes".format(len(payload)))
        self._path, self._payload, self._last = path.encode().split(b"/"), payload, last
        self._renewed = self._reopened = False
        self._send()
        return True

    def _encode(self, report):
        if report.topic is not None:
            return report.topic, report.values
        where = post.where(report)
        path = "/sys/{}/{}/thing/{}".format(
            self._config["product_key"], self._config["device_name"], where
        )
        if self._config["format"] == "json":
            return path, post.body(report, where, self._id)
        from signet.wire import cbor

        try:
            return path, cbor.dumps(post.request(report, where, self._id))
        except ValueError as error:
            raise Rejected(str(error))

    def _send(self):
        format = _JSON if self._config["format"] == "json" else _CBOR
        options = self._options(b"topic", self._path) + self._formats(format)
        options.append((_TOKEN, self._state.values["token"].encode()))
        payload = self._payload
        n = self._next()
        if self._encrypted:
            seq = str(self._state.values["offset"] + n)
            options.append((_SEQ, self._cipher.encrypt(seq.encode())))
            payload = self._cipher.encrypt(payload)
        self._client.request(_POST, options, payload, self._last and not self._config["ack_mode"])

    def poll(self, timeout_ms):
        """Waits for one event.

        Args:
            timeout_ms: int, 0 to only look.  Takes longer when the token has to be renewed.
        Returns:
            ("acked", key, the cloud's message id as str or None), ("failed", key, error),
            ("lost", error) or None.
        """
        try:
            event = self._client.poll(timeout_ms)
            if event is None:
                return None
            if event[0] == "response":
                return self._answered(event[1])
            if event[0] == "failed":
                return self._unanswered(event[1])
            return None
        except SignetError as error:
            return ("lost", error)

    def _answered(self, message):
        if self._path is None:
            return None
        if message.code in _UNAUTHORIZED and not self._renewed:
            self._renewed = True
            self._state.save({"token": None})
            self._authenticate()
            self._send()
            return None
        key = self._key
        self._path = self._payload = None
        if message.code >> 5 == 2:
            return ("acked", key, self._read(message))
        if message.code == _UNAUTHORIZED[0]:
            return ("lost", _error(message, "/topic", Refused))
        return ("failed", key, _error(message, "/topic", Rejected))

    def _read(self, message):
        """Returns the cloud's message id, or None; nothing beside a 2.xx takes it back."""
        if message.payload and self._encrypted:
            try:
                self._cipher.decrypt(message.payload)
            except ProtocolError as error:
                self._log("dropped the payload of an answer: {}".format(error))
        for number, value in message.options:
            if number == _MESSAGE_ID:
                try:
                    return str(
                        int(value.decode())
                    )  # digits; what else it may be is not documented
                except (ValueError, UnicodeError):
                    return hexlify(value).decode()
        return None

    def _unanswered(self, error):
        if not self._encrypted and isinstance(error, TimedOut) and not self._reopened:
            # A DTLS server that forgot us, or an address that NAT has changed, is silence.
            self._reopened = True
            self._client.close()
            self._connect(clock.Deadline(_HANDSHAKE_MS))
            self._send()
            return None
        self._forget_address()
        self._path = self._payload = None
        return ("lost", error)

    def reply(self, command, value):
        """Commands do not come by this way."""

    def close(self):
        """Closes the socket; what is in flight stays in the caller's hands."""
        self._client.close()
        self._path = self._payload = None


def session(config, log):
    """Returns the Session; config: dict from config.load, log: function of one str."""
    return CoapSession(config, log)
