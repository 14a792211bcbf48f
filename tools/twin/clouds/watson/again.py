"""What does a device, gateway or application of Watson IoT send again when a trace is replayed?"""

import base64

from tools.twin.clouds.http_request import Request, Visit
from tools.twin.clouds.proof import Again, Asked, Then
from tools.twin.clouds.values import Way
from tools.twin.clouds.watson.client_id import ClientIdError, split
from tools.twin.clouds.watson.login import KINDS
from tools.twin.clouds.watson.request import RefusedError, host_org, identity, target_of
from tools.twin.registry import mask
from tools.twin.wire.packets import Connect


class WatsonAgain(Again):
    """By MQTT and HTTP: the token."""

    def password(self, connect: Connect, then: Then) -> bytes | None:
        """The token of whom the client id names, or the user name an application."""
        if then.wrong:
            return None
        try:
            letter, org, parts = split(connect.client_id)
        except ClientIdError:
            return None
        if letter in "dg":
            device = self.store.device("watson", KINDS[letter], f"{org}/{parts[0]}", parts[1])
        else:
            device = self.store.device("watson", "application", org, connect.user or "")
        return None if device is None else device.secret.encode()

    def request(self, asked: Asked, then: Then) -> None:
        """`Basic USER:*7***` as it was, or with the token of that user."""
        scheme, _, rest = asked.headers.get("authorization", "").partition(" ")
        user, colon, covered = rest.rpartition(":")
        if scheme.lower() != "basic" or not colon:
            return
        token = covered
        if mask.COVERED.fullmatch(covered) and not then.wrong:
            token = self._token(asked, user) or covered
        text = base64.b64encode(f"{user}:{token}".encode()).decode()
        asked.headers["authorization"] = f"{scheme} {text}"

    def _token(self, asked: Asked, user: str) -> str:
        """That of whom the twin takes it for; "" where it answers with an error."""
        path = asked.path.partition("?")[0]
        request = Request("", path, None, asked.headers, b"", Visit(Way(tls=True, port=0)))
        try:
            name = host_org(request)
            org = self.store.org("watson", name) or name
            if application := self.store.device("watson", "application", org, user):
                return application.secret  # whatever it asks: messaging, or a REST call
            letter, *whose = identity(org, target_of(request), user)
        except RefusedError:
            return ""
        device = self.store.device("watson", KINDS[letter], *whose)
        return device.secret if device else ""
