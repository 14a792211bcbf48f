"""Does anything that a server can send upset the reader of HTTP replies?  Runs everywhere.

`fuzz_http COUNT SEED` sends COUNT mutated replies into Reply twice, at once with a sink and in
pieces without, and then closes; now and then a clean reply must still be read. Only ProtocolError
and Lost may come, and both ways must come to the same.

fuzzing.py says how it runs and what it prints.
"""

import sys

import fuzzing
from mutate import Random, mutated
from signet.errors import Lost, ProtocolError
from signet.wire.http import Reply

WANTED = ("retry-after", "x-commandid", "content-type")
LIMIT = 300

_OK = b"HTTP/1.1 200 OK\r\n"
_JSON = b"Content-Type: application/json; charset=utf-8\r\n"
_INFO = b'{"code":0,"message":"success","info":{"messageId":1152921504606846997}}'

# What a client meets, by how the content ends.
_REPLIES = (
    ("length", _OK + _JSON + b"Content-Length: 71\r\nConnection: keep-alive\r\n\r\n" + _INFO),
    ("length", _OK + b"content-length:0\r\nDate: Sat, 21 Nov 2026 11:00:00 GMT\r\n\r\n"),
    ("length", b"HTTP/1.0 401 \r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nno"),
    ("length", b"HTTP/1.1 503\r\nRetry-After: 20\r\nConnection: close\r\nContent-Length: 1\n\n."),
    ("length", _OK + b"Content-Length: 400\r\n\r\n" + b"0123456789abcdef" * 25),
    ("chunks", _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nHello\r\n1;a=b\r\n!\r\n0\r\n\r\n"),
    (
        "chunks",
        _OK + b"TRANSFER-ENCODING: Chunked\r\nContent-Length: 9\r\nX-commandId: set\r\n\r\n"
        b"000a \r\n0\r\n\r\n5\r\n\r\n\r\n47\r\n" + _INFO + b"\r\n0\r\nETag: a\r\n b\r\n\r\n",
    ),
    ("close", _OK + b"X-commandId: led\r\nX-commandId: set\r\n\r\n" + _INFO),
    ("close", b"HTTP/1.0 200 OK\nContent-Type: text/plain;\n charset=utf-8\n\n" + _INFO[:20]),
    ("nothing", b"HTTP/1.1 204 No Content\r\nServer: a\r\n\r\n"),
    ("nothing", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    (
        "interim",
        b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" + _OK + b"Content-Length: 1\r\n\r\n1",
    ),
    ("interim", b"HTTP/1.1 100\r\n\r\nHTTP/1.1 102 \r\n\r\nHTTP/1.1 202 Accepted\r\n\r\nlater"),
)
_TOKENS = tuple(b"\r|\n|\r\n|\r\n |\r\n\r\n|\n\n| |\t|:|,|;|0|-|f|\0|\xff|4294967296".split(b"|"))
_LINES = (b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\n", _OK)
_LARGE = (b"x" * 1000, b"a: b\r\n" * 250)


class Fuzz:
    """A server that sends anything; `random`: mutate.Random."""

    def __init__(self, random):
        self.random = random
        self.found = fuzzing.Found(("accepted", "ProtocolError", "Lost"))

    def step(self):
        """Sends one reply."""
        kind, data = self.random.pick(_REPLIES)
        self.found.state(kind)
        data = self._damaged(data)
        try:
            self._feed(data)
        except Exception as error:
            self.found.note(error, data)

    def _damaged(self, data):
        random = self.random
        other = bytearray(random.pick(_REPLIES)[1])
        start = data.find(b"\n") + 1
        for _ in range(random.below(3)):
            token = random.pick(random.pick((_TOKENS, _TOKENS, _LINES)))
            if not random.below(16):
                token = random.pick(_LARGE)
            place = start + random.below(len(data) - start)
            if len(token) > 16:
                place = data.rfind(b"\n", 0, place) + 1
            data = data[:place] + token + data[place:]
        return mutated(random, bytearray(data), other, start, 4000)

    def _feed(self, data):
        random = self.random
        pieces = bytearray()
        sunk = Reply(WANTED, sink=pieces.extend)
        outcome = self._read(sunk, data, len(data) or 1)
        self.found.count(outcome)
        kept = Reply(WANTED, LIMIT)
        again = self._read(kept, data, 1 + random.below(random.pick((2, 9, 200))))
        assert not sunk.body, "the content is kept in spite of the sink"
        assert len(kept.body) <= LIMIT, "more content than the limit"
        if again != outcome:
            assert again == "ProtocolError", "it depends on the pieces"
            assert len(pieces) > LIMIT or outcome == "Lost", "it depends on the pieces"
            self.found.event("too long to keep")
            return
        whole = (
            len(pieces) <= LIMIT or sunk.status < 300
        )  # of a page about an error the start is kept
        same = kept.body == (pieces if whole else pieces[: len(kept.body)])
        assert same or outcome == "ProtocolError", "the content depends on the pieces"
        same = (sunk.status, sunk.headers, sunk.done, sunk.keep_alive)
        assert same == (kept.status, kept.headers, kept.done, kept.keep_alive), (
            "status, headers or end depend on the pieces"
        )
        if outcome == "accepted":
            assert 200 <= sunk.status < 1000, "no status of a final reply"
            self.found.event("kept alive" if sunk.keep_alive else "not kept alive")
        elif outcome == "Lost":
            self.found.event("cut in the content" if pieces else "cut before the content")

    def _read(self, reply, data, size):
        """Feeds in pieces of `size` bytes, then closes; returns the outcome."""
        try:
            for start in range(0, len(data), size):
                reply.feed(memoryview(data)[start : start + size])
            if not reply.done:
                reply.end()
        except ProtocolError as error:
            if size >= len(data):
                self.found.event(str(error))
            return "ProtocolError"
        except Lost:
            return "Lost"
        assert reply.done, "at the end it is neither done nor lost"
        return "accepted"

    def clean(self):
        """Reads a reply that is as it should be; its parts must come."""
        try:
            reply = Reply(WANTED, 71)
            self._read(reply, _REPLIES[0][1], 50)
            assert reply.done, "the reply was not taken"
            assert reply.keep_alive, "the connection was given up"
            assert (reply.status, bytes(reply.body)) == (200, _INFO), "not what was sent"
            found = reply.headers["content-type"]
            assert found == "application/json; charset=utf-8", "the header is not what was sent"
            self.found.count("clean")
        except Exception as error:
            self.found.note(error, b"")


if __name__ == "__main__":
    fuzzing.run(Fuzz(Random(int(sys.argv[2]))), int(sys.argv[1]))
