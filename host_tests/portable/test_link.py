"""Does a Link hand over every report, whatever its Session and its cloud do?

The session here is scripted: it plays the cloud's part of the contract in DESIGN, step by step.
"""

import gc
import io
import os

import check
from signet import clock, modules
from signet.errors import (
    ConfigError,
    Lost,
    ProtocolError,
    Refused,
    Rejected,
    Throttled,
    TimedOut,
    Untrusted,
)
from signet.link import Link
from signet.reports.batch import together
from signet.reports.messages import Command, Report

_CONFIG = {
    "retry_s": 20,
    "report_interval_s": 60,
    "deep_sleep": False,
}


class _Session:
    """Plays `opens` (an error or None for each open) and `events` (for each poll)."""

    window = 2
    is_exclusive = True
    takes_files = busy = False
    batch = None

    def pending(self, within_ms):
        return False

    def __init__(self, opens=(), events=()):
        self.opens = list(opens)
        self.events = list(events)
        self.sent = []
        self.answers = []
        self.in_flight = []
        self.opened = self.closed = 0
        self.refuse = {}
        self.last = None

    def begin(self, deadline):
        self.opened += 1
        error = self.opens.pop(0) if self.opens else None
        self.events.insert(0, ("opened",) if error is None else ("lost", error, ()))

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
        if event is not None and event[0] == "lost":
            self.in_flight = []
        return event

    def answer(self, command, value):
        self.answers.append((command.name, value))
        if command.id is not None:
            return Report(b"answer", topic=command.topic + "_reply")
        return None

    def close(self):
        self.closed += 1
        self.in_flight = []


def _link(session, board=None, **changes):
    config = _CONFIG.copy()
    config.update(changes)
    lines = []
    link = Link(session, config, check.outbox(lines.append), board, lines.append)
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
    session = _Session(events=[None, ("acked", 1, None), ("lost", Lost("reset by the peer"), [2])])
    link = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    for _ in range(4):
        _poll(link)
    assert not link.connected and len(link.outbox) == 1
    assert session.closed == 1  # or its socket stays, and what it has in flight
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
        session = _Session(events=[("lost", error, ())])
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
        session.events = [("lost", Lost("closed by the peer"), ())]
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
            session.events = [("lost", Lost("closed by the peer"), ())]
            _poll(link)
            assert wait_s * 1000 - 500 <= _due(link) <= wait_s * 1500, lasted_s


def test_a_rejected_report_is_set_aside_and_the_next_one_sent():
    session = _Session(events=[("failed", 1, Rejected("code 460", 460)), ("acked", 2, None)])
    link = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    assert link.flush(1000)
    assert [key for key, _, _ in link.outbox.dead] == [1] and link.handed_over == 1
    assert any("report 1 set aside: code 460" in line for line in link.lines)


def test_a_value_without_a_form_is_set_aside_at_once_by_name_and_with_its_values():
    session = _Session(events=[None, ("acked", 2, None), ("acked", 4, None)])
    link = _link(session)
    for n, values in enumerate(({"ok": 1, "t": float("nan")}, {"t": 2}, {"b": b"1"}, {"t": 4})):
        assert link.report(values) == (None if n in (0, 2) else n + 1)
    assert link.flush(1000)
    assert session.sent == [(2, {"t": 2}), (4, {"t": 4})]
    (_, why, report), (_, other, _) = link.outbox.dead
    assert "t: nan has no form" in why and b"nan" in report.body and "b: b'1'" in other
    check.equal(link.counters["set_aside"], 2)


def test_what_was_reported_is_what_is_sent_whatever_becomes_of_the_callers_object():
    session = _Session()
    link = _link(session)
    values, raw = {"n": 0}, bytearray(b"A")
    link.report(values)
    link.report(raw, topic="t")
    values["n"], raw[0] = 1, 66
    _poll(link)
    _poll(link)
    check.equal(session.sent, [(1, {"n": 0}), (2, b"A")])


def test_a_command_is_obeyed_once_and_answered_before_any_report():
    command = Command("set", {"led": 1}, "t", "9")
    session = _Session(events=[("command", command), ("command", command)])
    link = _link(session)
    asked = []
    link.on_command = lambda command: asked.append(command.name) or {"led": command.data["led"]}
    link.report({"n": 1})
    _poll(link)
    session.window = 0
    _poll(link)
    _poll(link)
    session.window = 1
    _poll(link)
    check.equal((asked, session.answers), (["set"], [("set", {"led": 1})]))
    check.equal(session.sent, [(-1, b"answer")])
    session.events = [("acked", -1, None)]
    _poll(link)
    assert "answer stored" in link.lines
    assert "command set: {'led': 1}" in link.lines
    assert "command set came twice; it was executed before" in link.lines
    link.close()
    session = _Session(events=[("command", command)])
    link = _link(session)  # after a reset
    _poll(link)
    _poll(link)
    assert not session.answers


