"""Which keys of device.json say who a device is to Alibaba Cloud IoT Platform?

Sources: Alibaba "Establish MQTT connections over TCP"; "... over the CoAP protocol";
"... over HTTP".
"""

from micropython import const

from signet.errors import ConfigError

TLS_BY_DEFAULT = True
PORTS = {
    "mqtt": {False: 1883, True: 8883},
    "coap": {False: 5682, True: 5684},
    "http": {False: 80, True: 443},
}

_LONGEST_MS = const(300_000)  # ACK_TIMEOUT * 2 ** MAX_RETRANSMIT; MAX_TRANSMIT_WAIT is thrice that
_NOT_IN_KEYS = const(" \t\r\n/+#&|,")

FIELDS = {
    "product_key": ("text", ..., (64, _NOT_IN_KEYS), "a1B2c3D4e5F"),
    "device_name": ("text", ..., (64, _NOT_IN_KEYS), "meter-7"),
    "device_secret": ("secret", ..., (256, None), "the DeviceSecret from the console"),
    "client_id": ("text", None, (64, "|"), "meter-7"),
    "sign_method": ("choice", None, ("hmacsha256", "hmacsha1", "hmacmd5"), "hmacsha256"),
    "timestamp": ("flag", None, None, "false"),
}
BY_WAY = {
    "mqtt": {"keepalive_s": ("int", 60, (30, 1200), 60)},
    "coap": {
        "ack_mode": ("int", 0, (0, 1), 0),
        "format": ("choice", "json", ("json", "cbor"), "json"),
        "profile": ("choice", "lean", ("lean", "documented"), "lean"),
    },
    "http": {},
}


def check(config):
    """Completes the configuration.

    Args:
        config: dict, checked by FIELDS; what depends on the way in gets its default.
    Returns:
        list of str, warnings.
    Raises:
        ConfigError: the login would go out in clear, or where this cloud does not listen.
    """
    by_coap, by_http = config["way"] == "coap", config["way"] == "http"
    if by_http and not config["tls"]:
        raise ConfigError("tls", "Alibaba takes HTTPS only; remove it")
    if config["client_id"] is None:
        name = config["device_name"]  # any text will do, and over CoAP each byte counts
        config["client_id"] = name if by_coap else (config["product_key"] + "." + name)[:64]
    if config["sign_method"] is None:  # no document of HTTP has hmacsha256, though SDKs send it
        config["sign_method"] = "hmacmd5" if by_http else "hmacsha256"
    if config["timestamp"] is None:
        config["timestamp"] = by_http
    if by_coap and config["ack_timeout_ms"] << config["max_retransmit"] > _LONGEST_MS:
        raise ConfigError(
            "max_retransmit",
            "with this ack_timeout_ms one message may take more than 15 minutes; take less",
            4,
        )
    if by_coap:
        _check_firmware(config["tls"])
    warnings = []
    first, _, rest = config["host"].partition(".")
    of_product = rest[:8] == "coap.cn-" or rest[:12] == "iot-as-mqtt."
    if of_product and first.lower() != config["product_key"].lower():
        warnings.append("host is that of the product {}, not of product_key".format(first))
    if config["tls"]:
        return warnings
    if by_coap:
        text = (
            "AES hides what is reported, but does not prove who answers; the token goes in clear"
        )
        return warnings + [text + "; `tls` mends both"]
    # The password is the same at each login, or of a time that the cloud does not look at.
    text = "port {} is not encrypted: who listens can log in as this device"
    if not config["insecure"]:
        raise ConfigError(
            "insecure", text.format(config["port"]) + "; use TLS, or accept it", "true"
        )
    return warnings + [text.format(config["port"])]


def _check_firmware(tls):
    try:
        if tls:
            from tls import PROTOCOL_DTLS_CLIENT  # noqa: F401
        else:
            from cryptolib import aes  # noqa: F401
    except ImportError:
        text, example = "this firmware has no DTLS, MicroPython 1.25 has it", "false"
        if not tls:
            text, example = "without TLS it takes AES, which this firmware lacks", "true"
        raise ConfigError("tls", text, example)
