"""What does a replay ask a cloud: what proves now what a covered value proved in the trace?

All else of a login is as it was in the trace.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from cryptography import x509

from tools.twin.registry.kept import Kept
from tools.twin.registry.store import Store
from tools.twin.wire.packets import Connect


@dataclass(frozen=True, slots=True)
class Then:
    """How a login went in the trace. wrong: what proves who it is was refused there.

    later_ms: how much later it is now; times that the device sends are moved by that.
    """

    wrong: bool = False
    later_ms: int = 0


@dataclass(slots=True)
class Asked:
    """A request by HTTP or CoAP. headers: by lower-case name; none by CoAP."""

    path: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Again:
    """Nothing to prove; each cloud has its own. store: of the twin that is spoken to now.

    seq_option: the number of CoAP's option that is encrypted, too.
    Making one makes the cloud's tables there, where they are missing.
    """

    seq_option: ClassVar[int] = 0

    def __init__(self, store: Store) -> None:
        self.store = store
        Kept(store, "").secret("")

    def secret(self, table: str, row: Mapping[str, Any]) -> str:
        """A new one for a row of the registry."""
        return secrets.token_hex(16)

    def row(self, table: str, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row of the registry as it is to be here, but for secrets."""
        return row

    def remade(self, then: x509.Certificate, now: x509.Certificate) -> None:
        """What a board showed in the trace, and shows now; before it does."""

    def password(self, connect: Connect, then: Then) -> bytes | None:
        """That of a CONNECT; None: as it stands in the trace."""
        return None

    def payload(self, topic: str, payload: bytes) -> bytes:
        """That of a PUBLISH, with what proves who others are that it speaks for."""
        return payload

    def request(self, asked: Asked, then: Then) -> None:
        """Put what proves who asks into a request, save tokens."""

    def keys(self, body: Mapping[str, Any], label: str) -> Any:
        """What a login by CoAP has agreed on. body: of its answer."""
        return None

    def encrypted(self, keys: Any, plain: bytes) -> bytes:
        """What is sent by CoAP, where it is encrypted. keys: as from `keys`."""
        return plain
