"""Which test vectors does other people's code produce afresh for each run?

A fixed seed each, so that a failure can be repeated.
"""

import hmac
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_HASHES = ("md5", "sha1", "sha256")


def write(folder: Path) -> None:
    """Writes NAME.json for check.vectors and NAME.jsonl for check.lines."""
    (folder / "hmac-generated.json").write_text(json.dumps(list(_hmacs())))
    (folder / "aes-generated.json").write_text(json.dumps(list(_aes_messages())))
    for name, records in (("coap", _coap_messages()),):
        lines = (json.dumps(record, separators=(",", ":")) for record in records)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def _hmacs() -> Iterator[dict[str, str]]:
    """Random keys and messages around the block size of the hashes, by the standard library."""
    source = random.Random(2104)  # RFC 2104
    for size in (1, 20, 63, 64, 65, 127, 128, 129, 200):
        key, message = source.randbytes(size), source.randbytes(source.randrange(150))
        macs = {name: hmac.digest(key, message, name).hex() for name in _HASHES}
        yield {"key": key.hex(), "message": message.hex(), **macs}


def _aes_messages() -> Iterator[list[str]]:
    """Key, IV, plain and AES-128-CBC with PKCS#7 of every length up to 64, by OpenSSL."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    source = random.Random(5652)  # RFC 5652
    for size in (*range(65), 255, 256, 500):
        key, iv, plain = (source.randbytes(count) for count in (16, 16, size))
        padder = PKCS7(128).padder()
        encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
        data = encryptor.update(padder.update(plain) + padder.finalize()) + encryptor.finalize()
        yield [each.hex() for each in (key, iv, plain, data)]


def _coap_messages() -> Iterator[list[Any]]:
    """Random messages by aiocoap: bytes, type, code, message id, token, options, order, payload.

    Options are in the order of the wire; order is another one to give them in, which has those
    of equal number in the same sequence.
    """
    import aiocoap
    from aiocoap.numbers import OptionNumber
    from aiocoap.optiontypes import OpaqueOption

    source = random.Random(7252)  # RFC 7252
    numbers = (0, 1, 3, 6, 7, 11, 11, 11, 12, 15, 17, 23, 27, 60, 61, 252, 258, 2088, 2089, 2090)
    sizes = (0, 1, 2, 3, 4, 8, 11, 12, 13, 14, 16, 35, 267, 268, 269, 270)
    for _ in range(2500):
        message = aiocoap.Message(
            code=source.choice((source.randint(1, 31), source.randint(64, 191))),
            payload=source.randbytes(source.choice((0, 0, 1, 16, 32, source.randrange(100)))),
        )
        message.mtype = source.choice(list(aiocoap.Type))
        message.mid = source.randrange(65536)
        message.token = source.randbytes(source.randrange(9))
        for _ in range(source.randrange(9)):
            number = source.choice((*numbers, source.randrange(300), source.randrange(65536)))
            value = source.randbytes(source.choice(sizes))
            message.opt.add_option(OpaqueOption(OptionNumber(number), value))
        options = [(int(each.number), each.encode().hex()) for each in message.opt.option_list()]
        order = list(range(len(options)))
        source.shuffle(order)
        for number in {number for number, _ in options}:
            places = [place for place, index in enumerate(order) if options[index][0] == number]
            for place, index in zip(places, sorted(order[p] for p in places), strict=True):
                order[place] = index
        yield [
            message.encode().hex(),
            int(message.mtype),
            int(message.code),
            message.mid,
            message.token.hex(),
            options,
            order,
            message.payload.hex(),
        ]
