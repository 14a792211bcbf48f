"""How does a device report to Alibaba Cloud IoT Platform over CoAP, one datagram out and one in?

    closed --begin--> opening --> open <--> asking, posting

While it is asking, the exchange is that of `/auth`, and a report that was taken waits; while it is
posting, it is that of the report. Where a token is known nothing is sent without a report, and a
handshake of DTLS goes with the first.

Each report is a POST to `/topic/...` that carries the token.  Two ways in: symmetric (AES, port
5682) and DTLS (5684, where the token is all).

Source: Alibaba "Establish communication over the CoAP protocol".
"""

import json
from binascii import hexlify

from micropython import const

from signet import clock
from signet.cloud.alibaba import post
from signet.cloud.alibaba.coap_access import Access, error_of
from signet.cloud.session import Session
from signet.errors import Lost, ProtocolError, Refused, Rejected, SignetError, TimedOut
from signet.modules import call

_JSON = const(50)
_CBOR = const(60)
_MESSAGE_ID = const(2090)
_LONGEST_ID = const(32)  # 19 digits in the document
_BATCH = const("signet.cloud.alibaba.coap_batch")

KEEPS_STATE = True

_UNAUTHORIZED = const((0x81, 0x82))  # 4.01; 4.02 is "token invalid" too
_REPORT_IS_BAD = const((0x80, 0x8D))  # 4.00, 4.13

_NO_MEMORY = ("lost", Lost("no memory"), ())  # made while there was some


class CoapSession(Session):
    """See cloud/session.py; nothing comes down on this way, and one report is in flight (NSTART).

    Args:
        config: dict from config.load.
        log: function of one str.
        state: device.state.State.
    """

    def __init__(self, config, log, state):
        self._config = config
        self._log = log
        self._access = Access(config, log, state)
        self._client = self._access.client
        self._prefix = "/sys/{}/{}/thing/".format(config["product_key"], config["device_name"])
        if config["format"] == "cbor":  # now the heap is in one piece
            from signet.wire import cbor  # noqa: F401
        self._state = "closed"
        self._deadline = None
        self._key = self._report = None  # the report that was taken
        self._encoded = None  # it as a topic and its payload, until it is sent
        self._last = False
        self._token_renewed = self._handshake_renewed = False  # for this report

    def begin(self, deadline):
        """Starts to open; `poll` goes on.  deadline: clock.Deadline, to find the server."""
        self.close()
        self._deadline = deadline
        self._state = "opening"

    def submit(self, key, report, last=False):
        """Takes one report, which `poll` sends.

        Args:
            key: int, the caller's name for it.
            report: messages.Report.
            last: bool, True when no other report waits: a radio may go after the reply.
        Returns:
            bool, False while it is not open, or another is on its way.
        Raises:
            Rejected: this report can never be sent; says why.
        """
        if self._report is not None:
            return self._key == key
        if self._state != "open":
            return False
        self._encoded = self._encode(report)
        self._key, self._report, self._last = key, report, last
        self._token_renewed = self._handshake_renewed = False
        return True

    def _encode(self, report):
        if report.topic is not None:
            return report.topic, report.body
        where = post.where(report)
        path = self._prefix + where
        body = post.body(report, where, str(report.id))
        if self._config["format"] == "cbor":
            from signet.wire import cbor

            body = cbor.dumps(json.loads(body))
        return path, body

    def batch(self, handover, key):
        """See cloud/session.py."""
        return call(_BATCH, "make", self._config, self._access, self._prefix, handover, key)

    def poll(self, timeout_ms):
        """Does what can be done and waits for one event: see cloud/session.py."""
        try:
            try:
                return self._turn(timeout_ms)
            except Rejected as error:
                return self._failed(error)
            except (SignetError, OSError) as error:
                went = self._state == "posting" and self._client.channel.opened()
                event = ("lost", error, [self._key] if went else ())
        except MemoryError:
            event = _NO_MEMORY
        self.close()
        self._access.doubt += 1
        return event

    def _turn(self, timeout_ms):
        access, client = self._access, self._client
        if self._state == "closed":
            return None
        if self._state == "opening":
            access.connect(self._deadline)
            self._state = "open" if access.token.find() else "asking"
            return ("opened",) if self._state == "open" else None
        if not client.exchange.busy:
            if self._state == "asking":
                access.log_in()
            elif self._report is not None:
                topic, payload = self._encoded or self._encode(self._report)
                self._encoded = None
                format = _CBOR if self._config["format"] == "cbor" else _JSON
                last = self._last and 1 + self._config["ack_mode"]
                if not access.post(("topic/" + topic).encode().split(b"/"), payload, format, last):
                    self._state = "asking"
                    return None
                self._state = "posting"
        event = client.poll(timeout_ms)
        if event is None:
            return None
        if event[0] == "failed":
            return self._unanswered(event[1])
        if event[0] != "response":
            return None
        if self._state == "asking":
            access.take(event[1])
            self._state = "open"
            return ("opened",) if self._report is None else None
        return self._answered(event[1])

    def _answered(self, message):
        code = message.code
        access = self._access
        self._state = "open"
        if code >> 5 == 2:
            access.prove()
            self._report = None
            return ("acked", self._key, self._read(message))
        unauthorized = code in _UNAUTHORIZED
        if unauthorized or not access.token.is_kept:  # AES: anybody may have granted that one
            access.token.drop()
        if unauthorized and not self._token_renewed:
            self._token_renewed = True
            self._state = "asking"
            return None
        report = self._report  # of a property post that is refused the device is
        is_plain = report.topic is None and report.event is None
        refused = unauthorized or (is_plain and code not in _REPORT_IS_BAD)
        error = error_of(message, "/topic", Refused if refused else Rejected)
        if isinstance(error, Refused):
            raise error
        return self._failed(error)

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
                value = value[:_LONGEST_ID]
                try:
                    text = value.decode()
                except UnicodeError:
                    text = ""
                return text if text.isdigit() else hexlify(value).decode()
        return None

    def _unanswered(self, error):
        asking = self._state == "asking"
        if isinstance(error, ProtocolError) and not asking:
            return self._failed(error)
        if not self._config["trust"] or asking or self._handshake_renewed:
            raise error
        if not isinstance(error, TimedOut):
            raise error
        # A DTLS server that forgot us, or an address that NAT has changed, is silence.
        self._handshake_renewed = True
        self._state = "open"
        self._client.close()
        self._access.connect(clock.Deadline(self._config.get("open_timeout_s", 30) * 1000))
        return None

    def _failed(self, error):
        self._client.exchange.cancel()  # a modem may refuse what was taken for it
        self._report = self._encoded = None
        self._state = "open"
        return ("failed", self._key, error)

    @property
    def busy(self):
        """bool, `poll(0)` has more to do at once, which no socket shows."""
        if self._client.exchange.busy:
            return self._client.channel.busy
        return self._state in ("opening", "asking") or self._report is not None

    def readable(self):
        """Returns the socket that shows when a datagram comes, or None."""
        channel = self._client.channel
        return None if channel is None else channel.readable()

    def close(self):
        """Closes the socket, and forgets what is in flight."""
        self._client.close()
        self._report = self._encoded = None
        self._state = "closed"


def session(config, log, state):
    """Returns the Session; config: dict from config.load, log: function of a str, state: State."""
    return CoapSession(config, log, state)
