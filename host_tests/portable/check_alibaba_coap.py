"""How is the CoAP session played with: what is below it, and what does the cloud answer?

The client plays a script; ciphertexts are those of `cryptography` (vectors/alibaba-coap.json).
"""

import json
from binascii import unhexlify

import check
from signet.cloud.alibaba import coap, coap_access
from signet.device.state import State
from signet.errors import Lost, SignetError
from signet.net import dtls
from signet.wire.coap import Message

VECTORS = check.vectors("alibaba-coap")
SECRET = VECTORS["device_secret"]
AUTH = json.dumps({"random": VECTORS["random"], "seqOffset": 1000, "token": "t0k3n"}).encode()


def encrypted(text):
    return unhexlify(VECTORS["encrypted"][text])


def message(code, payload=b"", options=()):
    return Message(2, code, 0, b"", options, payload)


class _Exchange:
    next_message_id = 0

    def cancel(self):
        pass


class Client:
    """Answers from lists; keeps what was sent as (code, options, payload, last)."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.events = []
        self.sent = []
        self.ids = []
        self.channel = None
        self.exchange = _Exchange()
        self.busy = False

    def use(self, channel):
        self.channel = channel

    def ask(self, code, options, payload, deadline):
        self._keep(code, options, payload, None)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def request(self, code, options, payload, last=False):
        self._keep(code, options, payload, last)

    def _keep(self, code, options, payload, last):
        self.sent.append((code, options, payload, last))
        self.ids.append(self.exchange.next_message_id)

    def poll(self, timeout_ms):
        return self.events.pop(0) if self.events else None

    def close(self):
        self.channel = None


class Channel:
    address = "192.0.2.7"
    opened = []
    unknown = None  # the name that DNS does not know

    def __init__(self, host, port, deadline, largest):
        if host == self.unknown:
            raise Lost("cannot find " + host)
        self.opened.append((host, port))


def no_memory(data):
    raise MemoryError("allocating")


def flash_full(*arguments):
    raise SignetError("not saved: is the flash full?")


def _without_dtls(channel, host, trust, deadline):
    return channel


class Flash:
    state = None  # path of the state


def make(*answers, **changes):
    """A session on an empty flash, open."""
    Flash.state = check.scratch("signet.state")
    return again(*answers, **changes)


def again(*answers, **changes):
    """A session after a reboot."""
    config = {
        "host": "pk.coap.example.com",
        "address": None,
        "port": 5682,
        "tls": False,
        "trust": None,
        "way": "coap",
        "product_key": "pk",
        "device_name": "dn",
        "device_secret": SECRET,
        "client_id": "pk.dn",
        "sign_method": "hmacsha256",
        "timestamp": False,
        "ack_mode": 0,
        "format": "json",
        "profile": "lean",
        "ack_timeout_ms": 2000,
        "max_retransmit": 4,
    }
    config.update(changes)
    config["crc"] = config["device_name"] + config["device_secret"]  # as a change of the file
    lines = []
    coap_access.UdpChannel = Channel
    dtls.DtlsChannel = _without_dtls
    Channel.opened.clear()
    session = coap.CoapSession(config, lines.append, State(Flash.state))
    session._client = session._access.client = client = Client(*answers)
    session.lines = lines
    session.open(None)
    return session, client


def values(options, number):
    return [value for each, value in options if each == number]


def start_at(session, n):
    session._access._state.save({"n": n})
