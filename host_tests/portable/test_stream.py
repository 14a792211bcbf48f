"""Do TCP and TLS streams keep net/stream.py's and net/secure.py's promises?"""

import check
from check_contract import starved
from check_mqtt import Stream, read
from signet import clock
from signet.errors import Lost, TimedOut, Untrusted
from signet.net.stream import TcpChannel

SERVERS = {
    "echo": ("tcp", "echo"),
    "silent": ("tcp", "black_hole"),
    "closing": ("tcp", "close_at_once"),
    "resetting": ("tcp", "reset_at_once"),
    "refused": ("tcp", "refused"),
    "trickle": ("tcp", "trickle"),
    "late": ("tcp", [("send", "6162"), ("wait", 400), ("send", "6364")]),
    "good": ("tls", "good", "echo"),
    "tls_late": ("tls", "good", [("send", "6162"), ("wait", 400), ("send", "6364")]),
    "tls_closing": ("tls", "good", [("send", "6162"), ("close",)]),
    "wrong_name": ("tls", "wrong_name", "echo"),
    "wrong_ca": ("tls", "wrong_ca", "echo"),
    "self_signed": ("tls", "self_signed", "echo"),
    "expired": ("tls", "expired", "echo"),
    "not_yet_valid": ("tls", "not_yet_valid", "echo"),
    "junk": ("tcp", "junk"),
}


def _channel(name):
    end = check.server(name)
    return TcpChannel(end["host"], end["port"], clock.Deadline(3000))


def _stream(name):
    return Stream(_channel(name))


def _ca(name="good"):
    with open(check.server(name)["ca"], "rb") as file:
        return file.read()


def _secure(name, host=None, ca=None, timeout_ms=5000):
    from signet.net import secure
    from signet.net.trust import context

    trust = context(ca or _ca())
    deadline = clock.Deadline(timeout_ms)
    host = host or check.server(name).get("name", "x")
    return secure.TlsChannel(_channel(name), host, trust, deadline)


def _opened(channel):
    """Works on the opening until the first bytes have gone."""
    stream = Stream(channel)
    stream.write(b"x")
    try:
        while not stream.flush():
            stream.wait(clock.Deadline(100))
    except BaseException:
        stream.close()
        raise
    return stream


def test_what_is_written_comes_back_whole():
    stream = _stream("echo")
    sent = bytes(range(256)) * 40
    stream.write(sent)
    assert read(stream, len(sent)) == sent
    stream.close()


def test_bytes_that_trickle_in_are_collected():
    stream = _stream("trickle")
    stream.write(b"0123456789")
    assert read(stream, 10) == b"0123456789"
    stream.close()


def test_a_read_that_times_out_leaves_the_stream_usable():
    stream = _stream("late")
    check.raises(TimedOut, read, stream, 4, 100)
    assert read(stream, 4) == b"abcd"
    stream.close()


def test_the_end_is_lost_never_empty_bytes():
    for name in ("closing", "resetting"):
        stream = _stream(name)
        check.raises(Lost, read, stream, 1)
        stream.close()


def test_a_refused_port_says_so():
    error = check.raises(Lost, read, _stream("refused"), 1)
    assert "refused" in str(error) and str(check.server("refused")["port"]) in str(error)


def test_an_unknown_name_says_so():
    name = "n" * 64 + ".invalid"  # a label too long for DNS: fails without asking anybody
    error = check.raises(Lost, TcpChannel, name, 1, clock.Deadline(2000))
    assert name in str(error) and "check the name" in str(error)


def test_the_board_is_told_while_signet_waits():
    told = []
    clock.while_waiting = lambda: told.append(1)
    try:
        stream = _stream("silent")
        check.raises(TimedOut, read, stream, 1, 1200)
        stream.close()
    finally:
        clock.while_waiting = None
    assert 2 <= len(told) <= 4


def test_tls_carries_bytes_both_ways():
    stream = Stream(_secure("good"))
    sent = bytes(range(256)) * 20
    stream.write(sent)
    assert read(stream, len(sent)) == sent
    stream.close()


def test_a_tls_read_that_times_out_leaves_the_stream_usable():
    stream = _opened(_secure("tls_late"))
    check.raises(TimedOut, read, stream, 4, 100)
    assert read(stream, 4) == b"abcd"
    stream.write(b"still good")
    stream.close()


def test_the_end_of_tls_is_lost():
    stream = _opened(_secure("tls_closing"))
    assert read(stream, 2) == b"ab"
    check.raises(Lost, read, stream, 1)
    stream.close()


def test_a_certificate_for_another_name_is_refused():
    error = check.raises(Untrusted, _opened, _secure("wrong_name"))
    assert "check `host`" in str(error), error
    error = check.raises(Untrusted, _opened, _secure("good", "other.test"))
    assert "check `host`" in str(error), error


def test_a_certificate_of_another_ca_is_refused():
    for name in ("wrong_ca", "self_signed"):
        error = check.raises(Untrusted, _opened, _secure(name))
        assert "`ca`" in str(error), error


def test_a_certificate_out_of_its_time_is_refused_and_the_clock_named():
    for name in ("expired", "not_yet_valid"):
        error = check.raises(Untrusted, _opened, _secure(name))
        assert "clock" in str(error), error


def test_a_file_that_is_no_certificate_is_a_config_error():
    error = check.raises(ValueError, _secure, "good", None, b"not a certificate")
    assert "ca" in str(error)


def test_a_handshake_with_something_else_is_lost():
    check.raises(Lost, _opened, _secure("junk"))
    check.raises(Lost, _opened, _secure("closing"))


def test_a_handshake_that_never_ends_ends_with_its_deadline():
    error = check.raises(Lost, _opened, _secure("silent", None, None, 300))
    assert "in time" in str(error), error


def test_memory_may_run_out_at_any_block_of_a_real_connection():
    """A real `select.poll` that ran out of memory is not touched again: 1.25 would crash."""
    if not check.MICROPYTHON:
        check.skip("its heap has no end")
    for blocks in range(60):
        try:
            starved(blocks, _channel, "echo").close()
        except (MemoryError, Lost):
            pass
