"""Which envelope do thing models travel in?  EnOS and Alibaba share it, up and down.

    {"id":"1","version":"1.0","method":"thing...post","params":{...}}

Sources: Alink protocol (Alibaba, "Device properties, events, and services"); EnOS "MQTT:
upstream / downstream messages".
"""


def request(message_id, method, params):
    """Builds the body of a request.

    Args:
        message_id: str of digits.
        method: str, for example "thing.event.property.post".
        params: bytes, JSON.
    Returns:
        bytes
    """
    head = '{"id":"' + message_id + '","version":"1.0","method":"' + method + '","params":'
    return b"".join((head.encode(), params, b"}"))
