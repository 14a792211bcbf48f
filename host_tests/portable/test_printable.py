"""Can a peer's words forge a line of the log, or command a terminal?"""

import json

import check
from signet.cloud import thing_mqtt
from signet.cloud.watson.mqtt import Dialect
from signet.errors import ProtocolError
from signet.printable import printable

_FORGED = "\x1b[2Jno\nreport 7 stored\r\x7f"
_HARMLESS = "?[2Jno?report 7 stored??"


def test_control_characters_become_question_marks():
    check.equal(printable(_FORGED), _HARMLESS)
    check.equal(printable("\0\t\x1f !~"), "??? !~")


def test_all_else_stays():
    for text in ("", "not yours", "gr\xfc\xdf \u4f60\u597d \U0001f600"):
        check.equal(printable(text), text)


def test_what_is_long_or_no_text_takes_no_time():
    check.equal(printable("x" * 400), "x" * 256)
    for value in (None, 7, 10**400, [[]]):
        check.equal(printable(value), "?")


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
        forged = json.dumps(dict(notice, **{key: _FORGED})).encode()
        check.raises(ProtocolError, dialect.decode, "iot-2/type/r/id/g/notify", forged)
