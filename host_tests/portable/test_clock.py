"""Does a board find out what time it is, and when an answer is no time?"""

import os
import sys

import check
from signet import clock, daily
from signet.device.state import State
from signet.wire import http_date

PROOF = ("test_a_web_server_that_never_ends_its_answer_is_left",)

# SNTP (RFC 5905 section 7.3): leap indicator, version and mode, then the stratum; the time in
# seconds since 1900 and a fraction.  The times are the standard library's.
SERVERS = {
    "ntp": ("udp", [("datagram",), ("sntp", "2402", "eee16b0000000000"), ("again",)]),
    "after 2036": ("udp", [("datagram",), ("sntp", "2402", "0097418000000000"), ("again",)]),
    "kiss of death": ("udp", [("datagram",), ("sntp", "e400", "0000000000000000"), ("again",)]),
    "stratum 0": ("udp", [("datagram",), ("sntp", "2400", "eee16b0000000000"), ("again",)]),
    "zeros": ("udp", [("datagram",), ("sntp", "2402", "0000000000000000"), ("again",)]),
    "unsynchronised": ("udp", [("datagram",), ("sntp", "e402", "eee16b0000000000"), ("again",)]),
    "1970": ("udp", [("datagram",), ("sntp", "2402", "83aa7e8000000000"), ("again",)]),
    "before the build": ("udp", [("datagram",), ("sntp", "2402", "ee90ff7f00000000"), ("again",)]),
    "2047": ("udp", [("datagram",), ("sntp", "2402", "1480088000000000"), ("again",)]),
    "of another request": (
        "udp",
        [
            ("datagram",),
            (
                "send",
                (
                    "240200000000000000000000000000000000000000000000"
                    "00000000000000000000000000000000eee16b0000000000"
                ),
            ),
            ("datagram",),
            ("send", "24"),
            ("echo",),
        ],
    ),
    "silent": ("udp", "black_hole"),
    "refused": ("tcp", "refused"),
    "web": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.1 404 Not Found\r\ndate: Sat, 01 Jan 2028 00:00:00 GMT\r\n\r\n"),
        ],
    ),
    "web without": ("tcp", [("request",), ("send_text", "HTTP/1.1 200 OK\r\nDate\r\n\r\n")]),
    "web of 1994": (
        "tcp",
        [
            ("request",),
            ("send_text", "HTTP/1.0 200\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\n"),
        ],
    ),
    "slow web": ("tcp", [("request",), ("drip", "HTTP/1.1 200 OK and so on and on", 500)]),
}
_NO_TIME = (
    "kiss of death",
    "stratum 0",
    "zeros",
    "unsynchronised",
    "1970",
    "before the build",
    "2047",
    "of another request",
    "refused",
    "web without",
    "web of 1994",
)
_2026_11_20 = 1_795_132_800
_2027 = 1_798_761_600
_2028 = 1_830_297_600
_NEW_YEAR_2027 = (2027, 1, 1, 5, 0, 0, 0, 0)  # a Friday


class _Machine:
    """A board's `machine`: a clock, and memory that a power cut clears."""

    DEEPSLEEP_RESET = 4

    def __init__(self, now_s, memory=b"", cause=1):
        self.now_s, self.kept, self.cause, self.set_to = now_s, memory, cause, []

    def reset_cause(self):
        return self.cause

    def RTC(self):
        return self

    def memory(self, data=None):
        if data is None:
            return self.kept
        self.kept = bytes(data)
        return None

    def datetime(self, value):
        self.set_to.append(value)


def _set_clock(machine, *names, proved=None):
    """Asks these servers in turn; proved: the day since 1970 that signet.state has."""
    servers = []
    for name in names:
        end = check.server(name)
        how = "http" if "web" in name or name == "refused" else "ntp"
        servers.append((how, end["host"], end["port"]))
    State().save({"proved": proved})
    before, clock.unix_ms = clock.unix_ms, lambda: machine.now_s * 1000
    found, sys.modules["machine"] = sys.modules.get("machine"), machine
    try:
        from signet import network_time

        network_time.machine = machine
        return network_time.set_clock(servers)
    finally:
        clock.unix_ms = before
        sys.modules.pop("machine")
        if found:
            sys.modules["machine"] = found


