"""How does the gate stand in front of a broker, or a cluster of brokers, that somebody else runs?

Each board is a client of it, below the names of the clouds. What it has from before stays:
sessions, retained messages. So every board gets its session there when it logs in.
"""

import asyncio
import contextlib
import secrets
import ssl
import urllib.parse
from pathlib import Path
from typing import Self

from tools.twin.wire import packets
from tools.ui import UserError

_PORTS = {"mqtt": 1883, "mqtts": 8883}
_FORM = "mqtt://[USER:PASSWORD@]HOST[:PORT], or mqtts:// for TLS"
_TIMEOUT_S = 10.0
_TURNS = 64
_REFUSALS = {  # MQTT 3.1.1, section 3.2.2.3
    1: "it does not speak MQTT 3.1.1",
    2: "it does not take the client id",
    3: "it is not available",
    4: "user name or password is wrong",
    5: "the user may not connect",
}


class ExistingBroker:
    """See Broker. name: its URL without user and password.

    secured: for TLS, None without.
    """

    ours = False

    def __init__(
        self,
        host: str,
        port: int,
        login: tuple[str | None, bytes | None],
        secured: ssl.SSLContext | None,
    ) -> None:
        self.name = f"{'mqtts' if secured else 'mqtt'}://{host}:{port}"
        self.login = login
        self.turns = asyncio.Semaphore(_TURNS)
        self._address = host, port
        self._secured = secured

    @classmethod
    def of(cls, url: str, ca: Path | None) -> Self:
        """The one of a URL. ca: signs its certificate; None: one of the system's.

        raises: UserError for what is no such URL; it never shows the password.
        """
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise UserError(f"--broker is no URL; it is {_FORM}") from None
        if parts.scheme not in _PORTS or not host or parts.path.strip("/") or parts.query:
            raise UserError(f"--broker is not of the form {_FORM}")
        secured = None
        if parts.scheme == "mqtts":
            try:
                secured = ssl.create_default_context(cafile=ca)
            except (OSError, ssl.SSLError):
                raise UserError(f"--broker-ca {ca} holds no CA certificate in PEM") from None
        elif ca is not None:
            raise UserError("--broker-ca is for mqtts://")
        user = urllib.parse.unquote(parts.username) if parts.username else None
        password = urllib.parse.unquote_to_bytes(parts.password) if parts.password else None
        return cls(host, port or _PORTS[parts.scheme], (user, password), secured)

    async def start(self) -> None:
        """Log in once, to see that it lets the twin in. raises: UserError when it does not."""
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                reader, writer = await self.connect()
                with contextlib.closing(writer):
                    client_id = f"signet-twin-start-{secrets.token_hex(4)}"  # of several twins
                    hello = packets.Connect(4, client_id, True, 0, None, *self.login)
                    writer.write(hello.encode())
                    answer = await reader.readexactly(4)
        except (OSError, EOFError) as error:  # TimeoutError is of the former
            reason = getattr(error, "verify_message", "") or getattr(error, "strerror", "")
            reason = reason or ("it says nothing" if isinstance(error, TimeoutError) else "closed")
            raise UserError(f"the broker {self.name} does not answer: {reason}") from None
        if answer[0] >> 4 != packets.CONNACK or answer[3]:
            reason = _REFUSALS.get(answer[3], "it does not speak MQTT")
            raise UserError(f"the broker {self.name} refuses the twin: {reason}")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """See Broker."""
        async with asyncio.timeout(_TIMEOUT_S):  # a host that is silent: minutes, else
            return await asyncio.open_connection(*self._address, ssl=self._secured)

    async def kill(self) -> None:
        """raises: UserError."""
        raise UserError(f"the broker {self.name} is not the twin's own; end it where it runs")

    async def stop(self) -> None:
        """It goes on."""
