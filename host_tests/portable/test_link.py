"""Does a Link hand over every report, whatever its Session and its cloud do?

The session here is scripted: it plays the cloud's part of the contract in DESIGN, step by step.
"""

import io

import check
from signet import clock
from signet import link as link_module
from signet.errors import (
    ConfigError,
    Lost,
    ProtocolError,
    Refused,
    Rejected,
    Throttled,
    Untrusted,
)
from signet.link import Link
from signet.reports.messages import Command

_CONFIG = {
    "retry_s": 20,
    "report_interval_s": 60,
    "deep_sleep": False,
    "outbox_limit": 4,
    "drop": "oldest",
}


class _Session:
    """Plays `opens` (an error or None for each open) and `events` (for each poll)."""

    window = 2
    is_exclusive = True
    takes_files = busy = False

    def pending(self, within_ms):
        return False

    def __init__(self, opens=(), events=()):
        self.opens = list(opens)
        self.events = list(events)
        self.sent = []
        self.replies = []
        self.in_flight = []
        self.opened = self.closed = 0
        self.refuse = {}
        self.last = None

    def begin(self, deadline):
        self.opened += 1
        error = self.opens.pop(0) if self.opens else None
        self.events.insert(0, ("opened",) if error is None else ("lost", error))

    def submit(self, key, report, last):
        if key in self.refuse:
            raise self.refuse[key]
        if key in self.in_flight:
            return True
        if len(self.in_flight) >= self.window:
            return False
        self.in_flight.append(key)
        self.last = last
        self.sent.append((key, report.values))
        return True

    def poll(self, timeout_ms):
        event = self.events.pop(0) if self.events else None
        if event is not None and event[0] == "acked" and event[1] not in self.in_flight:
            self.events.insert(0, event)  # not yet
            return None
        if event is not None and event[0] in ("acked", "failed"):
            self.in_flight.remove(event[1])
        return event

    def reply(self, command, value):
        self.replies.append((command.name, value))

    def close(self):
        self.closed += 1


def _link(session, board=None, **changes):
    config = _CONFIG.copy()
    config.update(changes)
    lines = []
    link = Link(session, config, board, lines.append)
    link.lines = lines
    return link


def _poll(link, timeout_ms=0):
    """A turn; one that begins to open is followed to its end."""
    link.poll(timeout_ms)
    while link.opening:
        link.poll()


def _due(link):
    """Lets the back-off pass at once; returns how long it would have been, in ms."""
    waited = link._next_try.remaining_ms()
    link._next_try = clock.Deadline(0)
    return waited


def test_a_report_stays_until_it_is_acknowledged():
    session = _Session(events=[None, ("acked", 1, None)])
    link = _link(session)
    assert link.report({"t": 1}) == 1
    _poll(link)
    assert session.opened == 1 and link.connected
    _poll(link)
    assert session.sent == [(1, {"t": 1})] and len(link.outbox) == 1
    _poll(link)
    assert len(link.outbox) == 0 and link.handed_over == 1
    assert "report 1 stored" in link.lines


def test_the_session_s_window_is_kept_and_acknowledgements_may_come_in_any_order():
    session = _Session(events=[None, ("acked", 2, None), ("acked", 1, None), ("acked", 3, None)])
    link = _link(session)
    for value in range(3):
        link.report({"t": value})
    _poll(link)
    _poll(link)
    assert [key for key, _ in session.sent] == [1, 2]
    assert link.flush(1000)
    assert [key for key, _ in session.sent] == [1, 2, 3] and link.handed_over == 3


def test_after_a_loss_what_was_not_acknowledged_is_submitted_again():
    session = _Session(events=[None, ("acked", 1, None), ("lost", Lost("reset by the peer"))])
    link = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    for _ in range(4):
        _poll(link)
    assert not link.connected and len(link.outbox) == 1
    assert session.closed == 1  # or its socket stays, and what it has in flight
    session.in_flight = []
    _due(link)
    session.events = [("acked", 2, None)]
    _poll(link)
    _poll(link)
    assert session.sent == [(1, {"t": 1}), (2, {"t": 2}), (2, {"t": 2})]
    assert len(link.outbox) == 0
    assert any("connection lost: reset by the peer; next try in" in line for line in link.lines)


