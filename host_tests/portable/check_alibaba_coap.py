"""How is the CoAP session played with: what is below it, and what does the cloud answer?

The client plays a script; ciphertexts are those of `cryptography` (vectors/alibaba-coap.json).
"""

import json
from binascii import unhexlify

import check
from signet.cloud.alibaba import coap
from signet.device.state import State
from signet.errors import Lost, SignetError
from signet.net import datagram
from signet.reports.messages import Report
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
    busy = False

    def cancel(self):
        pass


class Client:
    """Answers `/auth` from a list; keeps what was sent as (code, options, payload, last)."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.events = []
        self.sent = []
        self.ids = []
        self.channel = None
        self.exchange = _Exchange()

    def use(self, channel):
        self.channel = channel

    def request(self, code, options, payload, last=None):
        self.sent.append((code, options, payload, last))
        self.ids.append(self.exchange.next_message_id)
        if options[-1][0] < 2088:  # no token
            answer = self.answers.pop(0)
            if isinstance(answer, MemoryError):
                raise answer
            failed = isinstance(answer, Exception)
            self.events.insert(0, ("failed" if failed else "response", answer))
        self.exchange.busy = True

    def poll(self, timeout_ms):
        if not self.events:
            return None
        self.exchange.busy = False
        return self.events.pop(0)

    def close(self):
        self.channel = None
        self.exchange.busy = False


class Channel:
    address = "192.0.2.7"
    busy = False
    most = 1152
    found = []
    unknown = None  # the name that DNS does not know
    is_open = True

    def __init__(self, host, port, deadline, largest, turn):
        self.turn = turn
        if host == self.unknown:
            raise Lost("cannot find " + host)
        self.found.append((host, port))

    def opened(self):
        return self.is_open


def no_memory(data):
    raise MemoryError("allocating")


def flash_full(*arguments):
    raise SignetError("not saved: is the flash full?")


def _without_dtls(channel, host, trust, timeout_ms):
    return channel


class Flash:
    state = None  # path of the state


def make(*answers, **changes):
    """A session on an empty flash, open."""
    Flash.state = check.scratch("signet.state")
    return again(*answers, **changes)


def again(*answers, **changes):
    """A session after a reboot, open."""
    datagram.UdpChannel = Channel
    if changes.get("trust"):
        from signet.net import dtls

        dtls.DtlsChannel = _without_dtls
    Channel.found.clear()
    session = bare(**changes)
    session._client = session._access.client = client = Client(*answers)
    begin(session)
    return session, client


def bare(state=None, **changes):
    """A session as it is made; what it logs is in `lines`."""
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
    session = coap.CoapSession(config, lines.append, State(state or Flash.state))
    session.lines = lines
    return session


def begin(session):
    """Opens it; raises what ends it."""
    session.begin(None)
    event = until(session)
    if event[0] == "lost":
        raise ended(event, SignetError)
    check.equal(event, ("opened",))


def ended(event, error_class, *keys):
    """The session must be lost, with these keys on the wire; returns the error."""
    kind, error, lost_keys = event
    assert kind == "lost" and isinstance(error, error_class), event
    assert tuple(lost_keys) == keys, lost_keys
    return error


def until(session):
    """Returns the next event."""
    for _ in range(5):
        event = session.poll(0)
        if event is not None:
            return event
    raise AssertionError("nothing happens")


def submit(session, key, report, last=False):
    """Hands over a report, and sends it; returns what ends that, or None."""
    assert session.submit(key, report, last)
    return session.poll(0)


def prove(session, client):
    """The cloud takes a report: only then token and address count over a reset."""
    submit(session, 0, Report({"t": 0}))
    client.events.append(("response", message(0x45)))
    check.equal(session.poll(0)[:2], ("acked", 0))
    client.sent.clear()


def values(options, number):
    return [value for each, value in options if each == number]


def start_at(session, n):
    session._access._state.save({"n": n})
