"""Which number and which words has Alink for what a reply says?

Sources: help.aliyun.com documents 89301, 89298 (registration), 89299 (topology), 89308 (remote
configuration).
"""

import enum
from typing import Any

Answer = tuple[int, str, Any]
"""Code, message and data of a reply."""


class Code(enum.IntEnum):
    """Alink's numbers."""

    OK = 200
    AUTH = 401
    PARAMETER = 460
    NO_DEVICE = 6100
    NO_PRODUCT = 6250
    NOT_BEHIND = 6401
    ITSELF = 6402
    NO_DATA = 6710


MESSAGES = {
    Code.OK: "success",
    Code.AUTH: "request auth error",
    Code.PARAMETER: "request parameter error",
    Code.NO_DEVICE: "device not exist",
    Code.NO_PRODUCT: "product not exist",
    Code.NOT_BEHIND: "topo relation not exist",
    Code.ITSELF: "topo relation cannot add by self",
    Code.NO_DATA: "no data",
}


def good(data: Any) -> Answer:
    """It is done, and that is what it brings."""
    return Code.OK, MESSAGES[Code.OK], data


def bad(code: Code, problem: str = "") -> Answer:
    """It is not. problem: what is wrong, where the code does not say all."""
    return code, ": ".join(filter(None, (MESSAGES[code], problem))), {}
