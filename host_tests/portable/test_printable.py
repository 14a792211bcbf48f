"""Can a peer's words forge a line of the log, or command a terminal?"""

import json

import check
from signet.cloud import thing
from signet.cloud.watson.mqtt import Dialect
from signet.printable import printable

_FORGED = "\x1b[2Jno\nreport 7 stored\r\x7f"
_HARMLESS = "?[2Jno?report 7 stored??"


def test_control_characters_become_question_marks():
    check.equal(printable(_FORGED), _HARMLESS)
    check.equal(printable("\0\t\x1f !~"), "??? !~")


def test_all_else_stays():
    for text in ("", "not yours", "gr\xfc\xdf \u4f60\u597d \U0001f600"):
        check.equal(printable(text), text)
    check.equal(printable(None), "None")
    check.equal(printable(7), "7")


def test_a_cloud_s_answer_is_made_printable():
    error = thing.answer("t", {"code": 1, "message": _FORGED}, ())[2]
    check.equal(str(error), "t: code 1: " + _HARMLESS)


def test_a_notice_is_made_printable():
    config = {"role": "gateway", "org_id": "o", "type_id": "r", "device_id": "g"}
    dialect = Dialect(dict(config, event="status", window=4), None)
    for key in ("Request", "Topic", "RC", "Message"):
        notice = json.dumps({key: _FORGED}).encode()
        text = str(dialect.decode("iot-2/type/r/id/g/notify", notice)[2])
        assert _HARMLESS in text and text == printable(text), text
