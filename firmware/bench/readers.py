"""What of a board reads what a peer, a file or a cut of the power has made of bytes?

READERS: name -> read.  `read(data)` returns the name of what came of the bytes, and raises for
what must not come: any error but those that the docstrings of lib/signet promise, or a result that
is none.  For fuzz_readers.py, and fuzzing by coverage.
"""

import os
import sys
from binascii import crc32

from seeds import CERTIFICATE, KEY
from signet.cloud.alibaba import grant, http_codes
from signet.cloud.alibaba import mqtt as alibaba
from signet.cloud.enos import mqtt as enos
from signet.cloud.watson import mqtt as watson
from signet.device import config
from signet.device.state import State
from signet.errors import ConfigError, ProtocolError, Rejected, SignetError
from signet.reports import dead, restore, room  # noqa: F401  loaded late, they would be growth
from signet.reports.messages import Command, Report
from signet.reports.outbox import Outbox
from signet.wire import cbor, exact_json, http_date, surrogates, x509  # noqa: F401
from signet.wire.http import Reply

_DEEPEST = 400  # CPython's json is recursive, MicroPython's is not
_MOST = 64  # more reports than fit into what is fuzzed


def _log(line):
    assert isinstance(line, str)


def _in_the_log(text):
    assert exact_json.printable(text) == text, "a line could be forged"


def _json(data):
    try:
        value = exact_json.loads(data, "here")
    except ProtocolError:
        return "refused"
    try:
        written = exact_json.dumps(value)
    except Rejected:  # a number beyond a float, an empty key
        return "read"
    written.decode()  # on CPython it is exact
    if isinstance(value, (dict, list)) and len(written) <= 4096:
        again = exact_json.loads(written, "here")
        assert exact_json.loads(exact_json.dumps(again), "here") == again, "not the same"
    return "read"


def _cbor(data):
    try:
        value = cbor.loads(data)
    except ProtocolError:
        return "refused"
    written = cbor.dumps(value)
    assert cbor.dumps(cbor.loads(written)) == written, "not the same"
    return "read"


_NAMES = {"product_key": "p", "device_name": "d", "device_key": "d"}
_OWN = {"org_id": "o", "type_id": "t", "device_id": "d", "event": "e", "window": 4}
_HEARS = ["iot-2/type/+/id/+/evt/+/fmt/+", "iot-2/type/+/id/+/mon", "iot-2/app/+/mon"]
_DIALECTS = (
    (alibaba.Dialect(_NAMES), "/sys/p/d/thing/event/property/post_reply"),
    (alibaba.Dialect(_NAMES), "/sys/p/d/thing/service/property/set"),
    (enos.Dialect(_NAMES), "/sys/p/d/thing/measurepoint/post_reply"),
    (enos.Dialect(_NAMES), "/sys/p/d/thing/service/reboot"),
    (watson.Dialect(dict(_OWN, role="device"), _log), "iot-2/cmd/go/fmt/json"),
    (watson.Dialect(dict(_OWN, role="gateway"), _log), "iot-2/type/t/id/d/notify"),
    (
        watson.Dialect(dict(_OWN, role="application", subscribe=_HEARS), _log),
        "iot-2/type/t/id/d/mon",
    ),
)


def _reply(data):
    """JSON of each cloud, where it would come."""
    said = "refused"
    for dialect, topic in _DIALECTS:
        try:
            event = dialect.decode(topic, data)
        except ProtocolError as error:
            _in_the_log(str(error))
            continue
        said = "read"
        if event[0] == "reply":
            assert isinstance(event[1], str), "no id"
            _in_the_log(event[1])
            _in_the_log(str(event[2]))
        else:
            command = event[1]
            assert isinstance(command, Command)
            _in_the_log(command.name)
            if dialect.replies:
                _answer(dialect, command)
    try:
        values = exact_json.parse("/auth", data)
        for encrypted in (False, True):
            token = grant.read(values, encrypted)["token"]
            token.encode()
            _in_the_log(token)
    except ProtocolError:
        pass
    else:
        return "granted"
    return said


def _answer(dialect, command):
    try:
        answer = dialect.answer(command, command.data)
    except Rejected:
        return
    if answer is not None:
        answer.body.decode()
        _in_the_log(answer.topic)


