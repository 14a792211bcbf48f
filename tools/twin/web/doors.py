"""Which HTTP services has a twin, and how may they be broken?"""

import functools
from typing import Any

from tools.twin.clouds.http_request import Reply, Request
from tools.twin.clouds.throttle import Throttle
from tools.twin.clouds.ways import HTTP
from tools.twin.faults import Fault
from tools.twin.hub.hub import Hub
from tools.twin.web.faults import HttpFaults
from tools.twin.web.service import Service
from tools.twin.web.websocket_faults import WebSocketFaults


class HttpDoors:
    """Services by cloud. per_s: requests per second and device, 0 any.

    Of those whose doors speak HTTP, if only for WebSocket, which begins so.
    """

    def __init__(self, hub: Hub, per_s: float) -> None:
        self._orders = HttpFaults({cloud: rules.paths for cloud, rules in HTTP.items()})
        answers = {
            cloud: rules(
                hub.clouds[cloud],
                hub,
                Throttle(per_s),
                functools.partial(self._orders.answer, cloud),
            ).answer
            for cloud, rules in HTTP.items()
        }

        async def answer(cloud: str, request: Request) -> Reply:
            await hub.store.batch.turn()  # not in the rules, where it would hold up others
            return await answers[cloud](request)

        self._websocket = WebSocketFaults()
        self.services = {
            cloud: Service(
                functools.partial(answer, cloud) if cloud in answers else _nothing,
                functools.partial(self._orders.misbehaviour, cloud),
                functools.partial(hub.report, cloud),
                misbehaviours=self._websocket,
                websocket_path=each.websocket_path,
            )
            for cloud, each in hub.clouds.items()
            if any("http" in door.speaks for door in each.doors)
        }

    def counts(self) -> dict[str, Any]:
        """Connections and requests since the start, by cloud."""
        return {cloud: service.counts for cloud, service in self.services.items()}

    def faults(self) -> dict[str, Fault]:
        """What control requests may break."""
        return {**self._orders.faults(), **self._websocket.faults()}


async def _nothing(_request: Request) -> Reply:
    return Reply(404)
