"""What makes up the HTTPS services of one twin: rules, tokens, throttling, faults?"""

import functools
from typing import Any

from tools.twin.clouds.alibaba_http import AlibabaHttp
from tools.twin.clouds.alibaba_token import Tokens
from tools.twin.clouds.alibaba_uplink import Uplink
from tools.twin.clouds.watson import Watson
from tools.twin.clouds.watson_http import WatsonHttp
from tools.twin.control import Fault
from tools.twin.http import Service
from tools.twin.http_faults import HttpFaults
from tools.twin.hub import Hub
from tools.twin.throttle import Throttle
from tools.twin.websocket_faults import WebSocketFaults


class HttpDoors:
    """Both clouds' services. services: by cloud. per_s: requests per second and device, 0 any."""

    def __init__(self, hub: Hub, tokens: Tokens, uplink: Uplink, per_s: float) -> None:
        watson = hub.clouds["watson"]
        assert isinstance(watson, Watson)
        rules = AlibabaHttp(
            uplink,
            tokens,
            Throttle(per_s),
            platform_up=lambda: hub.platform.up,
            report=functools.partial(hub.report, "alibaba"),
            ordered=lambda path: self._orders.answer("alibaba", path),
        )
        self._orders = HttpFaults(rules.spell_info)
        self._websocket = WebSocketFaults()
        ordered = functools.partial(self._orders.answer, "watson")
        watson_rules = WatsonHttp(hub, watson, Throttle(per_s), ordered)
        self.services = {
            cloud: Service(
                answer,
                functools.partial(self._orders.misbehaviour, cloud),
                functools.partial(hub.report, cloud),
                misbehaviours=self._websocket,
            )
            for cloud, answer in (("alibaba", rules.answer), ("watson", watson_rules.answer))
        }

    def counts(self) -> dict[str, Any]:
        """Connections and requests since the start, by cloud."""
        return {cloud: service.counts for cloud, service in self.services.items()}

    def faults(self) -> dict[str, Fault]:
        """What control requests may break."""
        return {**self._orders.faults(), **self._websocket.faults()}