def test_answers_that_wait_are_bounded_in_number_and_size():
    for many, size, kept in ((9, 1, 8), (3, 900, 2), (2, 5000, 1)):
        session = _Session(
            events=[("command", Command("go", {}, "t", (size, n))) for n in range(many)]
        )
        session.window = 0
        session.answer = lambda command, value: Report(b"x" * size, topic="r")
        link = _link(session)
        link.on_command = lambda command: None
        for _ in range(many + 1):
            _poll(link)
        check.equal(link.waiting, kept)
        assert "command go: answer not sent: too many wait" in link.lines


def test_a_handler_that_fails_is_answered_and_the_link_goes_on():
    session = _Session(events=[("command", Command("set", {}, "t", n)) for n in (1, 2)])
    link = _link(session)
    link.on_command = lambda command: command.data["led"]
    _poll(link)
    _poll(link)
    assert isinstance(session.answers[0][1], KeyError) and link.connected
    link.on_command = None
    _poll(link)
    assert isinstance(session.answers[1][1], NotImplementedError)


def test_what_an_application_hears_needs_no_handler_but_a_failing_one_is_named():
    status = Command("Connect", {}, "t")
    status.kind = "status"
    session = _Session(events=[("command", status), ("command", status)])
    link = _link(session)
    _poll(link)
    assert not session.answers and "Connect" not in "".join(link.lines)
    link.on_command = lambda command: command.data["t"]
    _poll(link)
    assert "status Connect failed: KeyError: " in "".join(link.lines)


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
    assert 19_000 < link._handover.deadline.remaining_ms() <= 20_000


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


def test_only_where_an_identity_is_exclusive_a_thief_is_suspected():
    for exclusive in (True, False):
        session = _Session(events=[("lost", Lost("x"), ())] * 2)
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
    assert link.report(file, "t") == -1 and link.waiting == 1
    session.events = [None, ("acked", -1, None)]
    assert link.flush(1000) and session.sent == [(-1, file)]


def test_missing_memory_sets_no_report_aside_and_stops_no_other():
    session = _Session(events=[("acked", 2, None)])
    session.refuse = {1: MemoryError("memory allocation failed")}
    link = _link(session)
    link.report({"t": 1})
    link.report({"t": 2})
    for _ in range(12):
        _poll(link)
        assert link._handover.deadline.remaining_ms() <= 8000
        link._handover.deadline = clock.Deadline(0)
    check.equal((link.handed_over, len(link.outbox), link.outbox.dead), (1, 1, []))
    assert "no memory to send report 1; soon again" in link.lines
    session.refuse = {}
    session.events = [("acked", 1, None)]
    assert link.flush(1000)


# What happens to report 1 each time, beside what happens to the others; what becomes of it, after
# how often.
_LOST = ("lost", Lost("closed by the peer"), [1])
_RULE = (
    (("failed", 1, Rejected("no")), True, "set aside", 1),
    (("failed", 1, ProtocolError("what?")), True, "set aside", 4),
    (("failed", 1, ProtocolError("what?")), False, "set aside", 4),
    (("failed", 1, Throttled("cannot publish", 1, 30001)), True, "set aside", 4),
    (("failed", 1, Throttled("cannot publish", 1, 30001)), False, "waits", 12),
    (("failed", 1, TimedOut("no answer")), True, "set aside", 5),
    (("failed", 1, TimedOut("no answer")), False, "waits", 12),
    (("failed", 1, Throttled("busy", 1)), True, "waits", 12),
    (("failed", 1, MemoryError()), True, "waits", 12),
    (_LOST, True, "set aside", 5),
    (_LOST, False, "waits", 12),
    (("lost", Lost("no network"), []), True, "waits", 12),
)


def test_one_rule_says_what_becomes_of_a_report_that_does_not_go():
    for number, row in enumerate(_RULE):
        os.mkdir(str(number))
        os.chdir(str(number))
        _follow(*row)


