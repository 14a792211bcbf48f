"""Does a board take a new certificate without a restart and without losing a report?"""

import os

import check
from check_renewal import Board, client, read, write

# A whole link with two contexts of TLS: with 64-bit objects 110 KiB are not enough.
INTERPRETERS = ("cpython", "i386")
SERVERS = {"broker": ("mosquitto", "require_certificate", "good")}


def _renewed(board, cert, key=None):
    """Renews, with a report in the air, and restarts."""
    link = board.link
    assert board.hands_over(), board.lines
    link.report({"t": 2})
    link.poll()
    link.report({"t": 3})
    link.renew(cert, key)
    assert link.flush(10_000), board.lines
    assert board.said("certificate renewed, valid until 20"), board.lines
    assert link.handed_over == 3 and not link.outbox.dead
    assert not board.left_over()
    board.restart()
    return board.hands_over()


def test_a_new_certificate_with_a_new_key_is_kept_in_one_file():
    board = Board()
    cert, key = client("chain")
    assert _renewed(board, cert, key)
    check.equal(read(board.path), cert + key)


def test_a_new_key_may_stand_in_the_new_file():
    board = Board()
    cert, key = client("rsa")
    assert _renewed(board, key + cert)
    check.equal(read(board.path), key + cert)


def test_a_key_that_stays_is_taken_from_the_old_file():
    board = Board()
    cert, key = client("good")
    assert _renewed(board, cert)
    check.equal(read(board.path), cert + key)


def test_a_key_of_its_own_file_stays_there():
    board = Board(False)
    cert, key = client("good")
    assert _renewed(board, cert)
    check.equal(read(board.path), cert)
    check.equal(read(board.values["key"]), key)


def test_a_new_key_beside_a_key_file_goes_into_the_file_of_the_certificate():
    board = Board(False)
    cert, key = client("chain")
    assert _renewed(board, cert, key)  # and the board starts, though `key` names the old one
    check.equal(read(board.path), cert + key)


def test_der_is_kept_as_pem_beside_its_key():
    from binascii import a2b_base64

    board = Board()
    cert, key = client("good")
    assert _renewed(board, a2b_base64(cert[cert.index(b"-----\n") + 6 : cert.index(b"-----END")]))
    check.equal(read(board.path), cert + key)


def test_a_command_may_bring_the_certificate():
    from signet.cloud.messages import Command

    board = Board()
    assert board.hands_over()
    cert, key = client("rsa")
    board.link.on_command = lambda command: board.link.renew(*command.data)
    board.link._obey(Command("renew", (cert, key), "t"))
    board.link.poll()
    assert board.said("certificate renewed") and board.link.connected, board.lines


def _ends(board):
    return {name: end for end, name in board.config["expires"]}


def test_what_expires_is_what_is_there_now():
    board = Board()
    before = _ends(board)
    board.link.renew(*client("rsa"))
    board.link.poll()
    after = _ends(board)
    assert sorted(after) == sorted(before) and after[board.path] >= before[board.path]


def test_where_no_file_is_renamed_over_another_the_board_finds_the_new_one_when_it_starts():
    """FAT: the old one is removed first, and the power may fail then."""
    board = Board()
    cert, key = client("rsa")
    write(board.path + ".new", cert + key)
    os.remove(board.path)
    board.restart()
    assert board.hands_over() and read(board.path) == cert + key


def test_a_power_cut_before_the_login_leaves_the_old_one():
    board = Board()
    old = read(board.path)
    board.link.renew(*client("rsa"))
    board.restart()
    assert board.hands_over() and read(board.path) == old


class _Fat:
    """As `os` where no file is renamed over another; `broken`: and the flash fails after that."""

    def __init__(self, broken):
        self.broken = broken
        self.remove = os.remove

    def rename(self, old, new):
        try:
            os.stat(new)
        except OSError:
            if self.broken:
                raise OSError(5)
            os.rename(old, new)
            return
        raise OSError(17)  # EEXIST


def test_on_fat_the_old_file_is_removed_first():
    from signet import renewal

    cert, key = client("rsa")
    for broken in (False, True):
        board = Board()
        renewal.os = _Fat(broken)
        try:
            board.link.renew(cert, key)
            board.link.poll()
        finally:
            renewal.os = os
        assert board.said("certificate renewed"), board.lines
        board.restart()
        assert board.hands_over() and read(board.path) == cert + key
