"""Who is told, and how often, before a certificate expires?"""

import json
import os
import sys

import check
import signet
from signet import clock, modules
from signet.certificate import expiry
from signet.device import config
from signet.device.state import State
from signet.errors import ConfigError
from signet.wire import iso8601

_DAY_MS = 86_400_000
_NOW_MS = 1_800_000_000_000  # 2027-01-15T08:00:00Z
_NOW = 1_800_000_000


class Flash:
    state = None  # path of the state
    takes = True


def _look(days_left, now_ms=_NOW_MS, fresh=True, **changes):
    """Looks once; returns (log lines, events). fresh: nobody has been told yet."""
    if fresh:
        for name in ("", ".new"):
            try:
                os.remove(Flash.state + name)
            except OSError:
                pass
    lines = []
    values = {"expiry_warning_days": 30}
    values["expires"] = [(_NOW + int(days_left * 86_400), "board-1.pem")]
    values.update(changes)
    before = clock.unix_ms, clock.is_set
    clock.unix_ms, clock.is_set = lambda: now_ms, lambda: now_ms > 1_700_000_000_000
    try:
        events = expiry.look(values, lines.append, State(Flash.state))
        again = len(lines)
        later = expiry.look(values, lines.append, State(Flash.state))  # the same day
        assert not later or not Flash.takes
    finally:
        clock.unix_ms, clock.is_set = before
    assert not [line for line in lines[again:] if "expire" in line]
    return lines, events


def _in_scratch(test):
    Flash.state = check.scratch("state")
    test()


def test_log_and_cloud_are_warned_when_less_days_are_left():
    def test():
        lines, reports = _look(10.5)
        assert lines == ["warning: board-1.pem expires on 2027-01-25, in 10 days"]
        values = {"file": "board-1.pem", "expires": "2027-01-25", "days_left": 10}
        assert reports == [("certificate_expiry", values)]

    _in_scratch(test)


def test_what_has_expired_is_warned_of_too():
    def test():
        lines, reports = _look(-2.5)
        assert lines == ["warning: board-1.pem expired on 2027-01-12, 2 days ago"]
        assert reports[0][1]["days_left"] == -3

    _in_scratch(test)


def test_nobody_is_told_while_there_is_time():
    def test():
        assert _look(31) == ([], [])
        assert _look(30) == ([], [])
        assert _look(29.9)[0]

    _in_scratch(test)


def test_each_file_has_its_line():
    def test():
        files = [(_NOW, "b.pem"), (_NOW + 86_400, "a.pem"), (_NOW + 40 * 86_400, "ca.pem")]
        lines, reports = _look(0, expires=files)
        assert [line.split()[1] for line in lines] == ["b.pem", "a.pem"] and len(reports) == 2

    _in_scratch(test)


def test_the_log_is_told_at_each_start_and_the_cloud_once_a_day():
    def test():
        assert len(_look(10)[1]) == 1
        lines, reports = _look(10, _NOW_MS + 60_000, False)
        assert len(lines) == 1 and not reports
        lines, reports = _look(10, _NOW_MS + _DAY_MS, False)
        assert len(lines) == 1 and len(reports) == 1

    _in_scratch(test)


def test_a_clock_that_is_not_set_is_said_once():
    def test():
        lines, events = _look(10, 1000)
        assert lines == ["the clock is not set: when a certificate expires cannot be told"]
        assert events is None

    _in_scratch(test)


