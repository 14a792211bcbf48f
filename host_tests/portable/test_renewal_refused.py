"""Does a board keep its old certificate, and its connection, when a new one is of no use?"""

import os

import check
from check_renewal import Board, client, read
from signet import clock
from signet.errors import ConfigError, SignetError

# A whole link with two contexts of TLS, beside the tests' own names; what a board needs is in
# device/test_heap.py.
HEAP = "128k"
INTERPRETERS = ("cpython", "i386")
SERVERS = {"broker": ("mosquitto", "require_certificate", "good")}


def test_a_certificate_that_the_server_refuses_leaves_the_old_one_at_work():
    board = Board()
    old = read(board.path)
    assert board.hands_over()
    board.link.renew(*client("wrong_ca"))
    for number in range(5):  # of mosquitto's alert and its end, either may come first
        board.link.report({"t": number})
        board.due()
        board.poll()
        board.link._next_try = clock.Deadline(0)
        assert board.link.flush(10_000), board.lines
    assert board.said("certificate not renewed, the old one stays"), board.lines
    assert board.link.handed_over == 7 and not board.link.outbox.dead  # an event, too
    assert read(board.path) == old and not board.left_over()
    board.due()
    assert board.hands_over() and board.trial is None


def _refused(cert, key=None):
    """The error of a renewal that does not begin; the board goes on as it was."""
    board = Board()
    old = read(board.path)
    error = check.raises(ConfigError, board.link.renew, cert, key)
    assert board.hands_over() and read(board.path) == old and not board.left_over()
    return error.key, error.rule


def test_an_expired_certificate_is_not_tried():
    assert _refused(*client("expired")) == ("cert", "the new one has expired")


def test_a_certificate_whose_key_the_board_has_not_is_not_tried():
    assert _refused(client("rsa")[0]) == ("key", "is not the one of the new certificate")
    assert _refused(client("rsa")[0], client("good")[1])[0] == "key"


def test_garbage_is_not_tried():
    cert, key = client("good")
    assert _refused(b"junk", key) == ("cert", "the new one holds no certificate that can be read")
    assert _refused(cert, b"junk") == ("key", "the new one must be PEM")


def test_a_board_without_a_certificate_says_so():
    board = Board()
    board.config["cert"] = None
    error = check.raises(ConfigError, board.link.renew, *client())
    assert "has no certificate to renew" in str(error)


def test_a_full_flash_leaves_the_old_one_and_the_connection():
    board = Board()
    assert board.hands_over()
    os.mkdir(board.path + ".new")  # no file can be written there
    error = check.raises(SignetError, board.link.renew, *client("rsa"))
    os.rmdir(board.path + ".new")
    assert "is the flash full?" in str(error) and board.link.connected
    assert board.hands_over() and board.lines.count("connected") == 1


def test_a_renewal_that_does_not_begin_forgets_the_one_before():
    board = Board()
    old = read(board.path)
    board.link.renew(*client("rsa"))
    check.raises(ConfigError, board.link.renew, b"junk")
    assert not board.left_over()
    board.poll()
    assert read(board.path) == old and not board.said("certificate")


def test_a_certificate_that_names_another_is_not_tried():
    for kind, good in (("named", True), ("in_san", True), ("good", True), ("other", False)):
        board = None
        board = Board(device_id="7")
        if good:
            board.link.renew(*client(kind))
        else:
            error = check.raises(ConfigError, board.link.renew, *client(kind))
            assert error.key == "cert" and "does not name this board, d:t:7" in error.rule
        assert board.left_over() == good
    board = Board(device_id="7", role="gateway")
    assert board.said("warning: `cert` does not name this board, g:t:7")
    check.raises(ConfigError, board.link.renew, *client("named"))


def test_a_board_whose_certificate_names_another_says_so_at_its_start():
    assert Board(True, "other", device_id="7").said("warning: `cert` does not name this board")
    for kind in ("named", "in_san", "good"):
        assert not Board(True, kind, device_id="7").lines


def test_an_end_counts_only_when_the_clock_is_set():
    board = Board()
    before, clock.is_set = clock.is_set, lambda: False
    try:
        board.link.renew(*client("expired"))
    finally:
        clock.is_set = before
    assert board.left_over()