def test_poll_never_raises_what_network_or_cloud_do():
    for error in (
        Lost("x"),
        Refused("x", 5),
        Throttled("x"),
        ProtocolError("x"),
        ConfigError("ca", "x"),
        MemoryError("x"),
        OSError(5),
    ):
        session = _Session(opens=[error])
        link = _link(session)
        _poll(link)
        assert not link.connected and len(link.lines) == 1
        session = _Session(events=[("lost", error)])
        link = _link(session)
        _poll(link)
        _poll(link)
        assert not link.connected


def test_the_wait_begins_at_20_s_doubles_to_160_s_and_has_jitter():
    session = _Session(opens=[Lost("x")] * 9)
    link = _link(session)
    for seconds in (20, 40, 80, 160, 160, 160):
        _poll(link)
        waited = _due(link)
        assert seconds * 1000 - 500 <= waited <= seconds * 1500, (seconds, waited)
    waits = []
    for _ in range(20):  # boards that lost their cloud together do not come back together
        link = _link(_Session(opens=[Lost("x")]))
        _poll(link)
        waits.append(_due(link))
    assert max(waits) - min(waits) > 2000, waits


def test_a_refusal_is_not_hammered():
    session = _Session(opens=[Refused("bad user name or password", 4)] * 9)
    link = _link(session)
    for seconds in (320, 640, 1280, 2560, 2560):
        _poll(link)
        waited = _due(link)
        assert seconds * 1000 - 500 <= waited <= seconds * 1500, (seconds, waited)


def test_a_cloud_that_asks_to_wait_is_waited_for():
    link = _link(_Session(opens=[Throttled("busy", 300_000)]))
    _poll(link)
    assert 299_000 <= _due(link) <= 450_000


def test_a_connection_that_does_not_last_does_not_reset_the_wait():
    session = _Session()
    link = _link(session)
    waits = []
    for _ in range(3):
        session.events = [("lost", Lost("closed by the peer"))]
        _poll(link)
        _poll(link)
        waits.append(_due(link))
    assert waits[1] > 39_000 and waits[2] > 79_000
    assert "another device using this identity?" in link.lines[-1]
    assert "another device" not in link.lines[1]


def test_a_connection_that_has_lasted_two_minutes_begins_the_wait_anew():
    for lasted_s, wait_s in ((115, 40), (125, 20)):
        session = _Session(opens=[Lost("x")])
        link = _link(session)
        _poll(link)
        _due(link)
        _poll(link)
        assert link.connected
        with check.Ahead(lasted_s * 1000):
            _poll(link)
            session.events = [("lost", Lost("closed by the peer"))]
            _poll(link)
            assert wait_s * 1000 - 500 <= _due(link) <= wait_s * 1500, lasted_s


def test_a_rejected_report_is_set_aside_and_the_next_one_sent():
    session = _Session(events=[("failed", 1, Rejected("code 460", 460)), ("acked", 2, None)])
    link = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    assert link.flush(1000)
    assert [key for key, _ in link.outbox.dead] == [1] and link.handed_over == 1
    assert any("report 1 set aside: code 460" in line for line in link.lines)


def test_a_report_that_cannot_be_sent_at_all_is_set_aside():
    session = _Session(events=[None, ("acked", 2, None)])
    session.refuse = {1: Rejected("nan has no form in JSON")}
    link = _link(session)
    link.report({"t": float("nan")})
    link.report({"t": 2})
    assert link.flush(1000)
    assert session.sent == [(2, {"t": 2})] and len(link.outbox.dead) == 1


def test_of_what_was_set_aside_the_last_eight_are_kept():
    session = _Session()
    link = _link(session, outbox_limit=20)
    for _ in range(20):
        session.refuse[link.report({"t": 1})] = Rejected("no")
    assert link.flush(1000)
    assert [key for key, _ in link.outbox.dead] == list(range(13, 21))


