"""Whom must the certificate of a board name to Watson IoT Platform?

The client id without the organization: in its CN, or as an address in its SAN.

Source: Watson IoT "Configuring certificates"; eclipse/amlen server_proxy, auth.c.
"""

from signet.wire.x509 import names


def misnamed(config, cert):
    """Does a certificate name another than device.json does?  Watson might let that one in.

    Args:
        config: dict from config.load.
        cert: bytes, PEM or DER.
    Returns:
        str, what is wrong; None when the board's own name is there, its type with an empty id
        (any device of the type), or nobody can say.
    """
    if config["device_id"] is None:
        return None
    of_type = "{}:{}:".format(config["role"][0], config["type_id"])
    name = of_type + config["device_id"]
    if names(cert, name) or names(cert, of_type):
        return None
    return "does not name this board, {}type_id:device_id".format(of_type[:2])
