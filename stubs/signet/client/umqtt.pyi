from collections.abc import Callable
from typing import Any

from umqtt import simple

class MQTTClient(simple.MQTTClient):
    def __init__(
        self,
        client_id: str,
        channel: Callable[[], Any],
        user: str | None = None,
        password: str | None = None,
        keepalive: int = 60,
        timeout_ms: int = 10_000,
    ) -> None: ...
    def connect(self, clean_session: bool = True) -> int: ...
    def set_last_will(self, topic: str, msg: str, retain: bool = False, qos: int = 0) -> None: ...