def test_a_full_outbox_drops_the_oldest_or_the_newest_and_counts():
    link = _link(_Session(opens=[Lost("x")] * 9))
    keys = [link.report({"t": value}) for value in range(6)]
    assert keys == [1, 2, 3, 4, 5, 6] and link.outbox.dropped == 2
    assert link.outbox.after(0)[0] == 3
    assert "outbox full: dropped the oldest report" in link.lines
    link = _link(_Session(opens=[Lost("x")] * 9), drop="newest")
    keys = [link.report({"t": value}) for value in range(6)]
    assert keys == [1, 2, 3, 4, None, None] and link.outbox.dropped == 2
    assert link.outbox.after(0)[0] == 1


def test_a_command_is_obeyed_and_answered():
    session = _Session(events=[("command", Command("set", {"led": 1}, "t", "9"))])
    link = _link(session)
    link.on_command = lambda command: {"led": command.data["led"]}
    _poll(link)
    _poll(link)
    assert session.replies == [("set", {"led": 1})]
    assert "command set: {'led': 1}" in link.lines


def test_a_handler_that_fails_is_answered_and_the_link_goes_on():
    session = _Session(events=[("command", Command("set", {}, "t", "9"))] * 2)
    link = _link(session)
    link.on_command = lambda command: command.data["led"]
    _poll(link)
    _poll(link)
    assert isinstance(session.replies[0][1], KeyError) and link.connected
    link.on_command = None
    _poll(link)
    assert isinstance(session.replies[1][1], NotImplementedError)


class _Board:
    def __init__(self, up=True, set_clock=True):
        self.up = up
        self.asked = []
        self.clock_asked = 0

    def network_up(self, timeout_ms):
        self.asked.append(timeout_ms)
        return self.up

    def set_clock(self):
        self.clock_asked += 1
        return self.clock_asked > 1


def test_a_passing_trouble_of_the_cloud_keeps_the_report_and_waits():
    session = _Session(
        events=[("failed", 1, Throttled("code 429", 50)), ("acked", 2, None), ("acked", 1, None)]
    )
    link = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    _poll(link)
    _poll(link)
    assert len(link.outbox) == 2 and not link.outbox.dead
    assert link.flush(3000)
    assert [key for key, _ in session.sent] == [1, 2, 1] and link.handed_over == 2


def test_the_log_says_for_how_long_a_throttled_report_waits():
    session = _Session(events=[None, ("failed", 1, Throttled("code 40000")), None, None])
    link = _link(session)
    link.report({"t": 1})
    for _ in range(3):
        _poll(link)
    assert "report 1: code 40000; sent again in 20 s" in link.lines
    assert 19_000 < link._handover.next_submit.remaining_ms() <= 20_000


def test_flush_ends_at_once_when_the_next_try_is_too_far_off():
    link = _link(_Session(opens=[Refused("no")]))
    link.report({"t": 1})
    ticks = clock.ticks_ms()
    assert link.flush(60_000) is False
    session = _Session(events=[("failed", 1, Throttled("busy", 300_000))])
    link = _link(session)
    link.report({"t": 1})
    assert link.flush(60_000) is False and len(link.outbox) == 1
    assert clock.ticks_diff(clock.ticks_ms(), ticks) < 30_000


def test_what_the_cloud_puts_off_does_not_count_as_missing_memory():
    session = _Session()
    link = _link(session)
    link.report({"t": 1})
    _poll(link)
    for _ in range(2):
        session.events.append(("failed", 1, Throttled("503", 1)))
        link._handover.next_submit = clock.Deadline(0)
        _poll(link)
    assert link.outbox.after(0)[1].delays == 2
    session.refuse[1] = MemoryError()
    link._handover.next_submit = clock.Deadline(0)
    _poll(link)
    assert len(link.outbox) == 1 and not link.outbox.dead


def test_only_where_an_identity_is_exclusive_a_thief_is_suspected():
    for exclusive in (True, False):
        session = _Session(events=[("lost", Lost("x"))] * 2)
        session.is_exclusive = exclusive
        link = _link(session)
        for _ in range(4):
            _due(link)
            _poll(link)
        assert ("another device" in link.lines[-1]) is exclusive, link.lines


