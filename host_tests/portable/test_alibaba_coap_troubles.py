"""Does the Session over CoAP do the right thing when cloud, network, flash or memory do not?"""

import json

import check
from check_alibaba_coap import (
    AUTH,
    SECRET,
    Channel,
    Flash,
    again,
    begin,
    ended,
    flash_full,
    make,
    message,
    no_memory,
    prove,
    submit,
    until,
    values,
)
from signet.errors import (
    Lost,
    ProtocolError,
    Refused,
    Rejected,
    SignetError,
    Throttled,
    TimedOut,
    Untrusted,
)
from signet.reports.messages import Report


def test_a_lost_or_expired_token_is_renewed_once_and_the_report_resent_once():
    for code in (0x81, 0x82):
        fresh = json.dumps({"random": "r2", "seqOffset": 5, "token": "t2"}).encode()
        session, client = make(message(0x45, AUTH), message(0x45, fresh))
        submit(session, 1, Report({"t": 1}), True)
        client.events.append(("response", message(code)))
        assert session.submit(2, Report({"t": 2})) is False and session.submit(1, None)
        for _ in range(3):  # the answer, a login, the report again
            assert session.poll(0) is None
        assert [b"/".join(values(each[1], 11)) for each in client.sent[2:]] == [
            b"auth",
            b"topic/sys/pk/dn/thing/event/property/post",
        ]
        assert values(client.sent[3][1], 2088) == [b"t2"]
        assert len(set(client.ids)) == 4
        client.events.append(("response", message(0x45)))
        assert session.poll(0) == ("acked", 1, None)


def test_a_token_refused_twice_ends_as_refused_and_the_report_is_not_to_blame():
    for code in (0x81, 0x82):
        session, client = make(message(0x45, AUTH), message(0x45, AUTH))
        submit(session, 1, Report({"t": 1}))
        client.events += [("response", message(code)), ("response", message(code))]
        error = ended(until(session), Refused)
        check.equal(error.code, code)
        assert "4.0" in str(error) and "t0k3n" not in str(error) and SECRET not in str(error)


_CODES = (
    # code, in answer to /auth, to a property post, to a topic of the program's own
    (0x80, Refused, Rejected, Rejected),
    (0x83, Refused, Refused, Rejected),
    (0x84, Refused, Refused, Rejected),
    (0x85, Refused, Refused, Rejected),
    (0x86, Refused, Refused, Rejected),
    (0x8F, Refused, Refused, Rejected),
    (0x8D, Refused, Rejected, Rejected),
    (0x9D, Throttled, Throttled, Throttled),
    (0xA0, Throttled, Throttled, Throttled),
    (0xA3, Throttled, Throttled, Throttled),
)


def test_every_code_of_the_documents_table_is_the_right_error():
    """What is wrong with the device stops it; what is wrong with one report sets that aside."""
    for code, in_auth, in_post, in_topic in _CODES:
        error = check.raises(in_auth, make, message(code))
        assert "/auth" in str(error) and "{}.{:02d}".format(code >> 5, code & 31) in str(error)
        for report, expected in (
            (Report({"t": 1}), in_post),
            (Report(b"x", topic="/pk/dn/user/update"), in_topic),
        ):
            session, client = make(message(0x45, AUTH))
            submit(session, 1, report)
            client.events.append(("response", message(code)))
            event = session.poll(0)
            if expected is Refused:  # the device is, not the report
                ended(event, Refused)
            else:
                assert event[:2] == ("failed", 1) and isinstance(event[2], expected), code
    assert isinstance(check.raises(Refused, make, message(0x81)), Refused)


def test_max_age_says_how_long_to_wait():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    client.events.append(("response", message(0xA3, b"", ((14, b"\x1e"), (14, b"\x3c")))))
    assert session.poll(0)[2].retry_after_ms == 30_000


