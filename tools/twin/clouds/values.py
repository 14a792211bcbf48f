"""What do the gate and a cloud tell each other of a client, a report, a command?"""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509

from tools.twin.registry.store import Device
from tools.twin.wire.packets import Publish

TopicRules = Mapping[str, tuple[str, ...]]
"""By kind of client: topics, in the notation of tools.twin.wire.topics."""


class RefusedError(Exception):
    """The cloud does not let this client in.

    code: the CONNACK code, or None to close without one. The text says what a firmware engineer
    should mend; it never holds a secret. mistake: a key of the cloud's `connack`.
    client: who it said it was, where the cloud tells applications of that.
    """

    def __init__(self, code: int | None, mistake: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.mistake = mistake
        self.client: Client | None = None


class BadCommandError(Exception):
    """The command cannot be built; the text says why."""


@dataclass(slots=True)
class Way:
    """How the client came in: over TLS or not, under which server name (SNI), on which port.

    certificate: the one that it showed, and that a CA of its cloud or org has signed; where the
    cloud takes any, above: those that it showed with it. shown: DER of all that it showed, its own
    first, where that one counts.
    cas: the ids of that org's CAs when it did. suite: version and cipher suite of TLS.
    websocket: whether it speaks MQTT in WebSocket's messages.
    """

    tls: bool
    port: int
    server_name: str | None = None
    peer: str = ""
    websocket: bool = False
    certificate: x509.Certificate | None = None
    cas: frozenset[int] = frozenset()
    above: tuple[x509.Certificate, ...] = ()
    shown: tuple[bytes, ...] = ()
    suite: tuple[str, str] | None = None

    @property
    def how(self) -> str:
        """What carries MQTT, for a person."""
        return ("WebSocket over " if self.websocket else "") + ("TLS" if self.tls else "TCP")


@dataclass(slots=True)
class Client:
    """A client that the cloud has let in.

    session: the broker's client id and the key of eviction: one live connection each.
    kind: which row of the cloud's rule tables holds for it. names: what fills `{name}` in rules.
    pushed: filters that the cloud subscribes for the device by itself.
    first: what the cloud tells it as soon as it is there; topic is the broker's.
    closes: whether a wrong topic closes the connection. clean: its session ends with it, whatever
    it asked for. good_for_s: after which the gate closes it, as that of a token that ends; None:
    never.
    """

    device: Device
    session: str
    kind: str = "device"
    names: Mapping[str, str] = field(default_factory=dict)
    pushed: tuple[str, ...] = ()
    first: Publish | None = None
    closes: bool = False
    client_id: str = ""
    keepalive_s: int = 0
    clean: bool = False
    good_for_s: float | None = None


class Ending(enum.Enum):
    """Why a connection ends, or would for most clients; each cloud has its own numbers."""

    GOODBYE = "the client says goodbye"
    CLIENT = "the client breaks off, or breaks the protocol"
    SERVER = "the cloud ends it"
    SILENCE = "nothing is heard for too long"
    REPLACED = "the same client comes again"
    TOPIC = "a topic that the client may not use"
    FOREIGN = "a topic of a device that the client may not act for"
    SIZE = "a message that is too large"


@dataclass(slots=True)
class Verdict:
    """What the cloud makes of a report: how it is filed, and what it answers, if anything.

    parts: the reports in it, where it holds several: each is filed as if it had come alone.
    """

    status: str = "stored"
    reason: str = ""
    reply: Publish | None = None
    parts: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Order:
    """A command on its way: the topic as the device sees it, and where its reply will come.

    qos: 0 for one that no durable session queues. kept: the cloud keeps what it says for a device
    that asks later.
    """

    topic: str
    payload: bytes
    reply_topic: str | None = None
    message_id: str | None = None
    qos: int = 1
    kept: bool = False
