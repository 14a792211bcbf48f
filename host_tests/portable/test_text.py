"""Is what leaves a board UTF-8, and can a peer's words forge a line of its log?"""

import gc
import json

import check
import signet
from signet.cloud import thing_mqtt
from signet.cloud.watson.mqtt import Dialect
from signet.errors import ProtocolError
from signet.reports import messages
from signet.reports.messages import Report
from signet.wire import cbor, exact_json
from signet.wire.exact_json import printable

HEAP = "200k"  # for `signet.open`
_FORGED = "\x1b[2Jno\nreport 7 stored\r\x7f\x9b2J\u2028\u202e"
_HARMLESS = "?[2Jno?report 7 stored???2J??"

# Bytes that MicroPython decodes though RFC 3629 sections 3 and 4 have no such character.
_NO_UTF8 = (
    b"\xc0\x80",
    b"\xe0\x9f\xbf",
    b"\xed\xb8\x80",
    b"\xf0\x8f\xbf\xbf",
    b"\xf4\x90\x80\x80",
)


def _decoded(data):
    """What MicroPython makes of bytes that are no UTF-8; of CPython's str only surrogates."""
    return data.decode() if check.MICROPYTHON else "\udc80"


def test_what_commands_a_terminal_or_is_no_character_becomes_a_question_mark():
    check.equal(printable(_FORGED), _HARMLESS)
    check.equal(
        printable("\0\t\x1f !~\x80\x9f\xa0\u2027\u2029\u202a\u2066\u2069"),
        "??? !~??\xa0\u2027????",
    )
    for data in _NO_UTF8:
        check.equal(printable("a" + _decoded(data) + "z"), "a?z")


def test_all_else_stays():
    for text in (
        "",
        "not yours",
        "gr\xfc\xdf \u4f60\u597d \ud55c\u200d\u202f \U0001f600\U0010fffd",
    ):
        check.equal(printable(text), text)


def test_what_is_long_or_no_text_takes_no_time():
    check.equal(printable("x" * 400, 256), "x" * 256)
    for value in (None, 7, 10**400, [[]]):
        check.equal(printable(value), "?")


def test_no_line_of_the_log_is_forged_whoever_has_his_say_in_it():
    path = check.scratch("device.json")
    values = {"cloud": "enos", "host": "h", "product_key": "p", "device_key": "d"}
    with open(path, "w") as file:
        file.write(json.dumps(dict(values, device_secret="s")))
    lines = []
    link = signet.open(path, log=lines.append)
    link.board = Board()
    link.poll()
    check.equal(lines[1], "board: OSError: " + _HARMLESS)


class Board:
    def network_up(self, timeout_ms=0):
        raise OSError(_FORGED)

    set_clock = network_up


# RFC 8259 section 7: the escapes; the right text by RFC 2781 section 2.2.
_ESCAPED = (
    ("\\ud83d\\ude00", "\U0001f600"),
    ("\\uD834\\uDD1Ex", "\U0001d11ex"),
    ("\\udbff\\udfff\\ud800\\udc00", "\U0010ffff\U00010000"),
    ("\\ud83d", "\ufffd"),
    ("\\ude00\\ud83d", "\ufffd\ufffd"),
    ("\\ud83d \\ude00", "\ufffd \ufffd"),
    ("\\ud83d\\ud83d\\ude00", "\ufffd\U0001f600"),
    ("\\\\ud83d\\u00e9\\n\\\\", "\\ud83d\xe9\n\\"),
    ("\\ud83d\\\\\\ude00", "\ufffd\\\ufffd"),
    ("\U0001f600\u4f60\\u4f60", "\U0001f600\u4f60\u4f60"),
)


def test_surrogates_in_json_are_joined_and_a_lone_one_is_replaced():
    for escaped, text in _ESCAPED:
        payload = '{{"{}":["{}"]}}'.format(escaped, escaped).encode()
        for data in (payload, bytearray(payload)):
            check.equal(exact_json.loads(data, "here"), {text: [text]})


