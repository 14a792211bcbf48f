"""How does a valid message become one that a broken or hostile peer might send?  By seed.

The same seed gives the same messages on every interpreter: all numbers stay below 2**30.
"""


class Random:
    """Marsaglia's xorshift with two 16-bit words (5, 3, 1): its period is 2**32 - 1.

    Args:
        seed: int, 0 to 2**16 - 1.
    Source: G. Marsaglia, Xorshift RNGs, Journal of Statistical Software 8(14), 2003.
    """

    def __init__(self, seed):
        self._x = seed & 0xFFFF
        self._y = 0x2545
        for _ in range(16):  # so that near seeds do not begin alike
            self.below(2)

    def below(self, limit):
        """Returns an int from 0 to limit - 1; limit: 1 to 2**14."""
        t = self._x ^ (self._x << 5 & 0xFFFF)
        y = self._x = self._y
        self._y = y ^ y >> 1 ^ t ^ t >> 3
        return self._y * limit >> 16

    def bytes(self, count):
        """Returns `count` random bytes, a bytearray."""
        data = bytearray(count)
        for index in range(count):
            data[index] = self.below(256)
        return data

    def pick(self, values):
        """Returns one of a sequence."""
        return values[self.below(len(values))]


def _place(random, data):
    """Returns an index of `data`, one time in three of its first bytes, where formats begin."""
    return random.below(min(len(data), 8) if not random.below(3) else len(data))


def _flip_bit(random, data, _other):
    data[_place(random, data)] ^= 1 << random.below(8)
    return data


def _set_byte(random, data, _other):
    data[_place(random, data)] = random.pick((0, 0xFF, 0x7F, 0x80, 0xD0, 0xE0, 0xDD, 0xEE, 0x0F))
    return data


def _random_byte(random, data, _other):
    data[_place(random, data)] = random.below(256)
    return data


def _swap_nibbles(random, data, _other):
    place = _place(random, data)
    data[place] = data[place] >> 4 | (data[place] & 15) << 4
    return data


def _truncate(random, data, _other):
    return data[: _place(random, data)]


def _extend(random, data, _other):
    return data + random.bytes(1 + random.below(24))


def _insert(random, data, _other):
    place = _place(random, data)
    return data[:place] + random.bytes(1 + random.below(4)) + data[place:]


def _remove(random, data, _other):
    place = _place(random, data)
    return data[:place] + data[place + 1 + random.below(8) :]


def _repeat(random, data, _other):
    place = _place(random, data)
    return data[:place] + data[place : place + 1 + random.below(16)] + data[place:]


def _splice(random, data, other):
    return data[: _place(random, data)] + other[random.below(len(other)) :]


def _anything(random, _data, _other):
    return random.bytes(random.below(64))


_MUTATIONS = (
    _flip_bit,
    _set_byte,
    _random_byte,
    _swap_nibbles,
    _truncate,
    _extend,
    _insert,
    _remove,
    _repeat,
    _splice,
)


def mutated(random, data, other, kept, largest=1280):
    """Returns a damaged copy of a message.

    Args:
        random: Random.
        data: bytearray, valid, not empty.
        other: the same, another message to splice with.
        kept: int, how many bytes at its begin to leave alone half of the time, or the damage
            beyond them would never be looked at: message id and token, or a status line.
        largest: int, bytes that the result has at most.
    Returns:
        bytes; the original once in eight times, anything at all once in 64.
    """
    chance = random.below(64)
    if chance < 8:
        return bytes(data)
    if chance == 8:
        return bytes(_anything(random, data, other))
    header = data[: kept if random.below(2) else 0]
    data = data[len(header) :]
    for _ in range(1 + random.below(3)):
        if data:
            data = random.pick(_MUTATIONS)(random, data, other)
    return bytes((header + data)[:largest])
