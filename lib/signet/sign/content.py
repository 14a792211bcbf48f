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
    parts = []
    for name in sorted(fields):
        if name not in exclude:
            value = fields[name]
            if type(value) is not str:
                if type(value) is not int:
                    raise TypeError("{}: a signed value must be str or int".format(name))
                value = str(value)
            parts += (name, value)
    return "".join(parts).encode()


def template(names):
    """Returns what makes the content of fields whose names never change: `template % fields`.

    That takes a third of the time. Each value is taken as `str` prints it.

    Args:
        names: str each, without "%" and ")".
    """
    return "".join(["{}%({})s".format(name, name) for name in sorted(names)])
