"""Does wire/http.py hold its limits to the byte, and keep nothing that it need not keep?"""

import gc

import check
from signet.errors import ProtocolError
from signet.wire.http import Reply

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"


def _read(data, step=0, **settings):
    reply = Reply(**settings)
    for at in range(0, len(data), step or len(data)):
        reply.feed(data[at : at + (step or len(data))])
    return reply


def _line(size):
    return b"a: " + b"x" * (size - 5) + b"\r\n"


def test_a_line_may_have_1024_bytes():
    for start in (b"", _OK):
        for step in (0, 1):
            line = b"HTTP/1.1 200 " + b"x" * 1009 + b"\r\n" if not start else _line(1024)
            reply = _read(start + line + b"Content-Length: 0\r\n\r\n", step)
            assert len(line) == 1024 and reply.done
            error = check.raises(ProtocolError, _read, start + b"x" + line, step)
            assert "too long" in str(error)


def test_a_line_that_never_ends_is_not_kept():
    reply = Reply()
    error = check.raises(ProtocolError, reply.feed, _OK + b"x" * 20_000)
    assert "too long" in str(error) and len(reply.line) <= 1100


def test_a_head_may_have_8192_bytes_with_its_interim_replies():
    end = b"Content-Length: 0\r\n\r\n"
    interim = b"HTTP/1.1 103 \r\n\r\n"
    for start in (_OK, interim + _OK, interim * 300 + _OK):
        left = 8192 - len(start) - len(end)
        lines = b""
        while left > 2048:
            lines += _line(1024)
            left -= 1024
        lines += _line(left // 2) + _line(left - left // 2)
        assert len(start + lines + end) == 8192
        assert _read(start + lines + end).done
        error = check.raises(ProtocolError, _read, start + b"x" + lines + end)
        assert "too long" in str(error)


def test_interim_replies_without_end_are_refused():
    reply = Reply()
    for _ in range(512):
        reply.feed(b"HTTP/1.1 100\r\n\r\n")
    check.raises(ProtocolError, reply.feed, b"HTTP/1.1 100\r\n\r\n")


def test_a_trailer_may_have_8192_bytes_and_chunks_do_not_count():
    reply = Reply((), 10_000)
    reply.feed(_CHUNKED)
    for _ in range(3000):
        reply.feed(b"1\r\na\r\n")
    reply.feed(b"0\r\n")
    for _ in range(7):
        reply.feed(_line(1024))
    reply.feed(_line(1022) + b"\r\n")
    assert reply.done and len(reply.body) == 3000
    reply = Reply()
    reply.feed(_CHUNKED + b"0\r\n")
    for _ in range(7):
        reply.feed(_line(1024))
    check.raises(ProtocolError, reply.feed, _line(1023) + b"\r\n")


def test_content_may_have_as_many_bytes_as_the_limit_says():
    for start, end in (
        (_OK + b"Content-Length: 5\r\n\r\nhello", b""),
        (_CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b""),
        (_OK + b"\r\nhello", b""),
    ):
        for step in (0, 1):
            reply = _read(start + end, step, limit=5)
            reply.end()
            check.equal(reply.body, b"hello")
            error = check.raises(ProtocolError, _read, start + end, step, limit=4)
            assert "too long" in str(error)


def test_a_sink_gets_each_piece_and_has_no_limit():
    for data, body in (
        (_OK + b"Content-Length: 5\r\n\r\nhello", b"hello"),
        (_CHUNKED + b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", b"hello"),
        (_OK + b"Content-Length: 0\r\n\r\n", b""),
    ):
        pieces = []
        reply = _read(data, sink=lambda piece, pieces=pieces: pieces.append(bytes(piece)), limit=0)
        assert reply.done and reply.body == b"" and b"".join(pieces) == body


def test_what_a_sink_raises_comes_out():
    def sink(piece):
        raise MemoryError

    check.raises(MemoryError, _read, _OK + b"\r\nx", sink=sink)


def test_content_through_a_sink_takes_no_more_heap_however_large():
    if not check.MICROPYTHON:
        check.skip("CPython's heap is not ours to count")
    total = [0]

    def sink(piece):
        total[0] += len(piece)

    piece = bytearray(b"x" * 8192)
    small = memoryview(piece)[:64]
    reply = Reply(sink=sink)
    reply.feed(_OK + b"Content-Length: 16777216\r\n\r\n")
    reply.feed(small)
    gc.collect()
    gc.disable()
    try:
        start = gc.mem_alloc()
        reply.feed(small)
        of_small = gc.mem_alloc() - start
        start = gc.mem_alloc()
        reply.feed(piece)
        of_large = gc.mem_alloc() - start
    finally:
        gc.enable()
    assert of_large <= of_small, (of_large, of_small)
    gc.collect()
    start = gc.mem_alloc()
    for _ in range(128):
        reply.feed(piece)
    gc.collect()
    assert gc.mem_alloc() <= start, (gc.mem_alloc(), start)
    check.equal(total[0], 2 * 64 + 129 * 8192)
