"""What does a device of EnOS send again when a trace is replayed?"""

from tools import signing
from tools.twin.clouds.proof import Again, Then
from tools.twin.clouds.text import parameters
from tools.twin.wire.packets import Connect
from tools.ui import UserError


class EnosAgain(Again):
    """By MQTT."""

    def password(self, connect: Connect, then: Then) -> bytes | None:
        """The signature of client id and user name."""
        name, _, product = (connect.user or "").partition("&")
        device = self.store.device("enos", "device", product, name)
        if device is None or then.wrong:
            return None
        try:
            client_id, options = parameters(connect.client_id)
            fields = {"clientId": client_id, "deviceKey": name, "productKey": product}
            if "timestamp" in options:
                fields["timestamp"] = options["timestamp"]
            method = options.get("signmethod", "")
            return signing.enos(fields, device.secret, method).signature.encode()
        except (ValueError, UserError):  # the twin says what is wrong with them
            return None
