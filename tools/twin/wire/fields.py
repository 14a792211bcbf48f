"""What are the fields in the body of an MQTT packet, as bytes and as values?

MQTT 3.1.1 (OASIS, 2014), section 1.5. What a peer can get wrong raises `MalformedError`.
"""


class MalformedError(Exception):
    """The peer broke the format; the text says where."""


class Body:
    """Reads fields off the front of a packet's body. what: for the error, what is read."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.at = 0

    def take(self, count: int, what: str) -> bytes:
        """So many bytes. raises: MalformedError, as do all."""
        end = self.at + count
        if end > len(self.body):
            raise MalformedError(f"packet ends inside {what}")
        piece = self.body[self.at : end]
        self.at = end
        return piece

    def number(self, count: int, what: str) -> int:
        """An integer of so many bytes."""
        return int.from_bytes(self.take(count, what), "big")

    def data(self, what: str) -> bytes:
        """Binary data behind its two length bytes."""
        return self.take(self.number(2, what), what)

    def text(self, what: str) -> str:
        """A UTF-8 string behind its two length bytes (section 1.5.3)."""
        try:
            text = self.data(what).decode()
        except UnicodeDecodeError:
            raise MalformedError(f"{what} is not UTF-8") from None
        if "\0" in text:
            raise MalformedError(f"{what} contains U+0000")
        return text

    def packet_id(self) -> int:
        value = self.number(2, "the packet id")
        if value == 0:
            raise MalformedError("packet id 0")  # section 2.3.1
        return value

    @property
    def finished(self) -> bool:
        return self.at == len(self.body)


def data(value: bytes) -> bytes:
    """Binary data behind its two length bytes."""
    return len(value).to_bytes(2, "big") + value


def text(value: str) -> bytes:
    """A UTF-8 string behind its two length bytes (section 1.5.3)."""
    return data(value.encode())
