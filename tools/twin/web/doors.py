"""What is there beside MQTT in one twin: CoAP's doors, HTTP's services, and their faults?"""

import functools
from pathlib import Path
from typing import Any

from tools.twin.clouds.alibaba.http import AlibabaHttp
from tools.twin.clouds.alibaba.mqtt import Alibaba
from tools.twin.clouds.alibaba.token import Tokens
from tools.twin.clouds.alibaba.uplink import Uplink
from tools.twin.clouds.request import Reply, Request
from tools.twin.clouds.throttle import Throttle
from tools.twin.clouds.watson.http import WatsonHttp
from tools.twin.clouds.watson.mqtt import Watson
from tools.twin.coap.doors import CoapDoors
from tools.twin.hub import control
from tools.twin.hub.control import Fault
from tools.twin.hub.hub import Hub
from tools.twin.options import Options
from tools.twin.web.faults import HttpFaults
from tools.twin.web.service import Service
from tools.twin.web.websocket_faults import WebSocketFaults


class HttpDoors:
    """Services by cloud. per_s: requests per second and device, 0 any.

    Of those whose doors speak HTTP, if only for WebSocket, which begins so.
    """

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
        answers = {"alibaba": rules.answer, "watson": watson_rules.answer}
        self.services = {
            cloud: Service(
                answers.get(cloud, _nothing),
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


def beside_mqtt(
    hub: Hub, certificate: Path, options: Options
) -> tuple[CoapDoors, HttpDoors, dict[str, Fault]]:
    """CoAP's and HTTP's ways in, and the faults of the tokens that both give out.

    certificate: PEM file with key and certificate, of DTLS.
    """
    cloud = hub.clouds["alibaba"]
    assert isinstance(cloud, Alibaba)
    uplink = Uplink(cloud)
    tokens = Tokens(options.token_life_s)
    coap = CoapDoors(hub, certificate, options.losses, tokens, uplink)
    http = HttpDoors(hub, tokens, uplink, options.http_per_s)
    faults = {
        "expire_tokens": control.quickly(lambda _: tokens.expire()),
        "forget_tokens": control.quickly(lambda _: tokens.forget()),
    }
    return coap, http, faults


async def _nothing(_request: Request) -> Reply:
    return Reply(404)