def _follow(event, others_go, outcome, times):
    session = _Session()
    session.window = 4
    link = _link(session, retry_s=1)
    link.report({"n": 1})
    happened = 0
    for turn in range(200):
        if others_go and not turn % 4:
            link.report({"n": 2})
        _due(link)
        link._handover.deadline = clock.Deadline(0)
        _poll(link)
        if len(session.in_flight) > 1 and happened >= 3:
            assert event != _LOST or 1 not in session.in_flight, "not alone"
        others = [key for key in session.in_flight if key != 1]
        if others and (turn & 1 or 1 not in session.in_flight):
            session.events.append(("acked", others[0], None))
        elif 1 in session.in_flight and happened <= times:
            session.events.append(event)
            happened += 1
        _poll(link)
        link.lines.clear()
    dead = link.outbox.dead
    check.equal([key for key, _, _ in dead], [1] if outcome == "set aside" else [], event)
    assert times <= happened <= times + 1, (event, happened)  # one may lack its proof
    assert not others_go or link.handed_over > 12, event
    if dead:
        why = event[2] if event[0] == "failed" else event[1]
        check.equal((dead[0][2].values, dead[0][1]), ({"n": 1}, str(why)))


def test_what_was_put_off_has_its_four_tries_all_the_same():
    session = _Session()
    link = _link(session)
    link.report({"n": 1})
    for error in [Throttled("busy")] * 3 + [MemoryError()] * 3 + [ProtocolError("what?")] * 4:
        check.equal(link.outbox.dead, [])
        _due(link)
        _poll(link)
        session.events.append(("failed", 1, error))
        _poll(link)
        link._handover.deadline = clock.Deadline(0)
    check.equal(len(link.outbox.dead), 1)


def test_what_is_put_off_and_dropped_leaves_nothing_in_the_heap():
    handover = _link(_Session())._handover
    for key in range(100):
        handover.failed(key, Throttled("busy"))
    assert len(handover.tries) < 40


def test_an_answer_that_does_not_go_lets_the_reports_pass():
    session = _Session(events=[("command", Command("go", {}, "t", 1))])
    session.window = 1
    link = _link(session, retry_s=1)
    link.on_command = lambda command: {}
    link.report({"n": 1})
    for _ in range(40):
        link._handover.deadline = clock.Deadline(0)
        if session.in_flight == [-1]:
            session.events.append(("failed", -1, Throttled("busy", 1)))
        elif session.in_flight:
            session.events.append(("acked", session.in_flight[0], None))
        _poll(link)
    check.equal((link.handed_over, link.waiting), (1, 1))


