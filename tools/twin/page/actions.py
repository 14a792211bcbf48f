"""What may be done from a page to a running twin?

The same that control requests and the commands of `signet twin` and `signet pki` do, by the same
code.
"""

from collections.abc import Mapping
from typing import Any

from tools.twin.clouds.values import Ending
from tools.twin.faults import Fault
from tools.twin.hub.hub import Hub, NotDeliveredError
from tools.twin.page.boards import identity
from tools.twin.page.model import Model
from tools.twin.registry.certificates import POLICIES
from tools.twin.registry.store import Device
from tools.ui import UserError

_REPLY_TIMEOUT_S = 10.0


class Actions:
    """A running twin, behind its page. faults: what control requests may break.

    clouds: of the ready file. losses: the CoAP network's now.
    """

    def __init__(
        self,
        model: Model,
        hub: Hub,
        faults: Mapping[str, Fault],
        clouds: Mapping[str, Any],
    ) -> None:
        self._model = model
        self._hub = hub
        self._faults = faults
        self._clouds = clouds

    def refresh(self) -> None:
        """Have the model know what the registry has."""
        for device in self._hub.store.devices():
            self._know(device)

    def _know(self, device: Device) -> None:
        self._model.know(device.cloud, device.label, device.kind, device.enabled, device.gateway)

    def facts(self) -> dict[str, Any]:
        """What a page's state has of the twin."""
        return {
            "clouds": {
                name: {
                    "title": cloud.title,
                    "ways": self._clouds[name]["ways"],
                    "command_help": cloud.command_help,
                    "forms": dict(cloud.product_forms),
                    "policies": POLICIES if cloud.client_certificates == "by org" else [],
                }
                for name, cloud in self._hub.clouds.items()
            },
            "faults": {},
        }

    async def do(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """What a person wants done. raises: UserError."""
        match order["do"]:
            case "command":
                return await self._command(order)
            case "drop":
                await self._drop(self._device(order), "dropped on demand")
            case other:
                raise UserError(f"nothing is called {other!r} here")
        return {"done": True}

    def _device(self, order: Mapping[str, Any]) -> Device:
        wanted = order["board"]
        for device in self._hub.store.devices():
            if identity(device.cloud, device.label) == wanted:
                return device
        raise UserError(f"the registry has no {wanted!r}")

    async def _command(self, order: Mapping[str, Any]) -> dict[str, Any]:
        device = self._device(order)
        try:
            return await self._hub.command(
                device.cloud,
                order["name"],
                order.get("data") or {},
                device.label,
                _REPLY_TIMEOUT_S,
            )
        except NotDeliveredError as error:
            raise UserError(str(error)) from None

    async def _drop(self, device: Device, reason: str) -> None:
        for connection in tuple(self._hub.connections):
            client = connection.client
            if client and (client.device.cloud, client.device.label) == (
                device.cloud,
                device.label,
            ):
                await connection.end(reason, Ending.SERVER)
