"""Is what device.json says of a modem right, and what follows from it for CoAP?

Loaded for a device.json that names a modem, and forgotten.

Sources: the families' AT manuals; 3GPP TS 24.008 (timers of PSM, eDRX), TS 23.003 (APN).
"""

from micropython import const

from signet.errors import ConfigError

# Family: (file of net/modem/family/ that speaks its dialect, baud as it leaves the factory,
# whether a byte on its line wakes it out of PSM)
FAMILIES = {
    "bg95": ("bg95", 115_200, False),
    "bc66": ("bc66", 115_200, False),
    "bc660k": ("bc66", 115_200, True),
    "bc95": ("bc95", 9600, True),
    "sara_n2": ("bc95", 9600, True),
    "sim7020": ("sim7020", 115_200, False),
    "sim7080": ("sim7080", 115_200, False),
    "sara_r4": ("sara_r4", 115_200, False),
}

_QUOTED = const('"\\')  # would end a text of an AT command
_FIELDS = {
    "family": ("choice", ..., sorted(FAMILIES), "bg95"),
    "apn": ("name", None, (100, "-."), "iot.example"),
    "user": ("text", None, (64, _QUOTED), "meter"),
    "password": ("text", None, (64, _QUOTED), "what the operator gave with it"),
    "uart": ("int", 1, (0, 9), 1),
    "baud": ("int", None, (1200, 921_600), 9600),
    "tx": ("int", None, (0, 99), 17),
    "rx": ("int", None, (0, 99), 16),
    "wake": ("int", None, (0, 99), 4),
    "psm": ("any", None, None, None),
    "edrx": ("any", None, None, None),
    "rai": ("flag", True, None, "true"),
    "open_timeout_s": ("int", 180, (10, 300), 180),  # registration included
}
# TR 45.820 allows a report 10 s where coverage is worst. Sent again three times, the last answer
# is waited for until 180 s have passed, within what main.py stays awake for a report.
_BY_COAP = {"ack_timeout_ms": 8000, "max_retransmit": 3}


def check(config, given, value_of):
    """Puts `modem`, with every key of it, into a configuration, and what its slowness asks for.

    Args:
        config: dict, all else of which is checked.
        given: dict, what device.json holds.
        value_of: function of (values, key, entry) that checks one value as config.py does.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: see there; its key is "modem.family", for instance.
    """
    values = config["modem"]
    if not isinstance(values, dict):
        raise ConfigError("modem", "must be an object", '{"family": "bg95"}')
    for key in values:
        if key not in _FIELDS:
            text = "holds a key that there is not; there are " + ", ".join(sorted(_FIELDS))
            raise ConfigError("modem", text)
    checked = {}
    for key in sorted(_FIELDS):
        name = "modem." + key
        checked[key] = value_of({name: values.get(key)}, name, _FIELDS[key])
    if (checked["tx"] is None) != (checked["rx"] is None):
        raise ConfigError("modem.tx", "goes with `rx` only: give both, or neither", 17)
    psm = checked["psm"]
    if psm is not None and not (
        isinstance(psm, list) and len(psm) == 2 and _bits(psm[0], 8) and _bits(psm[1], 8)
    ):
        text = "must be two texts of 8 bits, T3412 and T3324"
        raise ConfigError("modem.psm", text, '["00100001", "00000101"]')
    if checked["edrx"] is not None and not _bits(checked["edrx"], 4):
        raise ConfigError("modem.edrx", "must be a text of 4 bits", '"0101"')
    checked["module"], baud, wakes = FAMILIES[checked["family"]]
    if checked["baud"] is None:
        checked["baud"] = baud
    config["open_timeout_s"] = checked.pop("open_timeout_s")
    config["modem"] = checked
    for key, value in _BY_COAP.items():
        if given.get(key) is None:
            config[key] = value
    if psm and not wakes and checked["wake"] is None:
        return ["modem.psm: a sleeping modem of this family wakes by its key only: give `wake`"]
    return []


def _bits(value, count):
    return isinstance(value, str) and len(value) == count and not value.strip("01")
