"""What happens in a twin, as one stream of records: for whoever looks on, or keeps a trace."""

import time
from collections.abc import Callable
from typing import Any

Record = dict[str, Any]
"""What can be written as JSON. "what": its kind; "ms": milliseconds since 1970."""

Listener = Callable[[Record], None]


class Journal:
    """Hands each record to all who listen; without any it costs next to nothing.

    Records, by "what", beside "ms":

    - event: cloud, device, kind, text: a line for a person to read.
    - message: one that was filed, as `Store.messages` has it; told when it is on file. packet_id:
      of the MQTT packet that brought it, 0 with QoS 0; None where none did.
    - marked: id, status: that message has another status now.
    - opened: connection, cloud, way, peer, tls: {version, suite} or None, server_name,
      certificate: {subject, emails, issuer, serial, not_after_ms, chain} or None; chain: all that
      the client showed, as hex of DER, its own first. connection: a number, or of CoAP
      "host:port", as in those below. It is told once it is known what the connection speaks.
    - handshake: cloud, way, peer, server_name, hello_hex, answered, chain or None, alert or None,
      left: one that failed, right before the event that says why. way: of its door. hello_hex:
      what the client sent until it was answered. answered: whether it was. chain: as above, [] of
      one that said that it has none; None: it was not asked. alert: the number of the one that it
      sent. left: how it broke off, "closed" or "reset", or None.
    - login: connection, cloud, device, kind, client_id, keepalive_s, clean, policy: by MQTT.
    - refused: connection, cloud, device or None, code of CONNACK or None, mistake as a key of the
      cloud's `connack`, reason: by MQTT.
    - ended: connection, cloud, device or None: a device has closed its side; by MQTT.
    - closed: connection, cloud, device or None, reason.
    - packet: connection, cloud, device or None, direction "up" or "down", name as "PUBLISH", bytes
      as hex: one of MQTT. name "": what is no whole packet, when it is over. "PUBLISH": only where
      somebody wants those; a message tells of each, too.
    - http: connection, cloud, device or None, direction, headers, body_hex; "up" also method and
      path, "down" status. "up" comes before what the request leads to.
    - coap: connection, cloud, way, device or None, direction, type "CON", "NON", "ACK" or "RST",
      code as "0.02", mid, token as hex, options: [[number, text or {"hex"}], ...], payload_hex,
      again: whether that message came or went before, seq, seq_hex, plain_hex: what was encrypted
      in it (seq as a number and as it came), or None. A request comes right after the message
      records that it led to.
    - ready: clouds: {NAME: {WAY: port}}, issuers: {NAME: PEM of the CA of its devices}: every door
      is open.
    - command: cloud, device, name, data: an operator sends one.
    - fault: request, as `tools.twin.hub.control` has them.
    - changed: something in the registry, by this process.
    - line: cloud, device, text: a line that the board has printed; "ms" is when it came.

    What proves who somebody is stands in none of them: see `tools.twin.registry.mask`.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._want_publishes = 0

    @property
    def heard(self) -> bool:
        """Whether anybody listens: what costs something to tell need not be told to nobody."""
        return bool(self._listeners)

    @property
    def wants_publishes(self) -> bool:
        """Whether anybody wants packets of the name "PUBLISH"."""
        return self._want_publishes > 0

    def add(self, what: str, **facts: Any) -> None:
        """Tell all who listen. facts: what can be written as JSON."""
        if not self._listeners:
            return
        record = {"what": what, "ms": time.time_ns() // 1_000_000, **facts}
        for listener in tuple(self._listeners):
            listener(record)

    def listen(self, listener: Listener, *, publishes: bool = True) -> Callable[[], None]:
        """Have `listener` called with each record from now on; returns what ends that.

        publishes: whether it wants packets of the name "PUBLISH"; others may have it get them.
        """
        self._listeners.append(listener)
        self._want_publishes += publishes

        def end() -> None:
            self._listeners.remove(listener)
            self._want_publishes -= publishes

        return end
