"""What does the journal get of HTTP: each request and its reply, without what proves who asks?"""

from tools.twin.clouds.http_request import Reply, Request
from tools.twin.hub.tap import Tap
from tools.twin.registry import mask


def request(tap: Tap, asked: Request) -> None:
    """What came; the rules have not seen it yet."""
    tap.opened("http")
    path = asked.path if asked.query is None else f"{asked.path}?{asked.query}"
    tap.add(
        "http",
        device=_device(asked),
        direction="up",
        method=asked.method,
        path=mask.body(path.encode("utf-8", "surrogateescape")).decode("utf-8", "replace"),
        headers=mask.headers(asked.headers),
        body_hex=mask.body(asked.body).hex(),
    )


def reply(tap: Tap, asked: Request, answered: Reply) -> None:
    """What the rules answer."""
    tap.device = _device(asked)
    tap.add(
        "http",
        device=tap.device,
        direction="down",
        status=answered.status,
        headers=mask.headers(answered.headers),
        body_hex=mask.body(answered.body).hex(),
    )


def _device(asked: Request) -> str | None:
    visit = asked.visit
    return visit.client.device.label if visit.client else visit.label or None