def test_a_file_is_a_report_where_the_session_takes_it():
    file = io.BytesIO(b"x")
    session = _Session()
    for takes, deep_sleep, topic in ((False, False, "t"), (True, True, "t"), (True, False, None)):
        session.takes_files = takes
        check.raises(ValueError, _link(session, deep_sleep=deep_sleep).report, file, topic)
    session.takes_files = True
    link = _link(session)
    assert link.report(file, "t") == 1 and link.outbox.after(0)[1].values is file


def test_a_report_that_does_not_fit_into_memory_does_not_stop_the_others():
    session = _Session(events=[None, ("acked", 2, None)])
    session.refuse = {1: MemoryError("memory allocation failed")}
    link = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    for _ in range(3):
        _poll(link)
        assert not link.outbox.dead, "memory may come back"
        link._handover.next_submit = clock.Deadline(0)
    assert link.flush(1000) and len(link.outbox.dead) == 1


def test_no_wait_is_longer_than_an_hour_and_its_jitter():
    link = _link(_Session(opens=[Refused("x")] * 9), retry_s=3600)
    for _ in range(9):
        _poll(link)
        assert _due(link) <= 5_400_000


def test_a_certificate_is_not_blamed_while_the_clock_is_not_set():
    link = _link(_Session(opens=[Untrusted("not valid yet")]))
    is_set, clock.is_set = clock.is_set, lambda: False
    try:
        _poll(link)
    finally:
        clock.is_set = is_set
    assert "the clock is not set" in link.lines[0] and _due(link) < 31_000


def test_the_board_brings_up_its_network_before_each_connection():
    board, session = _Board(up=False), _Session()
    link = _link(session, board)
    link.poll()
    assert session.opened == 0 and link.opening and not link.lines
    link._network = clock.Deadline(0)
    link.poll()
    assert session.opened == 0 and "no network" in link.lines[-1]
    board.up = True
    _due(link)
    _poll(link)
    assert session.opened == 1 and board.asked == [0, 0, 0]


def test_the_clock_is_tried_again_while_connected_and_then_left_for_a_day():
    board, session = _Board(), _Session()
    link = _link(session, board)
    _poll(link)
    assert link.connected and board.clock_asked == 1
    link._next_sync = clock.Deadline(0)
    _poll(link)
    _poll(link)
    assert board.clock_asked == 2 and link._next_sync.remaining_ms() > 86_000_000


def test_a_board_whose_drivers_raise_does_not_stop_the_link():
    board, session = _Board(), _Session()
    board.network_up = lambda timeout_ms: {}["WiFi"]
    link = _link(session, board)
    _poll(link)
    assert not link.connected and "board: KeyError: WiFi" in link.lines[0].replace("'", "")


def test_reports_are_stamped_when_they_are_taken():
    link = _link(_Session(opens=[Lost("x")]))
    before = clock.unix_ms()
    link.report({"t": 1})
    assert before <= link.outbox.after(0)[1].time_ms <= clock.unix_ms()


def test_bytes_need_a_topic():
    link = _link(_Session(opens=[Lost("x")]))
    check.raises(ValueError, link.report, b"raw")
    check.raises(ValueError, link.report, b"raw", topic=b"a/b")
    assert link.report(b"raw", topic="a/b") == 1


def test_the_session_is_told_which_report_is_the_last_one():
    session = _Session(events=[("acked", 1, None), None])
    session.window = 1
    link = _link(session)
    link.report({"n": 1})
    link.report({"n": 2})
    _poll(link)  # connects
    _poll(link)
    assert session.sent == [(1, {"n": 1})] and session.last is False
    _poll(link)
    assert session.sent[1:] == [(2, {"n": 2})] and session.last is True


def test_the_clouds_own_message_id_is_shown_where_there_is_one():
    session = _Session(events=[("acked", 1, "1234567890123456789")])
    link = _link(session)
    link.report({"n": 1})
    _poll(link)
    _poll(link)
    assert "report 1 stored as 1234567890123456789" in link.lines