def test_json_that_is_no_utf_8_is_never_handed_on():
    for data in _NO_UTF8:
        check.equal(exact_json.loads(b'"a' + data + b'z"', "here"), "a\ufffdz")
    lone = exact_json.loads(b'"\\ud83d\xc0\x80\\ude00"', "here")
    check.equal(lone, "\ufffd\ufffd\ufffd")
    check.equal(exact_json.loads(b'"\xed\xa0\xbd\xed\xb8\x80"', "here"), "\U0001f600")
    for data in (b'"\x80"', b'"\xe4\xb8"', b'"\xff"'):
        check.raises(ProtocolError, exact_json.loads, data, "here")


def test_garbage_that_is_collected_meanwhile_harms_no_text():
    # MicroPython 1.25: what `re` compiled itself, or was given by a function, went with it.
    if not check.MICROPYTHON:
        return
    before = gc.threshold()
    try:
        for size in (16, 256, 1024):
            gc.threshold(size)
            for count in (1, 50, 200):
                check.equal(printable("ab\n" * count), "ab?" * count)
                for escaped, text in _ESCAPED[:2]:
                    payload = '"{}"'.format(escaped * count).encode()
                    check.equal(exact_json.loads(payload, "here"), text * count)
    finally:
        gc.threshold(before)


def test_a_topic_that_commands_a_terminal_or_is_no_utf_8_is_refused_on_every_way_in():
    bad = ["/pk/a\tb", "a\n", "a\x7f", "a\x85", "a\u2029", "a\ufffe"]
    for topic in bad + [_decoded(data) for data in _NO_UTF8] + [b"t", 7, [], {}]:
        check.raises(ValueError, messages.check, b"x", topic, None, None, False, False)


def test_no_lone_surrogate_is_sent():
    for data in _NO_UTF8:
        text = _decoded(data)
        for written in (
            exact_json.dumps({text: text}),
            Report({text: text}).body,
            thing_mqtt.Dialect(("p", "d"), ()).answer(_Command, {text: text}).body,
        ):
            assert b"\xed" not in written and b"\\ud" not in written
            assert json.loads(written.decode()).get("\ufffd", "\ufffd") == "\ufffd"
        check.equal(
            messages.check(text + "\\ud83d\n", "t", None, None, False, False),
            b"\xef\xbf\xbd\\ud83d\n",
        )
        check.equal(cbor.dumps(text), b"\x63\xef\xbf\xbd")
        bad = bytes((0x60 + len(data),)) + data
        check.raises(ProtocolError, cbor.loads, bad)


class _Command:
    id, topic = "1", "/set"


def test_an_emoji_in_a_command_is_answered_as_it_came():
    dialect = thing_mqtt.Dialect(("p", "d"), ())
    dialect.setting = "property/set"
    payload = b'{"id":"1","params":{"label":"hi \\ud83d\\ude00"}}'
    command = dialect.decode(dialect.prefix + "service/property/set", payload)[1]
    answer = dialect.answer(command, command.data).body.decode()
    check.equal(json.loads(answer)["data"], {"label": "hi \U0001f600"})


def test_a_cloud_s_answer_is_made_printable():
    payload = json.dumps({"id": 1, "code": 1, "message": _FORGED}).encode()
    dialect = thing_mqtt.Dialect(("p", "d"), ())
    dialect.passing = ()
    topic = dialect.prefix + "event/property/post_reply"
    error = dialect.decode(topic, payload)[2]
    check.equal(str(error), topic + ": code 1: " + _HARMLESS)


def test_a_notice_is_made_printable():
    config = {"role": "gateway", "org_id": "o", "type_id": "r", "device_id": "g"}
    dialect = Dialect(dict(config, event="status", window=4), None)
    notice = {"Request": "Publish", "Topic": "t", "RC": 180, "Message": _FORGED}
    error = dialect.decode("iot-2/type/r/id/g/notify", json.dumps(notice).encode())[2]
    check.equal(str(error), "Publish refused: t: RC 180: " + _HARMLESS)
    for key in ("Request", "Topic", "RC"):
        for forged in ("a\n", "a\x7f", "a\x9b", "a\u2028"):
            payload = json.dumps(dict(notice, **{key: forged})).encode()
            check.raises(ProtocolError, dialect.decode, "iot-2/type/r/id/g/notify", payload)
