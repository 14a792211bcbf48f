"""Which test vectors does other people's code produce afresh for each run?

A fixed seed each, so that a failure can be repeated.
"""

import hmac
import json
import math
import random
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from host_tests.portable.host import ends, frames, h11_judge, replies

_HASHES = ("md5", "sha1", "sha256")


def write(folder: Path) -> None:
    """Writes NAME.json for check.vectors and NAME.jsonl for check.lines."""
    (folder / "hmac-generated.json").write_text(json.dumps(list(_hmacs())))
    (folder / "aes-generated.json").write_text(json.dumps(list(_aes_messages())))
    # Not as ASCII: MicroPython's json does not put surrogate pairs together.
    generated = (
        ("coap", _coap_messages()),
        ("cbor", _cbor_values()),
        ("http", _http_replies()),
        ("x509", ends.certificates()),
        ("x509_keys", ends.keys()),
        ("websocket", _websocket_streams()),
        ("websocket-sent", _websocket_frames()),
        ("websocket-replies", _websocket_replies()),
    )
    for name, records in generated:
        lines = (json.dumps(record, ensure_ascii=False) for record in records)
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")


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


def _http_replies() -> Iterator[list[Any]]:
    """Replies, one in four undamaged: bytes, where to cut them, and what h11 reads.

    That is outcome, status, wanted headers, body, keep_alive: h11_judge.Verdict.
    """
    source = random.Random(9112)  # RFC 9112
    for turn in range(2000):
        tape = replies.Tape(source.randbytes(300))
        data = replies.reply(tape)
        if turn % 4:
            data = replies.damaged(tape, data)
        outcome, status, headers, body, keep_alive = h11_judge.judge(data, replies.WANTED)
        cuts = replies.cuts(tape, len(data))
        yield [data.hex(), cuts, outcome, status, dict(headers), body.hex(), keep_alive]


def _websocket_streams() -> Iterator[list[Any]]:
    """Frames of a server, two in three streams wrong: bytes, where to cut them, frames.Verdict."""
    source = random.Random(6455)  # RFC 6455
    for _ in range(1500):
        tape = replies.Tape(source.randbytes(80))
        data = frames.stream(tape)
        outcome, payload, controls = frames.judge(data)
        said = [[opcode, text.hex()] for opcode, text in controls]
        cuts = replies.cuts(tape, len(data))
        cuts = cuts[:: 1 + len(cuts) // 100]  # 110 KiB are little for a long list
        yield [data.hex(), cuts, outcome, payload.hex(), said]


def _websocket_frames() -> Iterator[list[Any]]:
    """Frames of a client, by `websockets`: opcode, payload, mask, frame."""
    from websockets.frames import Frame, Opcode

    source = random.Random(6455)
    for size in (*range(10), 124, 125, 126, 127, 255, 256, 1000):
        payload = source.randbytes(size)
        for opcode in (Opcode.BINARY, Opcode.PONG)[: 1 + (size < 126)]:
            frame = Frame(opcode, payload).serialize(mask=True)
            mask = frame[len(frame) - size - 4 : len(frame) - size]
            yield [int(opcode), payload.hex(), mask.hex(), frame.hex()]


def _websocket_replies() -> Iterator[list[Any]]:
    """Replies to the opening request of RFC 6455 section 1.3, and whether `websockets` agrees."""
    source = random.Random(6455)
    for _ in range(400):
        reply = frames.opening_reply(replies.Tape(source.randbytes(40)))
        yield [reply.decode(), frames.is_accepted(reply)]


def _cbor_values() -> Iterator[list[str]]:
    """Random values by cbor2: canonical bytes, the value as MicroPython can evaluate it, and the
    bytes where a float has single precision.

    double(hex) stands for a float: not every port reads its decimal form to the last bit. Keys
    are text only, where cbor2's order (RFC 7049) is that of RFC 8949 too.
    """
    import cbor2

    source = random.Random(8949)  # RFC 8949
    for _ in range(800):
        value = _cbor_value(source, 4)
        double, single = (
            cbor2.dumps(form, canonical=True).hex() for form in (value, _single(value))
        )
        yield [double, _literal(value), single]


def _cbor_value(source: random.Random, depth: int) -> Any:
    kind = source.randrange(9 if depth else 7)
    if kind == 0:
        return source.choice((None, True, False))
    if kind < 3:
        number = source.getrandbits(source.choice((4, 5, 8, 9, 16, 17, 31, 32, 33, 63, 64)))
        return number if kind == 1 else -1 - number
    if kind == 3:
        body = struct.pack(">e", struct.unpack(">e", source.randbytes(2))[0])
        floats = (struct.unpack(">e", body), struct.unpack(">f", source.randbytes(4)))
        number = source.choice((*floats, struct.unpack(">d", source.randbytes(8))))[0]
        return 0.0 if math.isnan(number) else number
    if kind == 4:
        return source.randbytes(source.choice((0, 1, 23, 24, 30, 255, 256)))
    if kind < 7:
        return _cbor_text(source)
    items = range(source.choice((0, 1, 2, 3, 5, 24)) if depth > 3 else source.randrange(4))
    if kind == 7:
        return [_cbor_value(source, depth - 1) for _ in items]
    return {_cbor_text(source): _cbor_value(source, depth - 1) for _ in items}


def _single(value: Any) -> Any:
    """The value, its floats rounded to single precision as IEEE 754 says."""
    if isinstance(value, float):
        try:
            return struct.unpack(">f", struct.pack(">f", value))[0]
        except OverflowError:
            return math.copysign(math.inf, value)
    if isinstance(value, list):
        return [_single(item) for item in value]
    if isinstance(value, dict):
        return {key: _single(item) for key, item in value.items()}
    return value


def _cbor_text(source: random.Random) -> str:
    size = source.choice((0, 1, 3, 8, 23, 24, 25))
    return "".join(source.choice('aZ09 _"\\\n\u00e9\u6c34\U00010151') for _ in range(size))


def _literal(value: Any) -> str:
    if isinstance(value, float):
        return f'double("{struct.pack(">d", value).hex()}")'
    if isinstance(value, list):
        return "[" + ",".join(map(_literal, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_literal(item)}" for key, item in value.items()) + "}"
    return repr(value)