def test_the_clock_is_set_to_what_a_time_server_says():
    for name, time in (("ntp", _NEW_YEAR_2027), ("after 2036", (2036, 6, 1, 7, 0, 0, 0, 0))):
        board = _Machine(0)
        assert _set_clock(board, name)
        check.equal(board.set_to, [time], name)


def test_an_answer_that_is_no_time_is_not_kept_and_the_next_server_is_asked():
    for name in _NO_TIME:
        board = _Machine(_2026_11_20)
        assert not _set_clock(board, name), name
        check.equal((board.set_to, board.kept[:4]), ([], b"none"), name)
        assert _set_clock(board, name, "ntp"), name
        check.equal((board.set_to, board.kept[:4]), ([_NEW_YEAR_2027], b"set "), name)


def test_where_ntp_is_blocked_the_date_of_a_web_server_serves():
    board = _Machine(0)
    assert _set_clock(board, "silent", "web")
    check.equal(board.set_to, [(2028, 1, 1, 6, 0, 0, 0, 0)])
    (request,) = check.connections("web", 1)
    head = request.decode().split("\r\n")
    assert head[0] == "HEAD / HTTP/1.1" and "Connection: close" in head, head
    assert len(check.connections("silent", 144)) == 3  # tries


def test_another_address_is_asked_where_the_first_does_not_answer():
    from signet import network_time

    class Two:
        def __getattr__(self, name):
            return getattr(really, name)

        def getaddrinfo(self, host, *rest):
            first = "::1" if is_ipv6 else "127.0.0.2"  # nobody is there
            return really.getaddrinfo(first, *rest) + really.getaddrinfo(host, *rest)

    really, network_time.socket = network_time.socket, Two()
    try:
        for is_ipv6 in (False, True):
            for name in ("ntp", "web"):
                assert _set_clock(_Machine(0), name), name
    finally:
        network_time.socket = really


def test_a_web_server_that_never_ends_its_answer_is_left():
    start = clock.ticks_ms()
    assert not _set_clock(_Machine(0), "slow web")
    assert clock.ticks_diff(clock.ticks_ms(), start) < 9000


def test_the_web_server_is_the_cloud_s_unless_another_is_named():
    end = check.server("web")
    host = end["host"]
    for text, found in (
        ('{"host": "%s"}' % host, True),
        ('\ufeff{"host": "%s."}' % host, True),
        ('{"host": 7}', False),
        ("{}", False),
        ("[", False),
    ):
        with open("device.json", "w") as file:
            file.write(text)
        try:
            from signet import network_time

            answer = network_time._ask([("http", None, end["port"])], 0)
        finally:
            os.remove("device.json")
        check.equal(answer, _2028 if found else None, text)


def test_the_time_is_asked_for_once_a_day_and_hourly_where_nobody_answers():
    def kept(mark, age_s):
        return mark + (_2026_11_20 - age_s).to_bytes(4, "little")

    for memory, cause, asked, is_set in (
        (kept(b"set ", 82_700), 4, False, True),
        (kept(b"set ", 82_700), 1, False, True),
        (kept(b"set ", 82_800), 4, True, True),
        (kept(b"set ", -60), 4, True, True),  # the clock went back
        (kept(b"set ", 0)[:4], 4, True, True),
        (b"somebody else", 4, True, True),
        (kept(b"none", 3500), 4, False, False),
        (kept(b"held", 3500), 4, False, False),
        (kept(b"none", 3600), 4, True, True),
        (kept(b"none", 3500), 1, True, True),  # switched on by a person, perhaps
    ):
        board = _Machine(_2026_11_20, memory, cause)
        check.equal(_set_clock(board, "ntp"), is_set, (memory, cause))
        check.equal(bool(board.set_to), asked, (memory, cause))


