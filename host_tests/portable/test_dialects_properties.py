"""Does what a peer writes mean something to a dialect, or is it a ProtocolError in short words?"""

import check
from signet.errors import ProtocolError
from signet.modules import Tidy

_CONFIG = {"product_key": "pk", "device_name": "dn", "device_key": "dk", "org_id": "myorg1"}
_CONFIG.update({"type_id": "r", "device_id": "g", "subscribe": (), "event": "e", "window": 4})
_READ = (
    ("alibaba", None, "/sys/pk/dn/thing/event/property/post_reply"),
    ("alibaba", None, "/sys/pk/dn/thing/service/property/set"),
    ("alibaba", None, "/sys/pk/dn/thing/service/reboot"),
    ("enos", None, "/sys/pk/dk/thing/measurepoint/post_reply"),
    ("enos", None, "/sys/pk/dk/thing/service/measurepoint/set"),
    ("enos", None, "/sys/pk/dk/thing/service/reboot"),
    ("watson", "device", "iot-2/cmd/set/fmt/json"),
    ("watson", "gateway", "iot-2/type/r/id/g/notify"),
    ("watson", "gateway", "iot-2/type/m/id/1/cmd/set/fmt/json"),
    ("watson", "application", "iot-2/type/m/id/1/evt/e/fmt/json"),
    ("watson", "application", "iot-2/type/m/id/1/mon"),
    ("watson", "application", "iot-2/app/a/mon"),
)
_ODD = [b"7" * 300, b'"' + b"x" * 300 + b'"', b"[" * 8 + b"]" * 8, b"[" * 99 + b"]" * 99]
_ODD += b'null true -1 1.5 1e999 9007199254740992 [] {} "" "7" "\\n" "\\ud83d" "\\u0000"'.split()


def _dialect(cloud, role):
    with Tidy():  # as signet.open does
        module = __import__("signet.cloud.{}.mqtt".format(cloud), None, None, ("*",))
    if role is None:
        return module.Dialect(_CONFIG)
    return module.Dialect(dict(_CONFIG, role=role), lambda line: None)


def test_whatever_stands_in_a_message_it_means_something_or_is_a_protocol_error():
    message = {"id": b'"7"', "code": b"1", "message": b'"m"', "params": b"{}", "Action": b'"x"'}
    message.update({"Request": b'"r"', "Topic": b'"t"', "RC": b"180", "Message": b'"m"'})
    for cloud, role, topic in _READ:
        dialect = _dialect(cloud, role)
        assert dialect.decode(topic, _json(message)) is not None, topic
        for name in message:
            for odd in _ODD:
                _decode(dialect, topic, _json(dict(message, **{name: odd})))
        for odd in _ODD:
            _decode(dialect, topic, odd)


def test_whatever_byte_is_changed_or_cut_it_means_something_or_is_a_protocol_error():
    message = (
        b'{"id":"7","code":1,"RC":180,"Topic":"t","Request":"\\u00e9","Action":"x","params":[1.5]}'
    )
    for cloud, role, topic in check.spread(_READ):
        dialect = _dialect(cloud, role)
        for at in range(len(topic)):
            for level in ("", "+", "/", "x"):
                _decode(dialect, topic[:at] + level + topic[at + 1 :], message)
        for at in range(len(message)):
            _decode(dialect, topic, message[:at])
            for byte in b'\0 "\\{}[]:,-7e\xed':
                changed = bytearray(message)
                changed[at] = byte
                _decode(dialect, topic, bytes(changed))


def _json(members):
    return b"{" + b",".join([b'"%s":' % name.encode() + members[name] for name in members]) + b"}"


def _decode(dialect, topic, payload):
    try:
        meaning = dialect.decode(topic, payload)
    except ProtocolError as error:
        meaning = (str(error),)
    if meaning is None:  # nothing to this dialect
        return
    if meaning[0] == "command":
        name, id = meaning[1].name, meaning[1].id
        assert isinstance(name, str) and len(name) <= 256
        assert id is None or isinstance(id, (int, str))
    else:
        text = str(meaning[-1])
        assert len(text) < 600 and min(text.encode("utf-8", "replace")) > 31, text
