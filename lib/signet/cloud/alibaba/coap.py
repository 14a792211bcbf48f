"""How does a device report to Alibaba Cloud IoT Platform over CoAP, one datagram out and one in?

Each report is a POST to `/topic/...` that carries the token of coap_access.py.  Two ways in:
symmetric (AES, port 5682) and DTLS (5684, where the token is all).

Source: Alibaba "Establish communication over the CoAP protocol".
"""

import json
from binascii import hexlify

from micropython import const

from signet import clock
from signet.cloud.alibaba import post
from signet.cloud.alibaba.coap_access import Access, error_of
from signet.cloud.session import Session
from signet.errors import Lost, ProtocolError, Refused, Rejected, SignetError, Throttled, TimedOut

_JSON, _CBOR = const(50), const(60)
_MESSAGE_ID = const(2090)
_HANDSHAKE_MS = const(30_000)

KEEPS_STATE = True

_UNAUTHORIZED = (0x81, 0x82)  # 4.01; 4.02 is "token invalid" too
_REPORT_IS_BAD = (0x80, 0x8D)  # 4.00, 4.13


class CoapSession(Session):
    """The Session contract of DESIGN over CoAP; nothing comes down on this way.

    Args:
        config: dict from config.load.
        log: function of one str.
        state: device.state.State.
    Attributes:
        window: 1 (NSTART of RFC 7252).
    Raises:
        ConfigError: the firmware lacks the hash or the cipher that device.json asks for.
    """

    window = 1

    def __init__(self, config, log, state):
        self._config = config
        self._log = log
        self._access = Access(config, log, state)
        self._client = self._access.client
        self._cbor = None
        if config["format"] == "cbor":
            from signet.wire import cbor

            self._cbor = cbor
        self._key = self._id = None  # the report that was taken last, and its Alink id
        self._path = self._payload = None  # on its way
        self._is_plain = True  # a property post: if it is refused, the device is
        self._last = self._opened = False
        self._token_renewed = self._handshake_renewed = False  # for this report

    def begin(self, deadline):
        """As `open`, which still waits."""
        self.open(deadline)
        self._opened = True

    def open(self, deadline):
        """See coap_access.Access.open: nothing is sent when all is still known."""
        self._access.open(deadline)

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
        try:
            self._access.ensure_token()
        except MemoryError:  # not this report's fault
            raise Lost("no memory for a login")
        if self._key != key:
            self._key, self._id = key, str(self._access.reserve())
        path, payload = self._encode(report)
        self._is_plain = report.topic is None and report.event is None
        self._path, self._payload, self._last = path.encode().split(b"/"), payload, last
        self._token_renewed = self._handshake_renewed = False
        self._send()
        return True

    def _encode(self, report):
        if report.topic is not None:
            return report.topic, report.values
        where = post.where(report)
        path = "/sys/{}/{}/thing/{}".format(
            self._config["product_key"], self._config["device_name"], where
        )
        body = post.body(report, where, self._id)
        if self._cbor:
            body = self._cbor.dumps(json.loads(body))
        return path, body

    def _send(self):
        try:
            format = _CBOR if self._cbor else _JSON
            last = self._last and 1 + self._config["ack_mode"]
            self._access.post(self._path, self._payload, format, last)
        except Exception:  # or it would count as on its way for ever
            self._drop()
            raise

    def _drop(self):
        self._path = self._payload = None
        self._client.exchange.cancel()

    def poll(self, timeout_ms):
        """Waits for one event.

        Args:
            timeout_ms: int, 0 to only look.  Takes longer when the token has to be renewed.
        Returns:
            ("acked", key, the cloud's message id as str or None), ("failed", key, error),
            ("lost", error) or None.
        """
        if self._opened:
            self._opened = False
            return ("opened",)
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
        code = message.code
        if code in _UNAUTHORIZED and not self._token_renewed:
            self._token_renewed = True
            self._access.renew_token()
            self._send()
            return None
        self._drop()
        if code >> 5 == 2:
            self._access.keep_address()
            return ("acked", self._key, self._read(message))
        refused = code in _UNAUTHORIZED or (self._is_plain and code not in _REPORT_IS_BAD)
        error = error_of(message, "/topic", Refused if refused else Rejected)
        if isinstance(error, Refused):
            self._access.doubt = True
            return ("lost", error)
        return ("failed", self._key, error)

    def _read(self, message):
        """Returns the cloud's message id, or None; nothing beside a 2.xx takes it back."""
        payload = message.payload
        if payload:
            try:
                if self._access.cipher:
                    payload = self._access.cipher.decrypt(payload)
            except ProtocolError as error:
                payload = error
            self._log("answer: {!r}".format(payload))  # no document says what may be in it
        for number, value in message.options:
            if number == _MESSAGE_ID:
                try:
                    text = value.decode()
                except UnicodeError:
                    text = ""
                return text if text.isdigit() else hexlify(value).decode()
        return None

    def _unanswered(self, error):
        if self._config["trust"] and isinstance(error, TimedOut) and not self._handshake_renewed:
            # A DTLS server that forgot us, or an address that NAT has changed, is silence.
            self._handshake_renewed = True
            self._client.close()
            self._access.connect(clock.Deadline(_HANDSHAKE_MS))
            self._send()
            return None
        self._drop()
        self._access.doubt = True
        if isinstance(error, ProtocolError):  # the next answer may be in order
            return ("failed", self._key, Throttled(str(error)))
        return ("lost", error)

    def reply(self, command, value):
        """Commands do not come by this way."""

    def close(self):
        """Closes the socket; what is in flight stays in the caller's hands."""
        self._client.close()
        self._path = self._payload = None


def session(config, log, state):
    """Returns the Session; config: dict from config.load, log: function of a str, state: State."""
    return CoapSession(config, log, state)
