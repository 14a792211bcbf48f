"""What does the journal get of CoAP: each datagram taken apart, without what proves who asks?"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from typing import NamedTuple

from tools.twin.clouds.coap_request import Found
from tools.twin.coap import udp
from tools.twin.coap.udp import Address
from tools.twin.registry import mask
from tools.twin.registry.journal import Journal

_TYPES = ("CON", "NON", "ACK", "RST")
_REMEMBERED = 32  # messages of a peer, to know one that comes again


class Datagram(NamedTuple):
    """One message of RFC 7252. direction: "up" or "down". data: all of it. options: raw.

    again: whether it came or went before, as from `CoapTap.again`.
    """

    direction: str
    address: Address
    data: bytes
    options: Sequence[tuple[int, bytes]]
    payload: bytes
    again: bool


class _Peer:
    """One client. device: its label, once it is known."""

    def __init__(self) -> None:
        self.device: str | None = None
        self.seen: dict[str, deque[bytes]] = {d: deque(maxlen=_REMEMBERED) for d in ("up", "down")}


class CoapTap:
    """The records of one server. cloud, way: of its door. hidden: numbers of secret options."""

    def __init__(self, journal: Journal, cloud: str, way: str, hidden: Sequence[int] = ()) -> None:
        self._journal = journal
        self._cloud = cloud
        self._way = way
        self._hidden = hidden
        self._peers: OrderedDict[Address, _Peer] = OrderedDict()

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return self._journal.heard

    def opened(self, address: Address, version: str, suite: str) -> None:
        """A session of DTLS began. address: as the server behind it sees its client."""
        self._journal.add(
            "opened",
            connection="{}:{}".format(*address),
            cloud=self._cloud,
            way=self._way,
            peer="{}:{}".format(*address),
            tls={"version": version, "suite": suite},
            server_name=None,
            certificate=None,
        )

    def closed(self, address: Address) -> None:
        """That session is gone."""
        peer = self._peers.pop(address, None)
        self._journal.add(
            "closed",
            connection="{}:{}".format(*address),
            cloud=self._cloud,
            device=peer and peer.device,
            reason="the DTLS session ended",
        )

    def again(self, direction: str, address: Address, data: bytes) -> bool:
        """Whether a message came or went before; to be asked once, when it comes or goes."""
        if not self._journal.heard:
            return False
        peer = self._peers.setdefault(address, _Peer())
        self._peers.move_to_end(address)
        if len(self._peers) > udp.MOST_CLIENTS:
            self._peers.popitem(last=False)
        again = data[:4] in peer.seen[direction]
        peer.seen[direction].append(data[:4])
        return again

    def datagram(self, seen: Datagram, found: Found | None = None) -> None:
        """One message. found: what the rules know of it."""
        if not self._journal.heard:
            return
        direction, address, data, options, payload, again = seen
        peer = self._peers.setdefault(address, _Peer())
        if found is not None and found.device:
            peer.device = found.device
        plain = found.plain if found is not None else None
        self._journal.add(
            "coap",
            connection="{}:{}".format(*address),
            cloud=self._cloud,
            way=self._way,
            device=peer.device,
            direction=direction,
            type=_TYPES[data[0] >> 4 & 3],
            code=f"{data[1] >> 5}.{data[1] & 31:02}",
            mid=int.from_bytes(data[2:4], "big"),
            token=data[4 : 4 + (data[0] & 15)].hex(),
            options=[[number, self._shown(number, value)] for number, value in options],
            payload_hex=mask.body(payload).hex(),
            again=again,
            seq=found and found.seq,
            seq_hex=found.seq_text.hex() if found and found.seq_text is not None else None,
            plain_hex=plain if plain is None else mask.body(plain).hex(),
        )

    def _shown(self, number: int, value: bytes) -> str | dict[str, str]:
        if number in self._hidden:
            return mask.cover(value).decode()
        try:
            text = mask.body(value).decode()
            if text.isprintable():
                return text
        except UnicodeDecodeError:
            pass
        return {"hex": value.hex()}
