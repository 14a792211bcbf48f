"""What does Watson tell applications when one of its clients comes, goes or is not let in?

Source: the platform's docs (`applications/mqtt.md`, "Monitoring").
"""

import datetime
from typing import Any

from tools.twin.clouds.text import encode
from tools.twin.clouds.values import Client, Ending, Way
from tools.twin.clouds.watson.close_codes import close_code
from tools.twin.wire.packets import Publish


def message(
    client: Client, way: Way, action: str, why: Ending | str | None, reason: str
) -> Publish:
    """The retained `/mon` message; its topic is the broker's.

    action: "Connect", "Disconnect" or "FailedConnect". why: see `Cloud.presence`.
    """
    names = client.names
    topic = f"watson/{names['org']}/iot-2/"
    if client.device.kind != "application":
        topic += f"type/{names['type']}/id/{names['id']}/mon"
    else:
        topic += f"app/{names['app']}/mon"
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds")
    body: dict[str, Any] = {
        "Action": action,
        "Time": now.replace("+00:00", "Z"),
        "ClientAddr": way.peer,
        "ClientID": client.client_id,
        "Port": way.port,
        "Secure": way.tls,
        "Protocol": "mqtt4-ws" if way.websocket else "mqtt4",
    }
    if why is not None:
        body |= {"CloseCode": close_code(why), "Reason": reason}
    return Publish(topic, encode(body), qos=1, retain=True)