def test_when_the_known_address_does_not_answer_dns_is_asked_and_the_address_not_forgotten():
    session, client = make(message(0x45, AUTH))
    prove(session, client)
    submit(session, 1, Report({"t": 1}))
    client.events.append(("failed", TimedOut("nothing")))
    ended(session.poll(0), TimedOut, 1)
    Channel.found.clear()
    begin(session)
    assert Channel.found == [("pk.coap.example.com", 5682)]
    check.equal(client.channel.turn, 1)  # another address, where the name has several
    # DNS fails: what was known is better than nothing
    session.close()
    Channel.found.clear()
    Channel.unknown = "pk.coap.example.com"
    try:
        begin(session)
    finally:
        Channel.unknown = None
    assert Channel.found == [("192.0.2.7", 5682)]


def test_behind_a_modem_whose_look_up_may_fail_name_and_known_address_take_turns():
    from signet.net.modem import channel

    channel.ModemChannel = lambda settings, *arguments: Channel(*arguments)
    session, client = make(message(0x45, AUTH), modem={"family": "bg95"})
    prove(session, client)
    for host in ("pk.coap.example.com", "192.0.2.7", "pk.coap.example.com"):
        submit(session, 1, Report({"t": 1}))
        client.events.append(("failed", TimedOut("nothing")))
        ended(session.poll(0), TimedOut, 1)
        Channel.found.clear()
        begin(session)
        check.equal(Channel.found, [(host, 5682)])


def test_without_an_answer_dtls_shakes_hands_once_and_sends_the_report_once_more():
    session, client = make(message(0x45, b'{"token":"t"}'), trust=object())
    prove(session, client)
    closed_at = []
    really_close = client.close

    def close():
        closed_at.append(len(Channel.found))
        really_close()

    client.close = close
    for key in (1, 2):  # for each report
        submit(session, key, Report({"t": 1}), True)
        opened, sent = len(Channel.found), len(client.sent)
        closed_at.clear()
        client.events.append(("failed", TimedOut("nothing")))
        assert session.poll(0) is None
        assert len(Channel.found) == opened + 1 and client.channel is not None
        assert closed_at == [opened], "two channels at once need the memory of two"
        client.events.append(("failed", TimedOut("nothing again")))
        assert "again" in str(ended(session.poll(0), TimedOut, key))
        assert len(client.sent) == sent + 1 and client.ids[-1] != client.ids[-2]
        assert client.sent[-1] == client.sent[-2], "code, options, payload, last"
        assert len(Channel.found) == opened + 1
        begin(session)


def test_without_dtls_a_report_without_an_answer_is_a_connection_lost():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    client.events.append(("failed", TimedOut("nothing")))
    ended(session.poll(0), TimedOut, 1)
    assert len(Channel.found) == 1 and len(client.sent) == 2


def test_a_handshake_that_fails_after_no_answer_is_a_connection_lost():
    session, client = make(message(0x45, b'{"token":"t"}'), trust=object())
    prove(session, client)
    submit(session, 1, Report({"t": 1}))
    client.events.append(("failed", TimedOut("nothing")))
    Channel.unknown = "192.0.2.7"
    try:
        error = ended(session.poll(0), Lost)
    finally:
        Channel.unknown = None
    assert "cannot find" in str(error)
    assert len(client.sent) == 1


def test_what_waits_for_a_handshake_is_not_on_the_wire():
    session, client = make(message(0x45, b'{"token":"t"}'), trust=object())
    client.channel.is_open = False
    submit(session, 1, Report({"t": 1}))
    client.events.append(("failed", Untrusted("not the one")))
    ended(session.poll(0), Untrusted)


def test_an_address_that_did_not_prove_itself_is_not_kept():
    """Another host may have it now, or somebody answers for DNS."""
    for trouble in (
        message(0x84),
        Lost("rejected"),
        Untrusted("not the one"),
        ProtocolError("what?"),
        TimedOut("nothing"),
    ):
        check.raises(SignetError, make, trouble)
        _, _client = again(message(0x45, AUTH))
        assert Channel.found == [("pk.coap.example.com", 5682)]