def test_a_report_that_the_cloud_never_takes_does_not_block_the_others():
    session = _Session()
    session.window = 1
    link = _link(session)
    link.report({"n": 1})
    link.report({"n": 2})
    _poll(link)  # connects
    for _ in range(4):
        session.events += [("failed", 1, Throttled("5.00", 1))]
        _poll(link, 20)
    session.events += [("acked", 2, None)]
    _poll(link, 20)
    _poll(link, 20)
    assert link.handed_over == 1 and len(link.outbox) == 1
    assert session.sent[-1][1] == {"n": 1}  # it goes on being tried


def test_several_that_the_cloud_never_takes_do_not_block_the_others():
    session = _Session()
    link = _link(session)
    for n in range(1, 5):
        link.report({"n": n})
    _poll(link)  # connects
    for _ in range(4):  # two are in flight
        for key in (1, 2):
            session.events += [("failed", key, Throttled("5.00", 1))]
            _poll(link, 10)
        _poll(link, 10)
    assert {values["n"] for _, values in session.sent} == {1, 2, 3, 4}


def test_a_deferred_report_is_sent_in_time_though_the_interval_is_long():
    session = _Session(events=[("failed", 1, Throttled("5.00", 1))])
    link = _link(session)
    link.report({"n": 1})
    _poll(link)  # connects
    asked = []
    play = session.poll

    def poll(timeout_ms):
        asked.append(timeout_ms)
        return play(timeout_ms)

    session.poll = poll
    _poll(link)
    _poll(link)  # would be waited for through the whole interval
    session.poll = play
    assert asked[1] <= 1
    _poll(link, 20)
    assert len(session.sent) >= 2


def test_a_report_to_a_topic_is_bytes_or_text():
    link = _link(_Session())
    check.raises(ValueError, link.report, {"n": 1}, "/a/topic")
    check.raises(ValueError, link.report, 5, "/a/topic")
    assert link.report("text", "/a/topic") == 1


def test_what_the_cloud_has_not_taken_outlives_a_deep_sleep():
    link_module._OUTBOX = check.scratch("signet.outbox")
    link = _link(_Session(), deep_sleep=True)
    link.report({"n": 1.5, "text": "ä"})
    link.report(b"\x00\xff", "/a/topic")
    link.report({"n": 3}, event="alarm")
    link.close()
    again = _link(_Session(), deep_sleep=True)
    kept = [again.outbox.after(key) for key in range(3)]
    assert [entry[1].values for entry in kept] == [{"n": 1.5, "text": "ä"}, b"\x00\xff", {"n": 3}]
    assert [entry[1].topic for entry in kept] == [None, "/a/topic", None]
    assert kept[2][1].event == "alarm" and kept[0][1].time_ms is not None
    for _ in range(3):
        again.outbox.remove(again.outbox.after(0)[0])
    again.close()  # all are stored: nothing may come back
    assert not len(_link(_Session(), deep_sleep=True).outbox)


def test_a_damaged_file_of_reports_gives_what_is_whole():
    link_module._OUTBOX = path = check.scratch("signet.outbox")
    link = _link(_Session(), deep_sleep=True)
    link.report({"n": 1})
    link.report({"n": 2})
    link.close()
    with open(path, "rb") as file:
        data = file.read()
    for size in range(len(data) + 1):
        with open(path, "wb") as file:
            file.write(data[:size])
        found = len(_link(_Session(), deep_sleep=True).outbox)
        assert found == data[:size].count(b"\n"), size
    for place in range(len(data) - 1):  # but for the last line's end: that report is whole
        with open(path, "wb") as file:
            file.write(data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :])
        found = len(_link(_Session(), deep_sleep=True).outbox)
        assert found == data[:place].count(b"\n"), place
    with open(path, "wb") as file:
        file.write(bytes(300))
    assert not len(_link(_Session(), deep_sleep=True).outbox)


def test_without_deep_sleep_nothing_is_written():
    link_module._OUTBOX = path = check.scratch("signet.outbox")
    link = _link(_Session())
    link.report({"n": 1})
    link.close()
    check.raises(OSError, open, path)
