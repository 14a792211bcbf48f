"""Which test vectors does the standard library produce afresh for each run?"""

import hmac
import json
import random
from pathlib import Path

_HASHES = ("md5", "sha1", "sha256")


def write(folder: Path) -> None:
    """Writes hmac-generated.json: random keys and messages around the block size of the hashes."""
    source = random.Random(2104)  # RFC 2104; a fixed seed, so that a failure can be repeated
    cases = []
    for size in (1, 20, 63, 64, 65, 127, 128, 129, 200):
        key, message = source.randbytes(size), source.randbytes(source.randrange(150))
        macs = {name: hmac.digest(key, message, name).hex() for name in _HASHES}
        cases.append({"key": key.hex(), "message": message.hex(), **macs})
    (folder / "hmac-generated.json").write_text(json.dumps(cases))
