"""What does a device, gateway or application of Watson IoT send again when a trace is replayed?"""

import base64

from tools.twin.clouds.proof import Again, Asked, Then
from tools.twin.clouds.watson.client_id import ClientIdError, split
from tools.twin.clouds.watson.login import KINDS
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
        """That of the only one that the user name and the path may mean."""
        org = asked.headers.get("host", "").partition(".")[0]
        parts = asked.path.partition("?")[0].split("/")
        found = []
        for each in self.store.devices("watson"):
            own, _, type_id = each.product.partition("/")
            forms = {
                "device": user == "use-token-auth" and {type_id, each.name} <= set(parts),
                "gateway": user
                in (f"g/{own}/{type_id}/{each.name}", f"g-{own}-{type_id}-{each.name}"),
                "application": user == each.name,
            }
            if own.lower() == org.lower() and forms[each.kind]:
                found.append(each.secret)
        return found[0] if len(found) == 1 else ""
