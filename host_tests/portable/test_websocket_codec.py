"""Which bytes open and frame a WebSocket, by RFC 6455's own examples, and which does it refuse?"""

import sys
from binascii import unhexlify

import check
from check_websocket import read
from signet.errors import Lost, ProtocolError, Refused, Throttled
from signet.wire import websocket as wire
from signet.wire import websocket_handshake as handshake
from signet.wire.websocket_handshake import closing

_NONCE = b"the sample nonce"  # 1.3
_ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
_REPLY = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
)
_MASK = b"\x37\xfa\x21\x3d"  # 5.7


def _frame(opcode, payload, mask=_MASK):
    out = bytearray(len(payload) + 8)
    return bytes(out[: wire.frame(opcode, payload, mask, out)])


def _refused(text):
    """Returns what is wrong with a stream of frames (hex)."""
    frames = wire.Frames()

    def feed():
        for byte in unhexlify(text.replace(" ", "")):
            if frames.left:
                frames.left -= 1
                continue
            frames.room[0] = byte
            control = frames.took(1)
            if control and control[0] == 8:
                closing(control[1])

    return str(check.raises(ProtocolError, feed))


# Opening handshake


def test_the_key_of_the_rfc_has_the_rfcs_accept():
    request, accept = handshake.opening("server.example.com", _NONCE)
    assert b"\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in request
    check.equal(accept, _ACCEPT)


def test_the_request_has_what_4_1_asks_for():
    lines = handshake.opening("a.example.com:1883", _NONCE)[0].decode().split("\r\n")
    check.equal(lines[0], "GET /mqtt HTTP/1.1")
    of_azure = handshake.opening("a.example.com", _NONCE, "/$iothub/websocket")[0]
    assert of_azure.startswith(b"GET /$iothub/websocket HTTP/1.1\r\n")
    check.equal(lines[-2:], ["", ""])
    fields = dict([line.split(": ", 1) for line in lines[1:-2]])
    check.equal(fields.pop("Sec-WebSocket-Key"), "dGhlIHNhbXBsZSBub25jZQ==")
    check.equal(
        fields,
        {
            "Host": "a.example.com:1883",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "mqtt",
        },
    )


def test_the_reply_of_the_rfc_is_taken():
    handshake.check_reply(_REPLY.encode(), _ACCEPT)


def test_names_and_tokens_have_no_case():
    reply = _REPLY.replace("Upgrade", "upGRADE").replace("Sec-W", "SEC-w")
    handshake.check_reply(reply.encode(), _ACCEPT)


def _wrong_reply(old, new):
    reply = _REPLY.replace(old, new)
    assert reply != _REPLY
    return str(check.raises(ProtocolError, handshake.check_reply, reply.encode(), _ACCEPT))


def test_another_accept_is_refused():
    assert "sec-websocket-accept" in _wrong_reply("s3pP", "S3pP")


def test_no_upgrade_is_refused():
    assert "header upgrade" in _wrong_reply("Upgrade: websocket\r\n", "")


def test_another_upgrade_is_refused():
    assert "header upgrade" in _wrong_reply("websocket\r\n", "h2c\r\n")


def test_no_connection_is_refused():
    assert "header connection" in _wrong_reply("Connection: Upgrade\r\n", "")


def test_a_connection_that_closes_is_refused():
    assert "header connection" in _wrong_reply("Connection: Upgrade", "Connection: close")


def test_no_subprotocol_is_refused():
    assert "sec-websocket-protocol" in _wrong_reply("Sec-WebSocket-Protocol: mqtt\r\n", "")


def test_another_subprotocol_is_refused():
    assert "sec-websocket-protocol" in _wrong_reply(": mqtt", ": chat")


def test_an_extension_that_nobody_asked_for_is_refused():
    said = _wrong_reply("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n")
    assert "sec-websocket-extensions" in said


def test_what_is_not_http_is_refused():
    for text in ("SSH-2.0-x\r\n\r\n", "\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 1010\r\n\r\n"):
        error = check.raises(ProtocolError, handshake.check_reply, text.encode(), _ACCEPT)
        assert "is this a WebSocket port?" in str(error), text


def _status(error_class, status, headers=""):
    reply = "HTTP/1.1 {} Text\r\nContent-Length: 0\r\n{}\r\n".format(status, headers)
    error = check.raises(error_class, handshake.check_reply, reply.encode(), _ACCEPT)
    assert str(status) in str(error)
    return error


def test_statuses_that_ask_for_another_request_are_refusals():
    for status in (400, 401, 403, 404, 426):
        check.equal(_status(Refused, status).code, status)


