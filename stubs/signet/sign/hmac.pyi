from typing import Any

NAMES: tuple[str, ...]

class Signer:
    hash: Any
    inner: bytes
    outer: bytes

    def __init__(self, key: bytes | str, hash_name: str) -> None: ...
    def digest(self, message: bytes) -> bytes: ...
    def hexdigest(self, message: bytes) -> str: ...