def _code(data):
    """What Alibaba says by HTTPS beside a code."""
    try:
        body = exact_json.parse("/topic", data)
    except ProtocolError:
        return "refused"
    code = body.get("code")
    if type(code) is not int:
        return "no code"
    for report in (None, Report({"t": 1})):
        try:
            http_codes.refuse(Reply(4096, ()), "/topic", code, body.get("message"), report)
        except SignetError as error:
            _in_the_log(str(error))
            continue
        raise AssertionError("no error")
    return "read"


def _certificate(data):
    ends = x509.not_after(data)
    for end in ends:
        assert isinstance(end, int), "no time"
    for key, cert in ((data, CERTIFICATE), (KEY, data), (data, data)):
        assert x509.belongs(key, cert) in (True, False), "neither yes nor no"
    assert x509.names(data, "d:t:1") in (True, False), "neither yes nor no"
    return "read" if ends else "refused"


def _date(data):
    try:
        assert isinstance(http_date.unix_s(data.decode()), int), "no time"
    except ValueError:
        return "refused"
    return "read"


def _records(data):
    """Lines get the CRC that they should have, or nothing would be looked at; but not "!..."."""
    if data.count(b"[") + data.count(b"{") > _DEEPEST:
        data = b""
    written = []
    for line in data.split(b"\n"):
        written.append(line[1:] if line[:1] == b"!" else b"%08x" % crc32(line) + line + b"\n")
    return b"".join(written)


def _write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def _clear(folder):
    for name in os.listdir(folder):
        os.remove(folder + "/" + name)


def _state(data):
    _write("signet.state", _records(data))
    state = State()
    assert isinstance(state.values, dict), "no values"
    state.keep({"n": 5}, _log)
    state.save({"token": "t", "expires": None})
    kept = State().values
    assert (kept["n"], kept["token"], kept.get("expires")) == (5, "t", None), "not kept"
    assert state.reserve("n", 8) == 5, "not the number that was kept"
    return "damaged" if state.damaged else "read"


def _outbox(data):
    """Files `0`, `1` and `x3`, with "---" between."""
    _clear("outbox")
    for name, part in zip(("0", "1", "x3"), data.split(b"\n---\n")):  # noqa: B905
        _write("outbox/" + name, _records(part))
    outbox = Outbox(16_384, True, 10_000, _log)
    assert len(outbox) >= 0, "less than nothing waits"
    outbox.put(Report({"new": 1}))
    for key, reason, report in outbox.dead:
        assert isinstance(key, int), "no key"
        assert isinstance(reason, str), "no reason"
        _is_report(report)
    outbox.retry()
    count = 0
    key = outbox.after(0)
    while key is not None:
        count += 1
        assert count < _MOST, "it never ends"
        report = outbox.get(key)
        if report is not None:
            _is_report(report)
        outbox.misses[key] = outbox.misses.get(key, 0) + 1
        if count & 1:
            outbox.done(key)
        key = outbox.after(key)
    assert outbox.knows("a") in (True, False)
    outbox.keep()
    outbox.close()
    again = Outbox(16_384, True, 10_000, _log)
    assert again.next_key > 1, "keys come again"
    return "some" if count > 1 else "one"


def _is_report(report):
    assert isinstance(report.body, bytes), "no body"
    assert not report.topic or isinstance(report.topic, str), "no topic"
    assert not report.event or isinstance(report.event, str), "no event"


def _is_short(text):
    assert len(text) < 500, "a long story"


class _NoFiles:
    """In place of signet.device.credentials."""

    @staticmethod
    def load(values, log):
        pass


def _config(data):
    _write("device.json", data)
    try:
        values = config.load("device.json", _log)
    except ConfigError as error:
        _is_short(str(error))
        return "refused"
    assert values["host"], "not whole"
    return "read"


READERS = {
    "json": _json,
    "cbor": _cbor,
    "replies": _reply,
    "codes": _code,
    "x509": _certificate,
    "dates": _date,
    "state": _state,
    "outbox": _outbox,
    "config": _config,
}


def settle(folder):
    """Makes a folder for the files of the readers, and goes there."""
    os.mkdir(folder)
    os.chdir(folder)
    os.mkdir("outbox")
    sys.modules["signet.device.credentials"] = _NoFiles
