"""What do the codes of Alibaba's answers over CoAP mean for a report, or for the board?

Loaded when one other than 2.xx has come, and forgotten: see modules.call.

Source: Alibaba "Establish communication over the CoAP protocol".
"""

from micropython import const

from signet.errors import Throttled

_MAX_AGE = const(14)
_TOO_MANY = const(0x9D)  # 4.29
# The document's table, and what its codes mean in practice.
_MEANINGS = {
    0x80: "the payload is invalid",
    0x81: "unauthorized; check device_secret, product_key and device_name",
    0x83: "forbidden; check host, topic, and that the device is enabled",
    0x84: "no such path; check host and topic",
    0x85: "method not allowed",
    0x86: "the format is not supported",
    0x8F: "the format is not supported",
    0xA0: "error or time-out in the cloud",
}


def error_of(message, what, refusal):
    """Returns what the code means: `refusal` for 4.xx, Throttled for 4.29 and 5.xx.

    Args:
        message: wire.coap.Message.
        what: str, which request, for the error.
        refusal: class of errors.
    """
    code = message.code
    text = "{}: {}.{:02d} {}".format(what, code >> 5, code & 31, _MEANINGS.get(code, ""))
    if code >> 5 == 4 and code != _TOO_MANY:
        return refusal(text, code)
    wait_ms = 0
    for number, value in message.options:
        if number == _MAX_AGE:
            wait_ms = min(int.from_bytes(value, "big"), 3600) * 1000
            break  # the first counts (RFC 7252 section 5.4.5)
    return Throttled(text, wait_ms)
