"""Does wire/http.py read replies as RFC 9110 and RFC 9112 say?

Expected values are written out by hand from the RFCs; the sections stand beside them. Limits:
test_http_limits.py. What h11 makes of the same bytes: test_http_properties.py.
"""

import check
from signet.errors import Lost, ProtocolError
from signet.wire.http import Reply

_OK = b"HTTP/1.1 200 OK\r\n"
_CHUNKED = _OK + b"Transfer-Encoding: chunked\r\n\r\n"

# (bytes, status, wanted headers, body, keep_alive); those that only the close ends: _UNTIL_CLOSE
_REPLIES = (
    (  # RFC 9110 section 3.9
        (
            b"HTTP/1.1 200 OK\r\nDate: Mon, 27 Jul 2009 12:28:53 GMT\r\nServer: Apache\r\n"
            b'Last-Modified: Wed, 22 Jul 2009 19:15:56 GMT\r\nETag: "34aa387-d-1568eb00"\r\n'
            b"Accept-Ranges: bytes\r\nContent-Length: 51\r\nVary: Accept-Encoding\r\n"
            b"Content-Type: text/plain\r\n\r\n"
            b"Hello World! My payload includes a trailing CRLF.\r\n"
        ),
        200,
        {"content-type": "text/plain", "etag": '"34aa387-d-1568eb00"'},
        b"Hello World! My payload includes a trailing CRLF.\r\n",
        True,
    ),
    (  # RFC 8297 section 2: an interim reply first; what it says is not the answer's
        (
            b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload; as=style\r\n"
            b"ETag: no\r\nConnection: close\r\nContent-Length: 9\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        ),
        200,
        {},
        b"ok",
        True,
    ),
    (b"HTTP/1.1 100 \r\n\r\nHTTP/1.1 102\r\n\r\nHTTP/1.1 204 \r\n\r\n", 204, {}, b"", True),
    # RFC 9110 section 5.3: one list over several lines
    (
        b"HTTP/1.1 204 No Content\r\nETag: Foo, Bar\r\nETag: Baz\r\n\r\n",
        204,
        {"etag": "Foo, Bar, Baz"},
        b"",
        True,
    ),
    # RFC 9112 section 5.1: OWS around a value; RFC 9110 5.5: any byte above 127 may stand in one
    (
        b"HTTP/1.1 204 \r\netag:\t a\xfcb \t\r\nContent-Type:\r\n\r\n",
        204,
        {"etag": "a\xfcb", "content-type": ""},
        b"",
        True,
    ),
    # 5.2: obsolete folding
    (b"HTTP/1.1 204 \r\nETag: a\r\n\t b\r\n c\r\n\r\n", 204, {"etag": "a b c"}, b"", True),
    (b"HTTP/1.1 200 OK\r\nContent-Length:\r\n 2\r\n\r\nok", 200, {}, b"ok", True),
    # 2.2: a single LF; 4: the reason may be empty, or as many servers do missing with its blank
    (b"HTTP/1.1 200\nContent-Length: 2\n\nok", 200, {}, b"ok", True),
    # 6.3: no content whatever the fields say
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, {}, b"", True),
    (b"HTTP/1.1 204 \r\nTransfer-Encoding: chunked\r\n\r\n", 204, {}, b"", True),
    # RFC 9110 section 8.6: the same number several times
    (_OK + b"Content-Length: 2, 2\r\ncontent-length: 2\r\n\r\nok", 200, {}, b"ok", True),
    (_OK + b"Content-Length: 00000000000000000000\r\n\r\n", 200, {}, b"", True),
    # 7.1: chunks, extensions, a trailer
    (_CHUNKED + b"0\r\n\r\n", 200, {}, b"", True),
    (
        _CHUNKED + b'1;a;b="c"\r\nh\r\n00a ;x\r\nello world\r\n0A  \r\n0123456789\r\n000\r\n'
        b"ETag: no\r\nConnection: close\r\n\r\n",
        200,
        {},
        b"hello world0123456789",
        True,
    ),
    (  # RFC 9110 section 6.5.1: framing in a trailer is ignored
        _CHUNKED + b"1\r\na\r\n0\r\nContent-Length: 5 5\r\nTransfer-Encoding: gzip\r\n\r\n",
        200,
        {},
        b"a",
        True,
    ),
    (_OK + b"TRANSFER-ENCODING: Chunked\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n", 200, {}, b"\r\n", True),
    (  # 6.3: Transfer-Encoding overrides Content-Length
        _OK + b"Content-Length: 999\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        200,
        {},
        b"a",
        True,
    ),
    # 9.3: persistence
    (_OK + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", 200, {}, b"ok", False),
    (_OK + b"connection: x, Close\r\nContent-Length: 2\r\n\r\nok", 200, {}, b"ok", False),
    (_OK + b"Connection: closed\r\nContent-Length: 2\r\n\r\nok", 200, {}, b"ok", True),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, {}, b"ok", False),
    (b"HTTP/1.2 999 ?\r\nContent-Length: 2\r\n\r\nok", 999, {}, b"ok", True),
)
_UNTIL_CLOSE = (
    (_OK + b"\r\nok\r\n", 200, {}, b"ok\r\n", False),
    (b"HTTP/1.0 500\n\n", 500, {}, b"", False),
    (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\nok", 200, {}, b"ok", False),
)
_WANTED = ("etag", "content-type")


def _read(data, step=0, **settings):
    reply = Reply(_WANTED, **settings)
    for at in range(0, len(data), step or len(data)):
        reply.feed(data[at : at + (step or len(data))])
    return reply


def _same(reply, expected):
    data, status, headers, body, keep_alive = expected
    check.equal(reply.status, status, data)
    check.equal(reply.headers, headers, data)
    check.equal(reply.body, body, data)
    check.equal(reply.keep_alive, keep_alive, data)


def test_replies_of_the_rfcs_are_read():
    for expected in _REPLIES:
        reply = _read(expected[0])
        assert reply.done, expected
        _same(reply, expected)


def test_replies_are_read_the_same_in_pieces_of_any_size():
    for expected in _REPLIES:
        for step in (1, 2, 3, 7):
            reply = _read(expected[0], step)
            assert reply.done, (step, expected)
            _same(reply, expected)


def test_content_without_a_length_lasts_until_the_close():
    for expected in _UNTIL_CLOSE:
        for step in (0, 1):
            reply = _read(expected[0], step)
            assert not reply.done
            reply.end()
            assert reply.done
            _same(reply, expected)


def test_bytearrays_and_memoryviews_are_read_like_bytes():
    data = _REPLIES[0][0]
    for each in (bytearray(data), memoryview(data), memoryview(bytearray(b"x" + data))[1:]):
        reply = Reply(_WANTED)
        reply.feed(each)
        _same(reply, _REPLIES[0])


def test_nothing_is_known_before_the_first_byte():
    reply = Reply()
    reply.feed(b"")
    assert (reply.status, reply.headers, reply.body) == (0, {}, b"")
    assert not (reply.done or reply.began or reply.keep_alive)
    reply.feed(b"H")
    assert reply.began and not reply.done


def test_an_interim_reply_shows_no_status():
    reply = Reply()
    reply.feed(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n")
    assert reply.began and reply.status == 0 and not reply.done


def test_a_reply_that_ends_before_it_is_whole_was_cut_short():
    for data, _, _, _, _ in _REPLIES:
        for end in range(1, len(data)):
            reply = _read(data[:end])
            assert not reply.done, data[:end]
            check.equal(str(check.raises(Lost, reply.end)), "the reply was cut short", data[:end])


def test_a_peer_that_closes_before_the_first_byte_has_closed():
    check.equal(str(check.raises(Lost, Reply().end)), "closed by the peer")


def test_the_close_after_a_whole_reply_is_no_error():
    reply = _read(_REPLIES[0][0])
    reply.end()
    assert reply.done and not reply.keep_alive


def test_bytes_after_the_end_forbid_to_keep_the_connection():
    for data in (_OK + b"Content-Length: 2\r\n\r\nok", _CHUNKED + b"0\r\n\r\n"):
        for step in (0, 1):
            reply = _read(data + b"H", step)
            assert reply.done and not reply.keep_alive and b"H" not in reply.body


# (what the error names, bytes)
_ERRORS = (
    ("status line", b"\r\n"),
    ("status line", b"\r\nHTTP/1.1 200 OK\r\n"),
    ("status line", b"HTTP/1.1\r\n"),
    ("status line", b"HTTP/1.1 20\r\n"),
    ("status line", b"HTTP/1.1 2000\r\n"),
    ("status line", b"HTTP/1.1 20x OK\r\n"),
    ("status line", b"HTTP/1.1 +20 OK\r\n"),
    ("status line", b"HTTP/1.1  200 OK\r\n"),
    ("status line", b"HTTP/1.1\t200 OK\r\n"),
    ("status line", b"HTTP/1.1 200\tOK\r\n"),
    ("status line", b"HTTP/1,1 200 OK\r\n"),
    ("status line", b"HTTP/11 200 OK\r\n"),
    ("status line", b"HTTP/x.1 200 OK\r\n"),
    ("status line", b"http/1.1 200 OK\r\n"),
    ("status line", b" HTTP/1.1 200 OK\r\n"),
    ("status line", b"HTTP/1.1 099 ?\r\n"),
    ("status line", b"HTTP/1.1 101 Switching Protocols\r\n"),
    ("status line", b"HTTP/1.1 103\r\n\r\nHTTP/1.1 2 OK\r\n"),
    ("control character", b"HTTP/1.1 200 O\0K\r\n"),
    ("control character", b"HTTP/1.1 200 OK\r\r\n"),
    ("control character", _OK + b"a: b\rc: d\r\n"),
    ("control character", _OK + b"a: \0\n"),
    ("control character", _OK + b"a: \x0b\n"),
    ("control character", _OK + b"a: \x0c\n"),
    ("field line", _OK + b"no colon\r\n\r\n"),
    ("field line", _OK + b": no name\r\n\r\n"),
    ("field line", _OK + b"a : blank before the colon\r\n\r\n"),  # 5.1
    ("field line", _OK + b"a b: c\r\n\r\n"),
    ("field line", _OK + b"a\x7f: c\r\n\r\n"),
    ("field line", _OK + b"\xc3\xa4: c\r\n\r\n"),
    ("field line", _OK + b"a(b): c\r\n\r\n"),
    ("field line", _OK + b" folded: at the start\r\n\r\n"),  # 2.2
    ("content-length", _OK + b"Content-Length:\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: -1\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: +1\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: 0x1\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: 1 2\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: 1,\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: 1, 2\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n"),
    ("content-length", _OK + b"Content-Length: " + b"0" * 21 + b"\r\n\r\n"),
    ("transfer-encoding", _OK + b"Transfer-Encoding:\r\n\r\n"),
    ("transfer-encoding", _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n"),  # 6.1
    ("transfer-encoding", _OK + b"Transfer-Encoding: identity\r\n\r\n"),
    ("transfer-encoding", _OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n"),
    ("transfer-encoding", _OK + b"Transfer-Encoding: chunked;a=b\r\n\r\n"),
    ("chunk", _CHUNKED + b"\r\n"),
    ("chunk", _CHUNKED + b" 1\r\n"),
    ("chunk", _CHUNKED + b"g\r\n"),
    ("chunk", _CHUNKED + b"0x1\r\n"),
    ("chunk", _CHUNKED + b"-1\r\n"),
    ("chunk", _CHUNKED + b"1_0\r\n"),
    ("chunk", _CHUNKED + b";a=b\r\n"),
    ("chunk", _CHUNKED + b"0" * 21 + b"\r\n"),
    ("chunk", _CHUNKED + b"1\na\r\n"),  # 2.2: a single LF does not end a chunk's line
    ("chunk", _CHUNKED + b"1\r\na\n"),
    ("chunk", _CHUNKED + b"1\r\nab\r\n"),
    ("chunk", _CHUNKED + b"1\r\na1\r\n"),
    ("control character", _CHUNKED + b"1;\0\r\n"),
    ("field line", _CHUNKED + b"0\r\nno colon\r\n\r\n"),
)


def test_what_rfc_9112_does_not_allow_is_refused_and_named():
    for name, data in _ERRORS:
        for step in (0, 1):
            error = str(check.raises(ProtocolError, _read, data, step))
            assert name in error, (data, error)


def test_an_error_shows_nothing_of_what_was_received():
    for start, bad in (
        (b"", b"SECRET\r\n"),
        (_OK, b"SECRET\r\n\r\n"),
        (_OK, b"SECRET SECRET: SECRET\r\n\r\n"),
        (_OK, b"a: SECRET\0\r\n"),
        (_OK, b"Content-Length: SECRET\r\n\r\n"),
        (_OK, b"Transfer-Encoding: SECRET\r\n\r\n"),
        (_CHUNKED, b"SECRET\r\n"),
        (_CHUNKED, b"1\r\nSECRET\r\n"),
        (_OK, b"SECRET" * 200),
    ):
        error = str(check.raises(ProtocolError, _read, start + bad))
        assert "SECRET" not in error and "broke HTTP" in error, error
