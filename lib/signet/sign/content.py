"""Which text does a cloud sign?  Names sorted by code point, each directly followed by its value.

Sources: EnOS "Establishing Connection with EnOS Cloud using the MQTT Protocol"; Alibaba Cloud
"Establish communication over the CoAP protocol" and "... over HTTP", sign.  Names are unique, so
MicroPython's unstable sort does no harm.
"""


def build(fields, exclude=()):
    """Returns the content of all fields but the excluded, UTF-8 bytes.

    Args:
        fields: dict, name (str) to value (str or int).
        exclude: names that the cloud leaves out, such as "sign" and "signmethod".
    Raises:
        TypeError: a value is neither str nor int; a float would print otherwise on each board.
    """
    names = sorted([name for name in fields if name not in exclude])
    return "".join([name + _text(name, fields[name]) for name in names]).encode()


def _text(name, value):
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError("{}: a signed value must be str or int".format(name))
