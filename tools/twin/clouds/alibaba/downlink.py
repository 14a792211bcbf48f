"""Which commands wait for a device of Alibaba that asks for them by CoAP?

Source: the C SDK 4's `aiot_coap_request_message`: POST /pull with {"pageSize": "1" to "10"}. What
the reply holds is not documented and no SDK reads it: here a list of topics and payloads.
"""

import re
from collections import deque
from typing import Any

from tools.twin.clouds.alibaba.uplink import MistakeError, json_value

_MOST = 100  # that wait for one device; the oldest go
_PAGE = range(1, 11)
# Where in the broker a command for a device goes; the first two levels that are its own.
_DEVICE = re.compile(
    r"alibaba/down/(?:/sys/|/shadow/get/|/ota/device/upgrade/)?([^/]+)/([^/]+)(?:/.*)?"
)


class Downlink:
    """Those of devices that have asked at least once in this run."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[dict[str, str]]] = {}

    def reader(self, broker_topic: str) -> str | None:
        """The label of the device that fetches what is published there, if it does."""
        found = _DEVICE.fullmatch(broker_topic)
        label = f"{found[1]}/{found[2]}" if found else ""
        return label if label in self._waiting else None

    def keep(self, label: str, topic: str, payload: bytes) -> None:
        """Keep a command until it is asked for."""
        entry = {"topic": topic, "payload": payload.decode("utf-8", "backslashreplace")}
        self._waiting[label].append(entry)

    def pull(self, label: str, payload: bytes) -> list[dict[str, str]]:
        """What has waited longest, as many as asked for. raises: MistakeError "form"."""
        body: Any = json_value(payload)
        size = body.get("pageSize") if isinstance(body, dict) else None
        if str(size) not in map(str, _PAGE):
            raise MistakeError("form", f"pageSize is {size!r}; it is 1 to 10, as a text")
        waiting = self._waiting.setdefault(label, deque(maxlen=_MOST))
        return [waiting.popleft() for _ in range(min(int(str(size)), len(waiting)))]
