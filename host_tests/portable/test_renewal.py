"""Does a board take a new certificate without a restart and without losing a report?"""

import check
from check_renewal import Board, client, read

# A whole link with two contexts of TLS, beside the tests' own names; what a board needs is in
# device/test_heap.py.
HEAP = "128k"
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
    assert link.handed_over == 4 and not link.outbox.dead  # its event is the fourth
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
    with open(board.path, "rb") as file:  # in two pieces: the heap may have no room for one
        check.equal(file.read(len(key)), key)
        check.equal(file.read(), cert)


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
    from signet.reports.messages import Command

    board = Board()
    assert board.hands_over()
    cert, key = client("rsa")
    board.link.on_command = lambda command: board.link.renew(*command.data)
    board.link._obey(Command("renew", (cert, key), "t"))
    board.poll()
    assert board.said("certificate renewed") and board.link.connected, board.lines


def _ends(board):
    return {name: end for end, name in board.config["expires"]}


def test_what_expires_is_what_is_there_now():
    board = Board()
    before = _ends(board)
    board.link.renew(*client("rsa"))
    board.poll()
    after = _ends(board)
    assert sorted(after) == sorted(before) and after[board.path] >= before[board.path]


def test_text_is_taken_as_bytes_are():
    board = Board()
    cert, key = client("rsa")
    board.link.renew(cert.decode(), key.decode())
    board.poll()
    check.equal(read(board.path), cert + key)


def test_a_renewal_after_a_renewal_is_the_one_that_counts():
    board = Board()
    cert, key = client("rsa")
    board.link.renew(*client("chain"))
    board.link.renew(cert, key)
    board.poll()
    check.equal(read(board.path), cert + key)
    assert board.said("certificate renewed") and not board.left_over()


def test_a_date_after_2038_is_said_as_it_is():
    for year in ("2040", "2100", "9999"):
        board = None  # the one before leaves the heap
        board = Board()
        board.link.renew(*client("until_" + year))
        board.poll()
        assert "certificate renewed, valid until {}-12-31".format(year) in board.lines, board.lines


def test_the_cloud_is_told_what_came_of_it():
    board = Board()
    board.link.renew(*client("until_2040"))
    board.poll()
    (report,) = list(board.link.outbox)
    assert report.event == "certificate_renewed"
    check.equal(report.values, {"file": board.path, "expires": "2040-12-31"})


def test_a_chain_ends_with_its_first():
    board = Board()
    cert, key = client("until_2040")
    board.link.renew(cert + client("until_2100")[0], key)
    board.poll()
    assert board.said("valid until 2040")
