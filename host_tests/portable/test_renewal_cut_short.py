"""Does a board still log in, whatever fails or ends while it takes a new certificate?"""

import os

import check
from check_renewal import Board, client, read, write
from signet import modules
from signet.errors import SignetError

# A whole link with two contexts of TLS, beside the tests' own names; what a board needs is in
# device/test_heap.py.
HEAP = "128k"
INTERPRETERS = ("cpython", "i386")
SERVERS = {"broker": ("mosquitto", "require_certificate", "good")}


def test_where_no_file_is_renamed_over_another_the_board_finds_the_new_one_when_it_starts():
    """FAT: the old one is removed first, and the power may fail then."""
    board = Board()
    cert, key = client("rsa")
    write(board.path + ".new", cert + key)
    os.remove(board.path)
    board.restart()
    assert board.hands_over() and read(board.path) == cert + key


def test_a_renewal_goes_on_after_a_power_cut_or_a_deep_sleep():
    board = Board(deep_sleep=True)
    cert, key = client("rsa")
    for cut in (True, False):
        board.link.renew(cert, key)
        if not cut:
            board.link.close()
        board.restart()
        assert board.hands_over() and read(board.path) == cert + key and not board.left_over()
        cert, key = client("good")


def test_what_is_not_whole_or_replaces_another_is_removed_at_the_start():
    cert, key = client("rsa")
    for what in ("half", "another", "never begun"):
        board = None  # the one before leaves the heap
        board = Board()
        old = read(board.path)
        if what != "never begun":
            board.link.renew(cert, key)
        if what == "another":  # somebody has deployed anew
            old = b"".join(client("chain"))
            write(board.path, old)
        else:
            write(board.path + ".new", (cert + key)[:-1] if what == "half" else cert + key)
        board.restart()
        assert board.said("removed") and not board.left_over(), what
        assert board.hands_over() and read(board.path) == old


class _Fails:
    """A file on a flash that takes nothing."""

    def __init__(self, error):
        self.error = error

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def write(self, data):
        raise self.error


def test_a_second_renewal_that_cannot_be_written_leaves_the_old_one():
    for error, raised in ((OSError(28), SignetError), (MemoryError(), MemoryError)):
        board = None  # the one before leaves the heap
        board = Board()
        old = read(board.path)
        assert board.hands_over()
        board.link.renew(*client("rsa"))

        def opened(path, mode="r", error=error):
            file = open(path, mode)  # noqa: SIM115
            if mode != "wb":
                return file
            file.close()
            return _Fails(error)

        from signet.certificate import renewal

        renewal.open = opened
        try:
            check.raises(raised, board.link.renew, *client("chain"))
        finally:
            renewal = None
            modules.forget("signet.certificate.renewal")
        board.poll()
        assert read(board.path) == old and not board.left_over() and not board.said("renewed")
        board.due()  # a board without memory has closed its connection
        assert board.hands_over()
        board.restart()
        assert board.hands_over()


def test_what_is_not_what_was_written_does_not_take_the_place_of_the_old_one():
    board = Board()
    old = read(board.path)
    for data in (b"", b"".join(client("chain"))):
        board.link.renew(*client("rsa"))
        write(board.path + ".new", data)
        board.due()
        board.poll()
        assert read(board.path) == old and board.said("not what was to be tried")
        assert not board.left_over()


def test_what_changes_while_it_is_tried_is_not_kept_and_the_connection_is_closed():
    board = Board()
    old = read(board.path)
    board.link.renew(*client("rsa"))
    own = board.trial.own
    opened, closed = own.begin, []

    def login(deadline):
        opened(deadline)
        write(board.path + ".new", b"half")

    close = own.close
    own.begin = login
    own.close = lambda: (closed.append(1), close())
    board.poll()
    own.begin = opened
    assert closed and not board.link.connected and read(board.path) == old
    board.due()
    assert board.hands_over()


class _Fat:
    """As `os` where no file is renamed over another; `broken`: and the flash fails after that."""

    def __init__(self, broken):
        self.broken = broken
        self.remove = os.remove
        self.stat = os.stat

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
    cert, key = client("rsa")
    for broken in (False, True):
        board = None  # the one before leaves the heap
        board = Board()
        board.link.renew(cert, key)
        from signet.device import files

        files.os = _Fat(broken)
        try:
            board.poll()
        finally:
            files = None
            modules.forget("signet.device.files")
        assert board.said("certificate renewed"), board.lines
        if broken:  # the next one finds it where it is
            board.link.renew(cert, key)
            board.due()
            board.poll()
        board.restart()
        assert board.hands_over() and read(board.path) == cert + key