def test_statuses_that_ask_to_wait_are_throttled():
    for status in (429, 503):
        check.equal(_status(Throttled, status).retry_after_ms, 0)
        date = "Retry-After: Sun, 06 Nov 1994 08:51:37 GMT\r\n"
        for headers, ms in (
            ("Retry-After: 7\r\n", 7000),
            (date, 0),
            (date + "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", 120_000),
        ):
            check.equal(_status(Throttled, status, headers).retry_after_ms, ms)


def test_other_statuses_are_tried_again():
    for status in (200, 301, 500, 502):
        _status(Lost, status)


# Frames, 5.7


def test_the_masked_frames_of_the_rfc_are_made():
    text = unhexlify("818537fa213d7f9f4d5158")
    check.equal(_frame(1, b"Hello"), text)
    check.equal(_frame(10, b"Hello"), b"\x8a" + text[1:])


def test_longer_frames_have_longer_lengths():
    for size, header in ((125, "82fd"), (126, "82fe007e"), (256, "82fe0100"), (65535, "82feffff")):
        if size < 1000 or sys.implementation.name != "micropython":
            frame = _frame(2, bytes(size), bytes(4))
            check.equal(frame, unhexlify(header) + bytes(4 + size))


def test_the_unmasked_frames_of_the_rfc_are_read():
    check.equal(read(unhexlify("820548656c6c6f")), ("more", b"Hello", []))  # binary here
    check.equal(read(unhexlify("020348656c80026c6f")), ("more", b"Hello", []))
    check.equal(read(unhexlify("890548656c6c6f")), ("more", b"", [(9, b"Hello")]))
    data = bytes(range(256))
    check.equal(read(unhexlify("827e0100") + data), ("more", data, []))


def test_64_kibibytes_are_announced_as_in_the_rfc():
    frames = wire.Frames()
    frames.room[:] = b"\x82\x7f"
    frames.took(2)
    frames.room[:] = unhexlify("0000000000010000")
    frames.took(8)
    check.equal(frames.left, 65536)


def test_control_frames_come_between_fragments():
    data = unhexlify("020141 8900 000142 8a0178 800143".replace(" ", ""))
    check.equal(read(data), ("more", b"ABC", [(9, b""), (10, b"x")]))


def test_reserved_bits_are_refused():
    for first in ("c2", "a2", "92"):
        assert "reserved bit" in _refused(first + "00")


def test_reserved_opcodes_are_refused():
    for opcode in "34567bcdef":
        assert "reserved opcode" in _refused("8" + opcode + "00")


def test_a_masked_frame_is_refused():
    assert "masked" in _refused("828100000000 41")


def test_a_text_frame_is_refused():
    assert "text frame" in _refused("810141")


def test_a_control_frame_in_fragments_is_refused():
    assert "control frame" in _refused("0900")


def test_a_control_frame_of_126_bytes_is_refused():
    assert "control frame" in _refused("897e007e")


def test_a_continuation_of_nothing_is_refused():
    assert "out of order" in _refused("8000")
    assert "out of order" in _refused("0200 8000 8000")


def test_a_message_within_a_message_is_refused():
    assert "out of order" in _refused("0200 8200")


def test_a_length_not_in_its_shortest_form_is_refused():
    for text in ("827e007d", "827f000000000000ffff", "827f0000000000000000"):
        assert "length" in _refused(text)


def test_a_length_with_its_highest_bit_set_is_refused():
    assert "length" in _refused("827f8000000000010000")


# Close frames, 7.4


def test_codes_mean_what_the_rfc_and_iana_say():
    for code, meaning in (
        (1001, "going away"),
        (1002, "protocol error"),
        (1003, "unsupported data"),
        (1007, "invalid data"),
        (1008, "policy violation"),
        (1009, "message too big"),
        (1010, "extension missing"),
        (1011, "internal error"),
        (1012, "service restart"),
        (1013, "try again later"),
        (1014, "bad gateway"),
    ):
        check.equal(closing(bytes((code >> 8, code & 255))), "{} {}".format(code, meaning))


def test_a_reason_is_told():
    assert closing(b"\x03\xf0not you") == "1008 policy violation not you"


def test_a_normal_close_has_no_meaning():
    assert closing(b"") is None
    assert closing(b"\x03\xe8") is None
    assert closing(b"\x03\xe8bye") is None


def test_codes_of_frameworks_and_of_the_application_are_allowed():
    assert closing(b"\x0b\xb8").startswith("3000")
    assert closing(b"\x13\x87").startswith("4999")


def test_codes_that_may_not_be_sent_are_refused():
    for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535):
        assert "close frame" in _refused("8802{:04x}".format(code)), code


def test_a_close_frame_of_one_byte_is_refused():
    assert "close frame" in _refused("880103")


def test_a_reason_that_is_not_utf_8_is_refused():
    assert "close frame" in _refused("880303e8ff")