def test_what_could_not_be_set_aside_is_when_it_can_be():
    session = _Session()
    link = _link(session)
    link.report({"n": 1})
    link.outbox.misses[1] = 4
    folder, link.outbox.folder = link.outbox.folder, "no/such/folder"
    for turn in range(3):
        _due(link)
        session.events = [("alive",)]
        for _ in range(3):
            _poll(link)
        session.events.append(_LOST)
        _poll(link)
        check.equal(link.counters["set_aside"], turn // 2)
        if turn == 1:
            link.outbox.folder = folder


def test_a_sign_of_life_counts_as_something_carried_in_between():
    session = _Session()
    link = _link(session)
    link.report({"n": 1})
    for _ in range(5):
        _due(link)
        session.events = [("alive",)]
        for _ in range(3):
            _poll(link)
        session.events.append(_LOST)
        _poll(link)
    check.equal([key for key, _, _ in link.outbox.dead], [1])


def test_of_those_that_go_alone_each_has_its_turn():
    session = _Session()
    link = _link(session)
    for n in (1, 2, 3):
        link.report({"n": n})
        link.outbox.misses[n] = 3
    for _ in range(4):
        _due(link)
        _poll(link)
        _poll(link)
        if session.in_flight == [2]:
            session.events.append(("acked", 2, None))
        else:
            session.events.append(("lost", Lost("closed"), session.in_flight))
        _poll(link)
    check.equal([key for key, _ in session.sent], [1, 2, 3, 1])
    check.equal((link.handed_over, link.outbox.misses), (1, {1: 3, 3: 4}))


def test_how_often_a_report_was_missed_outlives_a_reset():
    for wake in range(5):
        session = _Session()
        link = _link(session)
        link.report({"n": wake})
        _poll(link)
        _poll(link)
        check.equal(session.sent[0][1]["n"], 0 if wake < 3 else 1, wake)
        session.events = [("lost", Lost("x"), [key for key, _ in session.sent if key == 1])]
        _poll(link)
        link.close()


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
    link._looked["clock"][0] = link._next_look = clock.Deadline(0)
    _poll(link)
    _poll(link)
    assert board.clock_asked == 2 and link._next_look.remaining_ms() > 86_000_000


def test_the_link_looks_once_when_a_server_has_proved_itself_and_later_where_there_is_no_memory():
    board, session = _Board(), _Session()
    link = _link(session, board)
    _poll(link)
    looked = []

    def call(module, function, *arguments):
        looked.append(clock.proved)
        raise MemoryError

    before, modules.call = modules.call, call
    try:
        clock.proved = 1
        _poll(link)
        _poll(link)
        check.equal(looked, [3])
        link._next_look = clock.Deadline(0)
        _poll(link)
        check.equal(looked, [3, 3])
        assert link.connected
    finally:
        modules.call, clock.proved = before, 0


def test_a_certificate_that_fails_by_its_dates_has_the_time_asked_for_at_once():
    dates = "TLS: h: the certificate has expired, or the board's clock is wrong"
    for text, asked in ((dates, 3), ("TLS: h: the certificate is for another name", 2)):
        board, session = _Board(), _Session(opens=[Untrusted(text), Untrusted(text)])
        board.clock_asked = 1  # it answers
        link = _link(session, board)
        try:
            _poll(link)
            check.equal((board.clock_asked, clock.doubted), (asked, False), text)
            assert _due(link) > 319_000  # the clock may be right
            board.clock_asked = -1  # nobody answers
            _poll(link)
            check.equal(
                (board.clock_asked, clock.doubted), (0, True) if asked == 3 else (-1, False)
            )
            board.clock_asked = 1
            _due(link)
            link._looked["clock"][0] = link._next_look = clock.Deadline(0)
            _poll(link)
            assert link.connected and not clock.doubted
        finally:
            clock.doubted = False


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
    assert before <= link.outbox.get(1).time_ms <= clock.unix_ms()


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
    for _ in range(100):  # a busy machine takes longer than 20 ms for a step
        if len(session.sent) < 2:
            _poll(link, 20)
    assert len(session.sent) >= 2


def test_a_report_to_a_topic_is_bytes_or_text():
    link = _link(_Session())
    check.raises(ValueError, link.report, {"n": 1}, "/a/topic")
    check.raises(ValueError, link.report, 5, "/a/topic")
    assert link.report("text", "/a/topic") == 1


def test_event_and_device_are_names():
    link = _link(_Session(), role="gateway")
    for name, value, rule in (
        ("event", 5, "the name of an event is str"),
        ("device", "meter", "a device is (type id, device id), two str"),
        ("device", ("meter", 7), "a device is (type id, device id), two str"),
    ):
        error = check.raises(ValueError, link.report, {"n": 1}, **{name: value})
        check.equal(str(error), rule)


def test_the_counters_go_to_the_cloud_when_device_json_says_so():
    session = _Session(opens=[Lost("no network")])
    link = _link(session, health_s=60)
    for n in range(3):
        link.report({"n": n})
    _poll(link)
    _due(link)
    _poll(link)
    _poll(link)
    session.events = [("acked", 1, None), ("acked", 2, None), ("lost", Lost("gone"), [3])]
    for _ in range(3):
        _poll(link)
    counters = link.counters
    for name, value in (
        ("accepted", 4),
        ("acknowledged", 2),
        ("sent_again", 1),
        ("dropped", 0),
        ("waiting", 2),
        ("connections", 1),
        ("last_error", "gone"),
    ):
        check.equal(counters[name], value, name)
    assert "flash_used" in counters and "free_heap" in counters
    report = link.outbox.get(4)
    check.equal((report.event, report.values["last_error"]), ("health", None))
    with check.Ahead(61_000):
        _due(link)
        _poll(link)
        check.equal(link.counters["accepted"], 5)


def test_without_a_connection_garbage_is_collected_often():
    before = gc.threshold()
    link = _link(_Session([Lost("no"), None]))
    _poll(link)
    assert not link.connected
    assert gc.threshold() >= 1024 or not check.MICROPYTHON, gc.threshold()
    _due(link)
    _poll(link)
    check.equal((link.connected, gc.threshold()), (True, before))
    link.close()
    check.equal(gc.threshold(), before)
    links = [_link(_Session([None, Lost("no")])) for _ in range(2)]
    for each in links:
        each.poll(0)  # one opens while the other does
    for each in links:
        each.close()
    check.equal(gc.threshold(), before)


class _BatchSession(_Session):
    """Takes several reports as one; `made` counts how often one was built."""

    made = 0
    ready = True
    memory = True

    def batch(self, handover, key):
        self.made += 1
        if not self.memory:
            raise MemoryError
        keys = []
        bodies = [report.body for report in together(handover, key, keys)]
        return keys, Report(b",".join(bodies), topic="batch")

    def submit(self, key, report, last):
        return self.ready and super().submit(key, report, last)


def _backlog(count=5):
    session = _BatchSession()
    link = _link(session, retry_s=1)
    for n in range(count):
        link.report({"n": n})
    return session, link


def test_what_waits_beyond_a_window_goes_in_one_message():
    session, link = _backlog()
    session.ready = False
    for _ in range(3):
        _poll(link)
    session.ready = True
    _poll(link)
    check.equal(session.in_flight, [(1, 2, 3, 4, 5)])
    check.equal((session.made, session.last), (1, True))
    body = b",".join([b'{"n": %d}' % n for n in range(5)])
    check.equal(session.sent[0][1], body)
    session.events = [("acked", (1, 2, 3, 4, 5), None)]
    _poll(link)
    check.equal((link.handed_over, link.waiting), (5, 0))
    assert "report 1 stored" in link.lines and "report 5 stored" in link.lines
    for n in range(2):  # no more than may go at once: each by itself
        link.report({"n": n})
    _poll(link)
    check.equal((session.in_flight, session.made), ([6, 7], 1))


def test_of_several_in_one_message_that_come_to_nothing_each_goes_by_itself():
    for event in (
        ("failed", None, Rejected("no such point", 460)),
        ("failed", None, TimedOut("no reply")),
        ("failed", None, MemoryError()),
        ("lost", Lost("closed"), None),
    ):
        session, link = _backlog()
        _poll(link)
        _poll(link)
        keys = session.in_flight[0]
        session.events.append([keys if part is None else part for part in event])
        if event[0] == "lost":
            session.events[-1][2] = [keys]
        _poll(link)
        assert "reports {} to {}: ".format(keys[0], keys[-1]) in "".join(link.lines), link.lines
        check.equal(link.outbox.misses, {})
        _due(link)
        for _ in range(2):
            _poll(link)
        check.equal(session.in_flight, list(keys[:2]))
        error = Rejected("no such point", 460)
        session.events += [("failed", keys[0], error), ("acked", keys[1], None)]
        for _ in range(3):
            _poll(link)
        check.equal([key for key, _, _ in link.outbox.dead][-1:], [keys[0]])
        check.equal((session.in_flight, link.handed_over), (list(keys[2:4]), 1))
        for n in range(5):  # what has come since goes together
            link.report({"n": n})
        session.events += [("acked", key, None) for key in keys[2:]]
        for _ in range(4):
            _poll(link)
        check.equal(session.in_flight, [tuple(range(keys[-1] + 1, keys[-1] + 6))])
        session.events.append(("acked", session.in_flight[0], None))
        _poll(link)
        link.close()


def test_several_in_one_message_that_are_not_taken_now_wait_together():
    session, link = _backlog()
    _poll(link)
    session.events.append(("failed", (1, 2, 3, 4, 5), Throttled("busy")))
    _poll(link)
    check.equal((session.in_flight, link.outbox.counts[2]), ([], 5))
    link._handover.deadline = clock.Deadline(0)
    _poll(link)
    check.equal(session.in_flight, [1, (2, 3, 4, 5)])


def test_what_is_in_flight_does_not_go_once_more_with_others():
    session, link = _backlog(2)
    session.window = 3
    _poll(link)
    _poll(link)
    check.equal(session.in_flight, [1, 2])
    for n in range(5):
        link.report({"n": n})
    link._handover.flight.remove(1)  # it failed, without memory for the code of that
    link._handover.passed = 0
    _poll(link)
    check.equal(session.in_flight, [1, 2, (3, 4, 5, 6, 7)])


def test_what_may_have_gone_before_goes_under_its_own_id():
    session, link = _backlog(2)
    session.window = 2
    _poll(link)
    session.events.append(("lost", Lost("away"), ()))  # without a word of the two
    _poll(link)
    for n in range(5):
        link.report({"n": n})
    link._next_try = clock.Deadline(0)
    for _ in range(4):
        _poll(link)
    check.equal(session.in_flight, [1, 2])
    session.events += [("acked", 1, None), ("acked", 2, None)]
    for _ in range(4):
        _poll(link)
    check.equal(session.in_flight, [(3, 4, 5, 6, 7)])


def test_where_there_is_no_memory_for_one_message_reports_go_one_by_one():
    session, link = _backlog()
    session.memory = False
    for _ in range(3):
        _poll(link)
    check.equal((session.in_flight, session.made), ([1, 2], 1))
