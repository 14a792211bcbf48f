"""What does the journal get of one connection over TCP, whatever it speaks?"""

import itertools

from tools.pki.names import emails
from tools.twin.clouds.cloud import Cloud
from tools.twin.clouds.values import Client, RefusedError, Way
from tools.twin.registry.journal import Journal

_numbers = itertools.count(1)


class Tap:
    """One connection's records. number: of the connection, in this run.

    device: its label, once it has logged in. said: the last thing that was reported of it.
    """

    def __init__(self, journal: Journal, cloud: Cloud, way: Way) -> None:
        self.number = next(_numbers)
        self.device: str | None = None
        self.said = ""
        self.journal = journal
        self._cloud = cloud
        self._way = way
        self._opened = False

    def add(self, what: str, **facts: object) -> None:
        """One record."""
        self.journal.add(what, connection=self.number, cloud=self._cloud.name, **facts)

    def opened(self, protocol: str) -> None:
        """It is known what it speaks. protocol: "mqtt" or "http"."""
        if self._opened or not self.journal.heard:
            return
        self._opened = True
        way = self._way
        shown = None
        if (certificate := way.certificate) is not None:
            shown = {
                "subject": certificate.subject.rfc4514_string(),
                "emails": emails(certificate),
                "issuer": certificate.issuer.rfc4514_string(),
                "serial": f"{certificate.serial_number:x}",
                "not_after_ms": int(certificate.not_valid_after_utc.timestamp() * 1000),
                "chain": [der.hex() for der in way.shown],
            }
        self.add(
            "opened",
            way=("ws" if way.websocket else protocol) + ("s" if way.tls else ""),
            peer=way.peer,
            tls=way.suite and dict(zip(("version", "suite"), way.suite, strict=True)),
            server_name=way.server_name,
            certificate=shown,
        )

    def refused(self, refused: RefusedError) -> None:
        """The cloud does not let it in."""
        self.add(
            "refused",
            device=self.device,
            code=refused.code,
            mistake=refused.mistake,
            reason=str(refused),
        )

    def login(self, client: Client, keepalive_s: int, clean: bool) -> str:
        """Who has logged in by MQTT; returns how, for a person."""
        device = client.device
        self.device = device.label
        policy = None
        if self.journal.heard and self._cloud.client_certificates == "by org":
            org, _, type_id = device.product.partition("/")
            policy = self._cloud.certificates.policy(org, type_id)
        self.add(
            "login",
            device=device.label,
            kind=device.kind,
            client_id=client.client_id,
            keepalive_s=keepalive_s,
            clean=clean,
            policy=policy,
        )
        session = "clean session" if clean else "durable session"
        return f"{self._way.how}, keepalive {keepalive_s} s, {session}"

    def closed(self) -> None:
        """It is over: what was said last says why."""
        if self._opened:
            self.add("closed", device=self.device, reason=self.said)