def test_what_anybody_may_have_granted_is_forgotten_when_it_does_not_work():
    """By AES nothing proves the answer to `/auth`, until a report with it is answered."""
    login = [[b"auth"]]
    for answer in (None, message(0x80), message(0xA0)):
        session, client = make(message(0x45, AUTH))
        submit(session, 1, Report({"t": 1}))
        if answer:  # at once
            client.events.append(("response", answer))
            assert session.poll(0)[0] == "failed"
            client.sent.clear()
            client.answers.append(message(0x45, AUTH))
            submit(session, 2, Report({"t": 1}))
            assert session.poll(0) is None
            assert [values(each[1], 11) for each in client.sent] == login
        _, client = again(message(0x45, AUTH))  # and over a reset
        assert [values(each[1], 11) for each in client.sent] == login


def test_a_failed_login_leaves_nothing_half_open():
    for trouble in (message(0xA0), Lost("x"), MemoryError("x"), message(0x45, b'{"token":')):
        session, client = make(message(0x45, AUTH))
        submit(session, 1, Report({"t": 1}))
        client.events.append(("response", message(0x81)))
        client.answers.append(trouble)
        ended(until(session), SignetError)
        assert client.channel is None and not session.submit(1, Report({"t": 1}))


def test_memory_that_ends_while_sending_ends_the_connection_only():
    session, client = make(message(0x45, AUTH))
    prove(session, client)
    real, session._access.cipher.encrypt = session._access.cipher.encrypt, no_memory
    ended(submit(session, 1, Report({"t": 1})), Lost)
    session._access.cipher.encrypt = real
    begin(session)
    assert submit(session, 1, Report({"t": 1})) is None and len(client.sent) == 1


def test_an_answer_that_is_not_understood_is_told_of_and_the_next_report_goes():
    session, client = make(message(0x45, AUTH))
    submit(session, 1, Report({"t": 1}))
    client.events.append(("failed", ProtocolError("option 9")))
    kind, key, error = session.poll(0)
    assert (kind, key) == ("failed", 1) and isinstance(error, ProtocolError)
    submit(session, 2, Report({"t": 2}))
    client.events.append(("response", message(0x45)))
    check.equal(session.poll(0)[:2], ("acked", 2))


def test_with_a_full_flash_reports_go_on_with_a_new_token():
    session, client = make(message(0x45, AUTH))
    prove(session, client)
    session._access._state.save = session._access._state.reserve = flash_full
    for _ in range(2):
        client.answers.append(message(0x45, AUTH))
    for key in range(1, 5):
        assert session.submit(key, Report({"t": 1}))
        session.poll(0)
        client.events.append(("response", message(0x45)))
        assert until(session)[0] == "acked"
    assert len(client.answers) == 1  # one login was enough
    assert "counting in memory" in session.lines[1]
    ids = client.ids[2:]
    assert len(set(ids)) == len(ids)


def test_after_damage_to_the_flash_no_number_is_used_with_the_old_token():
    session, client = make(message(0x45, AUTH))
    for key in range(40):
        submit(session, key, Report({"t": 1}))
        client.events.append(("response", message(0x45)))
        session.poll(0)
        client.sent.clear()
    path = Flash.state
    with open(path, "rb") as file:
        data = file.read()
    for place in (len(data) // 2, len(data) - 3):  # where the token is; where only `n` is
        damaged = bytearray(data)
        damaged[place] ^= 1
        with open(path, "wb") as file:
            file.write(damaged)
        _, client = again(message(0x45, AUTH))
        assert [values(each[1], 11) for each in client.sent] == [[b"auth"]], place


def test_a_report_too_large_for_a_datagram_is_rejected():
    session, client = make(message(0x45, AUTH))
    for key, report in (
        (1, Report(bytes(1000), topic="/pk/dn/user/update")),
        (2, Report(b"x", topic="/pk/dn/" + "x" * 256)),
        (3, Report(b"x", topic="/pk/dn/" + "\u00e9" * 128)),
    ):
        event = submit(session, key, report)
        assert event[:2] == ("failed", key) and isinstance(event[2], Rejected)
    submit(session, 3, Report({"t": 1}))
    assert len(client.sent) == 2


def test_an_odd_name_of_an_event_is_rejected_and_the_next_report_goes():
    session, client = make(message(0x45, AUTH))
    check.raises(Rejected, session.submit, 1, Report({"t": 1}, event="a/b"))
    submit(session, 2, Report({"t": 1}))
    assert len(client.sent) == 2
