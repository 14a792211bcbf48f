"""What does CoAP cost the usual way: an object per option, and bytearray appends?  RFC 7252, 3.

A straightforward codec as small clients have it.  `signet bench coap` measures against it where
microCoAPy is not at hand; it is the other code that speaks to the exchange in `signet bench fuzz`.
"""


class Option:
    def __init__(self, number, value):
        self.number = number
        self.value = value


class Message:
    def __init__(self, type, code, message_id, token=b"", payload=b""):
        self.type = type
        self.code = code
        self.message_id = message_id
        self.token = token
        self.options = []
        self.payload = payload

    def add_option(self, number, value):
        self.options.append(Option(number, value))


def _extended(value):
    """Returns the nibble and the bytes that follow for an option's delta or length."""
    if value < 13:
        return value, b""
    if value < 269:
        return 13, bytes([value - 13])
    return 14, (value - 269).to_bytes(2, "big")


def encode(message):
    """Returns the datagram, a bytearray."""
    data = bytearray()
    data.append(1 << 6 | message.type << 4 | len(message.token))
    data.append(message.code)
    data += message.message_id.to_bytes(2, "big")
    data += message.token
    number = 0
    # MicroPython's sort is not stable: the place in the list keeps equal numbers in order.
    order = sorted((option.number, index) for index, option in enumerate(message.options))
    for _, index in order:
        option = message.options[index]
        delta, more_delta = _extended(option.number - number)
        length, more_length = _extended(len(option.value))
        data.append(delta << 4 | length)
        data += more_delta
        data += more_length
        data += option.value
        number = option.number
    if message.payload:
        data.append(0xFF)
        data += message.payload
    return data


def decode(data):
    """Returns the Message of a well-formed datagram."""
    length = data[0] & 15
    message = Message(data[0] >> 4 & 3, data[1], int.from_bytes(data[2:4], "big"))
    message.token = data[4 : 4 + length]
    data = data[4 + length :]
    number = 0
    while data and data[0] != 0xFF:
        delta, length = data[0] >> 4, data[0] & 15
        delta, data = _read_extended(delta, data[1:])
        length, data = _read_extended(length, data)
        number += delta
        message.add_option(number, data[:length])
        data = data[length:]
    message.payload = data[1:]
    return message


def _read_extended(nibble, data):
    if nibble == 13:
        return data[0] + 13, data[1:]
    if nibble == 14:
        return int.from_bytes(data[:2], "big") + 269, data[2:]
    return nibble, data