def test_a_date_is_right_in_every_year():
    # by the standard library's datetime
    for unix_s, text in (
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"),
        (1_709_251_199, "2024-02-29T23:59:59.000Z"),
        (2_147_483_648, "2038-01-19T03:14:08.000Z"),
        (2_240_611_199, "2040-12-31T23:59:59.000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799, "9999-12-31T23:59:59.000Z"),
        (-1, "1969-12-31T23:59:59.000Z"),
    ):
        check.equal(iso8601.text(unix_s * 1000), text)


def test_an_application_has_a_line_but_no_event():
    def test():
        lines, reports = _look(10, role="application")
        assert lines and not reports

    _in_scratch(test)


def test_a_flash_that_takes_nothing_does_not_silence_the_warning():
    def test():
        os.mkdir(Flash.state)  # no file can be written there
        Flash.takes = False
        lines, reports = _look(10, fresh=False)
        Flash.takes = True
        os.rmdir(Flash.state)
        assert "expires on" in lines[0] and "is the flash full?" in lines[1] and reports

    _in_scratch(test)


def test_it_is_looked_once_a_day_and_only_when_the_end_is_near():
    from signet import daily

    class Link:
        def report(self, values, event):
            reported.append(event)

    looked, reported = [], []
    before, expiry.look = expiry.look, lambda *_: looked.append(1) or [("certificate_expiry", {})]
    try:
        for days, times in ((40, 0), (20, 1)):
            values = {"expiry_warning_days": 30}
            values["expires"] = [(clock.unix_ms() // 1000 + days * 86_400, "board-1.pem")]
            due = {}
            for _ in range(2):
                left_ms = daily.run(Link(), None, values, None, None, due)
                assert _DAY_MS - 5000 < left_ms <= _DAY_MS
            check.equal((len(looked), len(reported)), (times, times))
    finally:
        expiry.look = before


SERVERS = {"broker": ("mosquitto", "require_certificate", "good")}
_ENOS = {
    "cloud": "enos",
    "host": "mqtt.example.com",
    "tls": True,
    "product_key": "pk",
    "device_key": "dk",
    "device_secret": "s",
}


def _written(**changes):
    """Returns the path of a device.json."""
    end = check.server("broker")
    values = _ENOS.copy()
    values.update({"ca": end["ca"], "cert": end["client_cert"], "key": end["client_key"]})
    values.update(changes)
    values = {key: value for key, value in values.items() if value is not None}
    path = check.scratch("device.json")
    with open(path, "w") as file:
        json.dump(values, file)
    return path


def _loaded(**changes):
    return config.load(_written(**changes), lambda line: None)


def _wrong(**changes):
    error = check.raises(ConfigError, _loaded, **changes)
    return error.key, error.rule


def test_a_configuration_says_when_certificate_and_ca_expire():
    expires = _loaded()["expires"]
    end = check.server("broker")
    files = [end["client_cert"], end["ca"]]
    check.equal(expires, [[at, name] for at, name in zip(end["ends"], files)])


class _TokenSession:
    """A way in that keeps its token; it never opens."""

    KEEPS_STATE = True
    state = None

    @classmethod
    def session(cls, config, log, state):
        cls.state = state
        return cls()

    def begin(self, deadline):
        pass


def test_what_a_warning_keeps_survives_fifty_tokens_of_the_session():
    now_ms, where = check.server("broker")["ends"][1] * 1000 - 86_400_000, os.getcwd()
    before = clock.unix_ms, clock.is_set
    clock.unix_ms, clock.is_set = lambda: now_ms, lambda: True
    sys.modules["signet.cloud.enos.mqtt"] = _TokenSession
    try:
        lines, path, folder = [], _written(cert=None, key=None), check.scratch("board")
        os.mkdir(folder)
        os.chdir(folder)  # signet.state lies in the current one, as on a board
        signet.open(path, None, lines.append).poll()
        for number in range(50):
            _TokenSession.state.save({"token": "%d" % number, "much": "x" * 100})
        assert State().values["warned"] == now_ms // 86_400_000, lines
    finally:
        os.chdir(where)
        clock.unix_ms, clock.is_set = before
        modules.forget("signet.cloud.enos.mqtt")


def test_a_configuration_without_warning_or_tls_says_nothing():
    assert _loaded(expiry_warning_days=0)["expires"] is None
    assert _loaded(tls=False, cert=None, key=None)["expires"] is None


def test_a_chain_ends_with_its_first_and_a_bundle_with_its_last():
    path = check.scratch("bundle.pem")
    clients = check.server("broker")["clients"]
    data = b""
    for kind in ("good", "expired"):
        with open(clients[kind][0], "rb") as file:
            data += file.read()
    with open(path, "wb") as file:
        file.write(data)
    ends = [end for end, name in _loaded(cert=path)["expires"] if name == path]
    assert ends[0] < clock.unix_ms() // 1000
    ends = [end for end, name in _loaded(ca=path)["expires"] if name == path]
    assert ends[0] > clock.unix_ms() // 1000


def test_a_file_that_is_missing_is_named():
    for name in ("ca", "cert", "key"):
        key, rule = _wrong(**{name: "no-such.pem"})
        assert key == name and "no-such.pem" in rule and "board deploy" in rule


def test_a_key_without_its_certificate_is_an_error():
    key, rule = _wrong(cert=None)
    assert key == "cert" and "`key` is of a certificate" in rule


def test_a_certificate_without_tls_is_an_error():
    key, rule = _wrong(tls=False)
    assert key == "cert" and "TLS only" in rule


def test_a_key_of_another_certificate_is_an_error():
    other = check.server("broker")["clients"]["chain"][1]
    assert _wrong(key=other) == ("key", "is not the one of the certificate in `cert`")


def test_enos_warns_of_tls_without_a_certificate():
    warnings = []
    config.check(_ENOS, warnings.append)
    assert "client certificate" in warnings[0] and "`cert`" in warnings[0]
