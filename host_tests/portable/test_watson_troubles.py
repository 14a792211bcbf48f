"""What does a gateway or an application of Watson do when the platform refuses something?

A gateway's refused topic gets PUBACK, or SUBACK 0x80, and a notice, in any order (eclipse/amlen
server_proxy, pxmqtt.c).
"""

import check
from check_watson_links import Program
from signet.cloud.watson import mqtt

SERVERS = {
    "polite": ("tcp", "mqtt"),
    "closes": ("tcp", [("packet",), ("close",)]),
    "refuses": ("tcp", [("packet",), ("send", "20020005")]),
    "no_commands": (
        "tcp",
        [("answer",), ("packet",), ("send", "900400018001"), ("answer",), ("answer",)],
    ),
    "notice_first": (
        "tcp",
        [
            ("answer",),
            ("answer",),
            ("packet",),
            (
                "send_text",
                (
                    "\x30\x7e\x00\x18iot-2/type/r/id/g/notify"
                    '{"Request":"Publish","Topic":"iot-2/type/m/id/1/evt/status/fmt/json",'
                    '"RC":180,"Message":"not yours"}'
                ),
            ),
            ("answer",),
            ("answer",),
        ],
    ),
    "notice_late": (
        "tcp",
        [
            ("answer",),
            ("answer",),
            ("answer",),
            (
                "send_text",
                (
                    "\x30\x7e\x00\x18iot-2/type/r/id/g/notify"
                    '{"Request":"Publish","Topic":"iot-2/type/m/id/1/evt/status/fmt/json",'
                    '"RC":180,"Message":"not yours"}'
                ),
            ),
            ("answer",),
            ("answer",),
        ],
    ),
}

_METER = ("m", "1")
_REFUSED = "Publish refused: iot-2/type/m/id/1/evt/status/fmt/json: RC 180: not yours"


def test_a_gateway_logs_in_as_one():
    program = Program("polite")
    program.logs("connected")
    program.link.close()
    (sent,) = check.connections("polite", 60)
    assert b"\0\x0cg:myorg1:r:g\0\x0euse-token-auth\0\x06s3cr3t" in sent


def test_a_notice_fails_the_report_in_flight_and_the_next_goes():
    program = Program("notice_first")
    program.link.report({"t": 1}, device=_METER)
    program.link.report({"t": 2})
    check.equal(program.logs("report 1 "), "report 1 set aside: " + _REFUSED)
    program.logs("report 2 stored")
    program.link.close()


def test_a_notice_after_the_acknowledgement_says_which_report_is_lost():
    program = Program("notice_late")
    program.link.report({"t": 1}, device=_METER)
    program.logs("report 1 stored")
    line = program.logs("report 1 is lost, refused after its acknowledgement (1 so far)")
    assert _REFUSED in line, line
    program.link.report({"t": 2})
    program.logs("report 2 stored")
    program.link.close()


def test_a_gateway_whose_subscription_is_refused_says_so_and_reports():
    program = Program("no_commands")
    line = program.logs("subscription to")
    assert "iot-2/type/+/id/+/cmd/+/fmt/+ refused" in line and "reports go on" in line
    program.link.report({"t": 1})
    program.logs("report 1 stored")
    check.equal(len([line for line in program.lines if line == "connected"]), 1)
    program.link.close()


def test_a_refused_application_is_told_which_keys_to_check():
    program = Program("refuses", "application")
    line = program.logs("not connected")
    assert "CONNACK 5" in line and "check api_key, token, org_id, app_id and host" in line
    assert "s3cr3t" not in line


def test_a_board_with_a_certificate_is_told_to_check_that_too():
    line = Program("refuses", "device", cert="board-1.pem").logs("not connected")
    assert line.count("and host, and whom `cert` names") == 1, line
    assert "`cert`" not in Program("refuses", "device").logs("not connected")


def test_a_plain_login_that_is_closed_says_nothing_of_certificates():
    line = Program("closes").logs("not connected")
    assert "instead of answering CONNECT" in line and "cert" not in line, line


def test_a_device_reports_for_itself_only():
    program = Program("polite", "device")
    error = check.raises(ValueError, program.link.report, {"t": 1}, device=_METER)
    assert "gateway" in str(error)


def test_all_instances_of_a_scalable_application_share_their_identity():
    for role, exclusive in (("application", True), ("scalable-application", False)):
        values = Program("polite", "application").link._config
        values["role"] = role
        check.equal(mqtt.session(values, None).is_exclusive, exclusive)