def test_no_answer_counts_before_the_day_that_was_proved():
    day = _2027 // 86_400
    board = _Machine(_2026_11_20)
    assert _set_clock(board, "ntp", proved=day)
    for name in ("ntp", "web"):
        board = _Machine(_2028 + 90_000, b"set " + bytes(4))
        check.equal(_set_clock(board, name, proved=_2028 // 86_400 + 1), False, name)
        check.equal(board.set_to, [])


def test_a_clock_that_went_back_begins_at_the_day_that_was_proved_and_stamps_no_report():
    for now_s in (0, _2026_11_20):
        board = _Machine(now_s)
        try:
            assert not _set_clock(board, "1970", proved=_2027 // 86_400)
            check.equal((board.set_to, board.kept[:4]), ([_NEW_YEAR_2027], b"held"))
            assert clock.doubted and not clock.is_set()
            board.now_s = _2027 + 5
            assert not _set_clock(board, "1970", proved=_2027 // 86_400)
            assert board.kept[:4] == b"held" and len(board.set_to) == 1
            assert _set_clock(board, "ntp") and not clock.doubted
        finally:
            clock.doubted = False


def test_a_day_is_proved_by_a_later_one_on_which_the_server_proved_itself_too():
    class Board:  # and its link
        def __init__(self, connected, answers):
            self.connected, self.set_clock = connected, lambda: answers

    def run(day, connected=True, answers=True, tls=True):
        lines = []
        board = Board(connected, answers)
        before, clock.unix_ms = clock.unix_ms, lambda: day * 86_400_000 + 5
        config = {"tls": tls, "retry_s": 20}
        try:
            wait_ms = daily.run(board, board, config, lines.append, State(path), {})
        finally:
            clock.unix_ms = before
        assert not lines and 0 < wait_ms <= 86_400_000
        return State(path).values.get("proved")

    path = check.scratch("state")
    check.equal(run(20_800), None)
    check.equal(run(20_800), None)
    check.equal(run(20_801, connected=False), None)
    check.equal(run(20_801, tls=False), None)
    check.equal(run(20_801, answers=False), None)
    check.equal(run(20_801), 20_800)
    check.equal(run(24_144), 20_800)  # one wrong answer: 2036
    check.equal(run(20_802), 20_800)
    check.equal(run(20_803), 20_802)
    check.equal(run(20_700), 20_802)  # a clock that went back
    check.equal(run(20_701), 20_802)
    check.equal(run(21_000), 20_802)  # a year ahead, and for days
    check.equal(run(21_001), 20_809)
    check.equal(run(20_804), 20_809)
    with open(path, "rb") as file:
        once = file.read()
    run(20_804)
    with open(path, "rb") as file:
        assert file.read() == once  # flash is written once a day


def test_an_answer_that_is_doubted_is_asked_for_again_within_the_day():
    memory = b"set " + _2026_11_20.to_bytes(4, "little")
    clock.doubted = True
    board = _Machine(_2026_11_20, memory)
    assert _set_clock(board, "ntp") and board.set_to == [_NEW_YEAR_2027]
    assert not clock.doubted


def test_a_date_of_http_is_read_in_each_of_its_forms():
    # RFC 9110 section 5.6.7; the others by the standard library's calendar.timegm
    for text, unix_s in (
        ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
        ("Sun Nov  6 08:49:37 1994", 784_111_777),
        ("Tue, 29 Feb 2028 23:59:59 GMT", 1_835_481_599),
        ("Thursday, 07-Feb-36 06:28:16 GMT", 2_085_978_496),
    ):
        check.equal(http_date.unix_s(text), unix_s, text)


def test_what_is_no_date_of_http_is_a_value_error():
    for text in (
        "",
        "120",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49 GMT",
        "Sun, 06 Nov 1994 08:49:37:00 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT",
        "Sun, 06 ovN 1994 08:49:37 GMT",
        "Sun, 06 Nov x 08:49:37 GMT",
    ):
        check.raises(ValueError, http_date.unix_s, text)
