"""What may be done from a page to a running twin?

The same that control requests and the commands of `signet twin` and `signet pki` do, by the same
code.
"""

import dataclasses
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tools.pki.authority import certificate_pem
from tools.pki.checks import read_ca
from tools.pki.names import common_names
from tools.twin.clouds import doors, registration
from tools.twin.faults import Fault
from tools.twin.hub import control
from tools.twin.hub.hub import Hub, NotDeliveredError
from tools.twin.options import Losses
from tools.twin.page.boards import Board, identity
from tools.twin.page.model import Model
from tools.twin.ready import ROLES, config_of
from tools.twin.registry.certificates import POLICIES, Certificates
from tools.twin.registry.store import Device
from tools.ui import UserError, one_of

_REPLY_TIMEOUT_S = 10.0

# Of what the next ones are swallowed, and the fault that does it.
_SWALLOWED = {
    "pubacks": "swallow_pubacks",
    "replies": "swallow_replies",
    "coap_replies": "swallow_coap_replies",
}

Order = Mapping[str, Any]
Answer = dict[str, Any]


class Actions:
    """A running twin, behind its page.

    faults: what control requests may break. clouds: of the ready file. losses: tells the present
    ones of the CoAP network. changed: called with a board of which something is otherwise now.
    """

    def __init__(
        self,
        model: Model,
        hub: Hub,
        faults: Mapping[str, Fault],
        clouds: Mapping[str, Any],
        losses: Callable[[], Losses],
    ) -> None:
        self._model = model
        self._hub = hub
        self._faults = faults
        self._clouds = clouds
        self._losses = losses
        self._certificates = Certificates(hub.store)
        self.changed: Callable[[Board], None] = lambda _: None
        self._seen: int | None = None
        self._orders: dict[str, Callable[[Order], Awaitable[Answer]]] = {
            "command": self._command,
            "drop": self._drop,
            "drop_all": self._drop_all,
            "expire_tokens": self._expire_tokens,
            "loss": self._loss,
            "swallow": self._swallow,
            "deny": self._deny,
            "allow": self._allow,
            "policy": self._policy,
            "ca": self._ca,
            "add": self._add,
            "device_json": self._device_json,
            "secret": self._secret,
        }

    def outdated(self) -> None:
        """The registry is otherwise now."""
        self._seen = None

    def refresh(self) -> None:
        """Have the model know what the registry has; cheap when that is as it was."""
        query = "PRAGMA data_version"  # counts what other processes have done
        seen = self._hub.store.database.execute(query).fetchone()[0]
        if seen == self._seen:
            return
        self._seen = seen
        policies: dict[str, dict[str, str]] = {}
        for device in self._hub.store.devices():
            policy = None
            if self._hub.clouds[device.cloud].client_certificates == "by org":
                org, _, type_id = device.product.partition("/")
                if org not in policies:
                    policies[org] = self._certificates.policies(org)
                policy = policies[org].get(type_id, policies[org][""])
            self._know(device, policy)

    def _know(self, device: Device, policy: str | None) -> None:
        known = self._model.boards.find(device.cloud, device.label)
        facts = device.kind, device.enabled, device.gateway, policy
        if known and facts == (known.kind, known.enabled, known.behind, known.policy):
            return
        board = self._model.know(device.cloud, device.label, *facts[:3])
        board.policy = policy
        self.changed(board)

    def facts(self) -> dict[str, Any]:
        """What a page's state has of the twin."""
        losses = self._losses()
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
            "faults": {
                "loss": losses.drop,
                "duplicate": losses.duplicate,
                "reorder": losses.reorder,
                "delay_ms": losses.delay_ms,
            },
        }

    async def do(self, order: Order) -> Answer:
        """What a person wants done. raises: UserError, or KeyError for what is not said."""
        act = self._orders.get(order["do"])
        if act is None:
            raise UserError(f"nothing is called {order['do']!r}; {one_of('', self._orders)}")
        return await act(order)

    def _device(self, order: Order) -> Device:
        wanted = str(order["board"])
        cloud, _, label = wanted.partition(" ")
        for device in self._hub.store.named(cloud, label.rpartition("/")[2]):
            if identity(device.cloud, device.label) == wanted:
                return device
        raise UserError(f"the registry has no {wanted!r}: add it first")

    # What breaks.

    async def _drop(self, order: Order) -> Answer:
        device = self._device(order)
        if device.label not in self._hub.online()[device.cloud]:
            raise UserError(f"{device.label} has no connection that could be dropped")
        return await self._break("drop_connections", cloud=device.cloud, device=device.label)

    async def _drop_all(self, order: Order) -> Answer:
        return await self._break("drop_connections", cloud=order.get("cloud"))

    async def _expire_tokens(self, _: Order) -> Answer:
        return await self._break("expire_tokens")

    async def _loss(self, order: Order) -> Answer:
        losses = dataclasses.replace(self._losses(), drop=float(order["share"]))
        return await self._break("set_losses", **dataclasses.asdict(losses))

    async def _swallow(self, order: Order) -> Answer:
        what = order["what"]
        if what not in _SWALLOWED:
            raise UserError(f"{what!r} cannot be swallowed; {one_of(what, _SWALLOWED)}")
        return await self._break(_SWALLOWED[what], n=int(order.get("n", 1)))

    async def _break(self, fault: str, **request: Any) -> Answer:
        await control.cause(self._hub, self._faults, {"do": "fault", "fault": fault, **request})
        return {"done": True}

    # What a cloud's operator does.

    async def _command(self, order: Order) -> Answer:
        device, data = self._device(order), order.get("data") or {}
        if not isinstance(data, dict):
            raise UserError("the parameters of a command are a JSON object")
        try:
            return await self._hub.command(
                device.cloud, str(order["name"]), data, device.label, _REPLY_TIMEOUT_S
            )
        except NotDeliveredError as error:
            raise UserError(str(error)) from None

    async def _deny(self, order: Order) -> Answer:
        device = self._device(order)
        self._enable(device, False)
        return await self._break("drop_connections", cloud=device.cloud, device=device.label)

    async def _allow(self, order: Order) -> Answer:
        self._enable(self._device(order), True)
        return {"done": True}

    def _enable(self, device: Device, enabled: bool) -> None:
        self._hub.store.enable(device, enabled)
        self.refresh()

    async def _policy(self, order: Order) -> Answer:
        org, type_id = str(order["product"]).partition("/")[0], str(order.get("type") or "")
        self._check_org(org)
        registration.check_type(self._hub.store, org, type_id)
        self._certificates.set_policy(org, order["policy"], type_id)
        self.refresh()
        return {"policies": self._certificates.policies(org)}

    async def _ca(self, order: Order) -> Answer:
        org = str(order["org"])
        self._check_org(org)
        certificate = read_ca(str(order["pem"]).encode())
        self._certificates.check_new_ca(org, certificate)
        name = " ".join(common_names(certificate)) or "from the page"
        number = self._certificates.add_ca(org, certificate_pem(certificate), name)
        return {"name": name, "id": number}

    def _check_org(self, org: str) -> None:
        registration.check_org(self._hub.store, org, "Add a device of it")

    async def _add(self, order: Order) -> Answer:
        names = (str(order.get(name) or "") for name in ("product", "name", "behind"))
        product, name, behind = names
        kind = str(order.get("kind") or "device")
        cloud = str(order["cloud"])
        device = registration.add(self._hub.store, cloud, kind, product, name, behind=behind)
        self.refresh()
        board = self._model.boards.get(device.cloud, device.label)
        return {"board": board.told(self._model.last_ms)}

    # What is shown on asking alone.

    async def _device_json(self, order: Order) -> Answer:
        device, way = self._device(order), order["way"]
        ways = self._clouds[device.cloud]["ways"]
        if way not in ways:
            raise UserError(f"{device.cloud} has no way {way!r}; {one_of(str(way), ways)}")
        role = next(role for role, kind in ROLES.items() if kind == device.kind)
        names = self._hub.clouds[device.cloud].identity(device)
        door = {**ways[way], "host": doors.host(device.cloud, way, device.product)}
        config = config_of(device.cloud, way, door, names, role)
        return {"device_json": config, "ca": bool(ways[way]["tls"]), "behind": device.gateway}

    async def _secret(self, order: Order) -> Answer:
        device = self._device(order)
        rules = self._hub.clouds[device.cloud]
        return {"secret": rules.identity(device)[rules.hidden]}
