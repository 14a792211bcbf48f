"""What does a board need that is to be a certain device or gateway of Watson's org?"""

import itertools
from collections.abc import Callable
from typing import Any

from host_tests.twin.certified import Org

WAYS = {"8883": "mqtts", "443": "mqtts", "wss": "wss"}
_SHOWN = {"token": (True, False), "certificate": (False, True), "both": (True, True)}
_NUMBERS = itertools.count(1)


class Member:
    """A device or gateway of the org, of a type of its own with this policy.

    config: makes a device.json, as the fixture of that name.
    """

    def __init__(
        self, org: Org, config: Callable[..., dict[str, Any]], policy: str, role: str = "device"
    ) -> None:
        number = next(_NUMBERS)
        self.org = org
        self._config = config
        self.role = role
        self.type_id, self.device_id = f"type-{number}", f"one-{number}"
        self.entry = org.add(role, self.type_id, self.device_id, policy)
        self.label = self.entry.label
        self.name = f"{role[0]}:{self.type_id}:{self.device_id}"

    def config(self, shown: str, port: str = "8883", **changes: Any) -> dict[str, Any]:
        """Its device.json. shown: "token", "certificate" or "both". port: a key of `WAYS`."""
        token, certificate = _SHOWN[shown]
        values = {
            "type_id": self.type_id,
            "device_id": self.device_id,
            "role": self.role,
            "token": self.entry.secret if token else None,
            "cert": "device.pem" if certificate else None,
        }
        if port == "443":
            values["port"] = self.org.twin.way("watson", "https")["port"]
        return self._config("watson", WAYS[port], **(values | changes))

    def files(self, name: str = "", **how: Any) -> dict[str, bytes]:
        """A certificate and its key, for the board; name: whose. how: see `Org.certificate`."""
        return {"/device.pem": self.org.certificate(name or self.name, **how).read_bytes()}
