"""When is a new certificate tried, tried again, and given up?"""

from check_renewal import Board, client, read
from signet import clock
from signet.errors import Lost, Refused, Throttled, Untrusted

# A whole link with two contexts of TLS, beside the tests' own names; what a board needs is in
# device/test_heap.py.
HEAP = "128k"
INTERPRETERS = ("cpython", "i386")
SERVERS = {"broker": ("mosquitto", "require_certificate", "good")}


class _Opens:
    """In place of a session's `begin`: raises what a list says, None is to log in."""

    def __init__(self, board, errors):
        session = board.link._session
        session = getattr(session, "own", session)
        self.open = session.begin
        self.errors = errors
        session.begin = self

    def __call__(self, deadline):
        error = self.errors.pop(0) if self.errors else None
        if error is not None:
            raise error
        self.open(deadline)


def _tried(board, error):
    """One trial of a new certificate that ends so; then the old one logs in."""
    _Opens(board, [error])
    board.due()
    course = board.trial
    board.poll()
    said = board.lines[-1]
    wait_s = course.next_trial.remaining_ms() // 1000
    assert not board.link.connected and board.link._next_try.remaining_ms()
    board.link._next_try = clock.Deadline(0)
    assert board.hands_over()
    return said, wait_s


def _stays(error):
    board = Board()
    old = read(board.path)
    assert board.hands_over()
    cert, key = client("rsa")
    board.link.renew(cert, key)
    said, wait_s = _tried(board, error)
    assert "certificate not renewed yet, tried again in 300 s: " in said, said
    assert 290 < wait_s <= 300 and read(board.path) == old and board.left_over()
    assert board.link.flush(10_000) and read(board.path) == old  # does not wait for that
    board.due()
    board.poll()
    assert board.said("certificate renewed") and read(board.path) == cert + key


def test_a_network_that_is_gone_leaves_it_for_a_later_trial():
    _stays(Lost("no network"))


def test_a_cloud_that_says_not_now_leaves_it_for_a_later_trial():
    _stays(Throttled("later"))


def test_a_server_that_is_not_trusted_has_not_judged_it():
    _stays(Untrusted("another server"))


def test_a_port_that_surprises_us_leaves_it_for_a_later_trial():
    _stays(OSError(5))


def test_a_heap_that_is_full_leaves_it_for_a_later_trial():
    _stays(MemoryError("none"))


def test_the_waits_grow_to_an_hour_and_outlast_a_restart():
    board = Board()
    board.link.renew(*client("rsa"))
    waits = [_tried(board, Throttled("later"))[1] for _ in range(6)]
    assert [round(wait / 60) for wait in waits] == [5, 10, 20, 40, 60, 60], waits
    board.restart()
    assert board.hands_over() and not board.said("certificate renewed")
    assert 3500 < board.trial.next_trial.remaining_ms() // 1000 <= 3600


def test_one_that_is_lost_five_times_while_the_old_one_works_is_given_up():
    board = Board()
    old = read(board.path)
    assert board.hands_over()
    board.link.renew(*client("rsa"))
    for number in range(5):
        assert board.trial is not None
        said = _tried(board, Lost("closed instead of an answer", 0))[0]
        if number == 1:
            board.restart()  # is not forgotten by that
    assert "certificate not renewed, the old one stays" in said, said
    assert not board.left_over() and read(board.path) == old


def test_a_network_that_is_gone_for_the_old_one_as_well_gives_nothing_up():
    board = Board()
    board.link.renew(*client("rsa"))
    opens = _Opens(board, [])
    for _ in range(6):
        opens.errors = [Lost("no network") for _ in range(3)]
        board.due()
        board.poll()
        board.link._next_try = clock.Deadline(0)
        board.poll()
        assert not board.link.connected and board.left_over()
    opens.errors = []
    board.due()
    assert board.hands_over() and board.said("certificate renewed")


def test_a_network_that_comes_back_for_the_old_one_shows_that_the_new_one_is_refused():
    board = Board()
    board.link.renew(*client("rsa"))
    for _ in range(5):
        board.link.close()
        _Opens(board, [Lost("closed", 0)])
        board.due()
        board.poll()
    board.poll()  # the old one is tried at once
    assert board.link.connected and not board.left_over() and board.trial is None


def test_a_loop_of_bad_certificates_is_not_a_loop_of_logins():
    board = Board()
    assert board.hands_over()
    for _ in range(3):
        board.link.renew(*client("rsa"))
        _Opens(board, [Refused("no", 5)])
        board.poll()
        board.link._next_try = clock.Deadline(0)
        assert board.hands_over()
    refusals = [line for line in board.lines if "the old one stays" in line]
    assert len(refusals) == 1 and board.trial.next_trial.remaining_ms() > 290_000


def test_no_trial_goes_round_the_back_off():
    board = Board()
    board.link._next_try = clock.Deadline(60_000)
    board.link.renew(*client("rsa"))
    board.poll()
    assert not board.said("certificate") and not board.link.connected


def test_the_cloud_is_told_of_a_refusal():
    board = Board()
    board.link.renew(*client("rsa"))
    _Opens(board, [Refused("who is that?", 5)])
    board.poll()
    (report,) = list(board.link.outbox)
    assert report.event == "certificate_refused"
    assert report.values == {"file": board.path, "reason": "who is that?"}
