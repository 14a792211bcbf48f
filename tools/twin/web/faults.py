"""Which HTTP request gets a wrong answer on demand, and whose reply goes out broken?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.twin.clouds.http_request import Answer
from tools.twin.faults import Fault, check, given, quickly
from tools.twin.web import broken
from tools.ui import UserError

HOWS = (*broken.HOWS, "close")


@dataclass(slots=True)
class Misbehaviour:
    """How the reply to a request goes out that is processed as ever.

    cloud, path: which requests; None is any. The paths are those of `Answer`.
    """

    how: str
    cloud: str | None = None
    path: str | None = None
    n: int = 1


class HttpFaults:
    """What control requests have ordered, by the cloud that it is for. paths: by cloud."""

    def __init__(self, paths: Mapping[str, tuple[str, ...]]) -> None:
        self._paths = paths
        self._answers: list[Answer] = []
        self._misbehaviours: list[Misbehaviour] = []

    def answer(self, cloud: str, path: str) -> Answer | None:
        """What a request to this path is answered, if not by the rules; counts down."""
        for order in self._answers:
            if (order.cloud, order.path) == (cloud, path):
                order.n -= 1
                self._answers = [answer for answer in self._answers if answer.n > 0]
                return order
        return None

    def misbehaviour(self, cloud: str, path: str) -> str | None:
        """How the reply to a request for this path goes out, if not well; counts down."""
        for order in self._misbehaviours:
            if order.cloud in (None, cloud) and order.path in (None, *path.split("/")):
                order.n -= 1
                self._misbehaviours = [other for other in self._misbehaviours if other.n > 0]
                return order.how
        return None

    def faults(self) -> dict[str, Fault]:
        """What control requests may break."""
        return {
            "answer_http": quickly(self._order_answer),
            "misbehave_http": quickly(self._order_misbehaviour),
            "lose_http_replies": quickly(
                lambda request: self._order_misbehaviour({"how": "silent", **request})
            ),
        }

    def _order_answer(self, request: Mapping[str, Any]) -> None:
        order = Answer(**given(request, Answer))
        check(order.cloud, self._paths, "cloud")
        check(order.path, self._paths[order.cloud], "path")
        if order.code is None and order.status is None:
            raise UserError("answer_http needs a code or a status")
        if order.n > 0:
            self._answers.append(order)

    def _order_misbehaviour(self, request: Mapping[str, Any]) -> None:
        order = Misbehaviour(**given(request, Misbehaviour))
        check(order.how, HOWS, "how")
        if order.cloud is not None:
            check(order.cloud, self._paths, "cloud")
        if order.path is not None:
            check(order.path, [path for paths in self._paths.values() for path in paths], "path")
        if order.n > 0:
            self._misbehaviours.append(order)
