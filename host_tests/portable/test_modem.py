"""Do datagrams go through a modem, whatever state it is found in, and is trouble said in words?"""

import check
import check_far as far
from check_modem import ADDRESS, TROUBLES, Bc66, Bc660k, Bg95
from check_modem_families import FAMILIES, Bc95, SaraN2, SaraR4, Sim7020
from check_modem_line import World

HEAP = "160k"  # every family, and a double of each


def _channel(modem, **settings):
    from signet import clock
    from signet.net.modem.channel import ModemChannel

    return ModemChannel(modem.settings(**settings), "good.test", 5684, clock.Deadline(30_000))


def _hears(world, channel, ms=40_000):
    end = world.now() + ms
    while world.now() < end:
        datagram = channel.receive()
        if datagram is not None:
            return datagram
        channel.wait(500)
    return None


def test_a_datagram_goes_and_comes():
    for family in FAMILIES:
        for piece in (1 << 16, 1, 7):
            modem = family(far.EchoOfDatagrams())
            modem.piece = piece
            with World(modem) as world:
                channel = _channel(modem)
                data = b'\r\nOK\r\n+QIURC: "recv",0\r\n\x00\xff'
                assert channel.send(data), family
                assert not channel.send(b"another"), "one is kept"
                check.equal(_hears(world, channel), data, family)
                assert channel.opened()
                check.equal(channel.address, "192.0.2.7")
                check.equal(_hears(world, channel, 1000), None, family)
                channel.send(b"more")
                check.equal(_hears(world, channel), b"more", family)
                channel.close()
                channel.close()


def test_trouble_is_said_in_one_line():
    from signet.errors import Lost

    for family in FAMILIES:
        for trouble, words in TROUBLES.items():
            modem = family(far.EchoOfDatagrams())
            modem.trouble = trouble
            with World(modem) as world:
                channel = _channel(modem)
                error = check.raises(Lost, _hears, world, channel)
                if trouble == "resets" and not modem.banner:
                    words = "has closed the socket"
                assert words in str(error), (trouble, error)
                assert "\n" not in str(error) and len(str(error)) < 160, error
                assert world.now() < 35_000, (trouble, world.now())


def test_a_datagram_from_elsewhere_is_dropped():
    for family in (Bc95, SaraN2, SaraR4):
        modem = family(far.EchoOfDatagrams())
        modem.sender = "192.0.2.9"
        with World(modem) as world:
            channel = _channel(modem)
            channel.send(b"a")
            check.equal(_hears(world, channel, 5000), None, family)
            modem.sender = ADDRESS
            channel.send(b"b")
            check.equal(_hears(world, channel), b"b", family)


def test_the_networks_time_and_signal_are_asked_for():
    from signet.net.modem import network_clock

    check.equal(network_clock.dbm(), None)
    for family, hour in ((Bg95, 16), (Bc66, 17)):
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _channel(modem)
            check.equal(network_clock.unix_s(None), None, "it opens")
            channel.send(b"x")
            check.equal(_hears(world, channel), b"x")
            _hears(world, channel, 1000)
            at_15_5_6 = 1_795_964_706  # date -u -d "2026-11-29 15:05:06" +%s
            check.equal(network_clock.unix_s(None), at_15_5_6 + (hour - 15) * 3600)
            check.equal(network_clock.dbm(), 57 - 141)
            modem.rsrp = 255  # unknown (3GPP TS 27.007 section 8.69): RSSI then, section 8.5
            check.equal(network_clock.dbm(), -77)
    modem.clock = "26/11/29,15:05:06"
    with World(modem) as world:
        channel = _channel(modem)
        channel.send(b"x")
        check.equal(_hears(world, channel), b"x")
        _hears(world, channel, 1000)
        check.equal(network_clock.unix_s(None), at_15_5_6)
        for modem.clock in ('"80/01/06,00:00:10+00"', '"04/01/01,00:00:00+00"', "", '"no"'):
            check.equal(network_clock.unix_s(None), None, modem.clock)
    modem.clock = "26/11/29,15:05:06"
    with World(modem) as world:
        check.equal(network_clock.unix_s(modem.settings), at_15_5_6, "it registers for that")
    modem.trouble = "denied"
    with World(modem) as world:
        check.equal(network_clock.unix_s(modem.settings), None)
        assert world.now() < 35_000


def _opened(world, modem, **settings):
    """Returns a channel that has sent, and heard an echo."""
    channel = _channel(modem, **settings)
    channel.send(b"x")
    while _hears(world, channel) != b"x":  # what a socket of before sent may be answered, too
        assert world.now() < 30_000, modem.family
    _hears(world, channel, 1000)
    return channel


def test_a_modem_is_found_in_any_state():
    def asleep(modem):
        modem.asleep = 7

    def late(modem):  # an answer that a soft reset has left behind
        modem.say("\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n\r\nERROR\r\n")

    def silent(modem):  # without a line end
        modem.say("+QIRD: 40")

    def wants_data(modem):
        modem.wants(100)

    def reboots(modem):
        modem.reboot()

    def searches(modem):
        modem.registered = False

    def has_a_socket(modem):
        modem.socket = True

    def is_busy(modem):
        modem.busy = 3

    for family in FAMILIES:
        for state in (asleep, late, silent, wants_data, reboots, searches, has_a_socket, is_busy):
            modem = family(far.EchoOfDatagrams())
            state(modem)
            with World(modem) as world:
                _opened(world, modem)
                assert world.now() < 15_000, (family, state, world.now())


def test_a_modem_that_is_registered_is_not_registered_again():
    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        for turn in range(2):
            with World(modem) as world:
                modem.heard.clear()
                channel = _opened(world, modem)
                channel.send(b"last", 1)
                check.equal(_hears(world, channel), b"last")
                channel.close()
            assert not modem.socket, "it is left open"
            assert not [text for text in modem.heard if "CFUN" in text or "COPS" in text], family
            assert len(modem.heard) < 25, modem.heard


def test_lines_in_the_middle_of_an_answer_are_no_answer():
    lines = (
        '\r\n+CEREG: 5,"1A2B","00A1B2C4",9\r\n',
        "\r\n+CSCON: 1\r\n",
        "\r\n+NPSMR: 0\r\n",
        "\r\nCLOSE OK\r\n",
        "\r\nSEND FAILED\r\n",
        "\n\r\r\n\r",
        "\r\n" + "x" * 1049 + "\r\n",
    )
    for family in FAMILIES:
        for line in lines:
            modem = family(far.EchoOfDatagrams())
            modem.before = line.encode()
            modem.always = True
            with World(modem) as world:
                _opened(world, modem)


def test_the_network_is_lost_while_the_channel_is_open():
    from signet.errors import Lost

    for family in FAMILIES:
        for status in (0, 3):
            modem = family(far.EchoOfDatagrams())
            with World(modem) as world:
                channel = _opened(world, modem)
                modem.say("\r\n+CEREG: {}\r\n".format(status))
                error = check.raises(Lost, _hears, world, channel)
                assert "no coverage any more" in str(error), error


def test_a_reset_while_the_channel_is_open_is_said():
    from signet.errors import Lost

    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _opened(world, modem)
            if modem.banner:
                modem.reboot()
                error = check.raises(Lost, _hears, world, channel)
                assert "has reset" in str(error), error
            channel.close()
            _opened(world, modem)


def test_a_socket_that_has_not_outlived_a_sleep_is_opened_anew():
    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _opened(world, modem, psm=["00100001", "00000101"])
            world.sleep(600_000)
            modem.socket, modem.asleep = False, 3
            channel.send(b"awake")
            check.equal(_hears(world, channel), b"awake", family)
            world.sleep(600_000)
            modem.wakes = True
            channel.send(b"begun anew")
            check.equal(_hears(world, channel), b"begun anew", family)
            modem.say("\r\n+CSCON: 0\r\n")  # and nobody has listened since
            world.sleep(600_000)
            modem.wakes = True
            channel.send(b"late")
            check.equal(_hears(world, channel), b"late", family)
            _hears(world, channel, 1000)
            modem.reboot()  # as it does for an update of the tracking area
            check.equal(_hears(world, channel, 5000), None, family)
            channel.send(b"again")
            check.equal(_hears(world, channel), b"again", family)


def test_send_fail_is_a_datagram_that_was_lost_on_the_way():
    for family in (Bg95, Bc66):
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _opened(world, modem)
            modem.sent.clear()
            for replies in (None, 1):
                modem.fails = 1
                channel.send(b"lost", replies)
                check.equal(_hears(world, channel, 2000), None, family)
                check.equal(modem.sent, [], "again at once")
            channel.send(b"next")
            check.equal(_hears(world, channel), b"next", family)


def test_replies_release_the_radio_only_where_that_is_asked_for():
    for family in (Bg95, Bc66, Bc95, SaraN2):
        for rai in (True, False):
            modem = family(far.EchoOfDatagrams())
            with World(modem) as world:
                channel = _opened(world, modem, rai=rai)
                modem.sent.clear()
                for replies in (0, 1, 2, None):
                    channel.send(b"x", replies)
                    _hears(world, channel, 1000)
                releases = [release for _, release in modem.sent]
                check.equal(releases, [1, 2, 0, 0] if rai else [0] * 4)
    modem = Sim7020(far.EchoOfDatagrams())  # it has a command for that
    with World(modem) as world:
        channel = _opened(world, modem)
        for replies, count in ((0, 1), (1, 1), (2, 0), (None, 0)):
            modem.heard.clear()
            channel.send(b"x", replies)
            check.equal(_hears(world, channel), b"x")
            _hears(world, channel, 1000)
            check.equal(modem.heard.count("AT+CNMPSD"), count, replies)


def test_sleep_is_asked_for_as_device_json_says():
    modem = Bg95(far.EchoOfDatagrams())
    with World(modem) as world:
        _opened(world, modem, psm=["00100001", "00000101"], edrx="0101")
    # 3GPP TS 27.007, CPSMS and CEDRXS (5: NB-IoT)
    assert 'AT+CPSMS=1,,,"00100001","00000101"' in modem.heard
    assert 'AT+CEDRXS=1,5,"0101"' in modem.heard


def test_another_apn_is_set_before_the_modem_registers():
    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            _opened(world, modem, apn="another", user="we", password="secret")
        assert 'AT+CGAUTH=1,1,"we","secret"' in modem.heard  # 3GPP TS 27.007 section 10.1.31
        check.equal(modem.apn, "another", family)
        found = [text for text in modem.heard if "CFUN" in text or '"another"' in text]
        assert found[0] == "AT+CFUN=0" and "AT+CFUN=1" in found, found
        with World(modem) as world:
            modem.heard.clear()
            _opened(world, modem, apn="another")
        assert not [text for text in modem.heard if "CFUN" in text], "it is set already"


def test_a_datagram_that_is_too_large_is_refused_with_the_number():
    from signet.errors import Rejected

    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _opened(world, modem)
            size = channel.most
            channel.send(bytes(size))
            assert len(modem.sent) == 1
            error = check.raises(Rejected, channel.send, bytes(size + 1))
            assert str(size) in str(error)


def test_a_board_without_that_uart_says_so():
    from signet.errors import Lost

    class Board(Bg95):
        def uart(self, settings):
            raise ValueError("UART(7) does not exist")

    with World(Board()) as world:
        error = check.raises(Lost, _channel, world.modem)
    assert "no such UART" in str(error)


def test_no_error_shows_a_number_of_the_card_or_a_password():
    from signet.errors import Lost

    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        modem.name = b"Quectel\r\nAnother-1\r\nIMEI: 860000000000000 (SVN 1)"
        modem.trouble = "no_socket"
        modem.before = b'\r\n262011234567890\r\nAT+QICSGP=1,1,"iot","meter","s3cret",1\r\n'
        modem.always = True
        for is_mute in (False, True):
            modem.mute = is_mute
            with World(modem) as world:
                error = check.raises(Lost, _hears, world, _channel(modem))
                for secret in ("s3cret", "2620112", "8600000"):
                    assert secret not in str(error), error


def test_a_limit_that_only_an_early_bc95_has_sets_one_report_aside():
    from signet.errors import Lost, Rejected
    from signet.net.modem.family import bc95

    check.equal(bc95.Modem.LEAST, 512)
    bc95.Modem.LEAST = 64  # the heap of i386 has no room for the text of so many
    for family, said, kind, most in (
        (Bc95, b"", Rejected, 64),
        (Bc95, b"\r\n+CEREG: 2\r\n", Lost, 1358),  # it searches: that may be why
        (Bg95, b"", Lost, 1460),
    ):
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _opened(world, modem)
            modem.limit, modem.before, modem.always = 64, said, True
            channel.send(bytes(65))
            error = check.raises(kind, _hears, world, channel)
            assert (" 64 " in str(error)) is (kind is Rejected)
            check.equal(channel.most, most)
            if kind is Rejected:
                channel.send(bytes(64))
                check.equal(_hears(world, channel), bytes(64))
    bc95.Modem.LEAST = 512


def test_a_modem_that_falls_asleep_while_somebody_listens_is_woken():
    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _opened(world, modem)
            world.sleep(600_000)
            modem.say("\r\n+NPSMR:1\r\n")
            _hears(world, channel, 300)
            modem.asleep = 3
            channel.send(b"awake")
            check.equal(_hears(world, channel), b"awake", family)


def test_digits_that_were_lost_swallow_no_line_behind_them():
    modem = Bc660k(far.EchoOfDatagrams())
    with World(modem) as world:
        channel = _opened(world, modem)
        modem.before = b'\r\n+QIURC: "recv",0,9,"0102"\r\n'
        channel.send(b"x")
        began = world.now()
        check.equal(_hears(world, channel), b"x")
        assert world.now() - began < 2000


def test_what_passes_by_itself_while_a_modem_registers_is_waited_for():
    def denied_once(modem):
        modem.registered = False
        modem.before = b"\r\n+CEREG: 3\r\n"

    def card_is_not_read_yet(modem):
        modem.registered = False
        modem.card = 1

    for family in FAMILIES:
        for state in (denied_once, card_is_not_read_yet):
            modem = family(far.EchoOfDatagrams())
            state(modem)
            with World(modem) as world:
                _opened(world, modem)


def test_a_search_while_the_channel_is_open_is_no_loss():
    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _opened(world, modem)
            modem.say("\r\n+CEREG: 2\r\n")
            check.equal(_hears(world, channel, 1000), None)
            channel.send(b"x")
            check.equal(_hears(world, channel), b"x", family)


def test_sleep_that_is_set_already_is_not_set_again():
    modem = Bg95(far.EchoOfDatagrams())
    modem.psm = '1,,,"00100001","00000101"'
    with World(modem) as world:
        _opened(world, modem, psm=["00100001", "00000101"])
    assert not [text for text in modem.heard if text[:9] == "AT+CPSMS="]
    modem.heard.clear()
    with World(modem) as world:
        _opened(world, modem)
    assert "AT+CPSMS=0" in modem.heard


def test_another_apn_that_the_network_shows_costs_no_attach_at_each_wake():
    from signet import clock
    from signet.net.modem.channel import ModemChannel

    for family in FAMILIES:
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            settings = modem.settings(apn="another")
            channel = ModemChannel(settings, ADDRESS, 5684, clock.Deadline(30_000))
            channel.send(b"x")
            check.equal(_hears(world, channel), b"x", family)
        assert not [text for text in modem.heard if "CFUN" in text], family


def test_a_modem_that_hears_nothing_is_woken_by_its_key_and_no_other():
    for family in FAMILIES:
        for is_deaf in (True, False):
            modem = family(far.EchoOfDatagrams())
            modem.is_deaf = is_deaf
            with World(modem) as world:
                channel = _opened(world, modem, wake=4)
                check.equal(modem.key, [True, False] if is_deaf else [])
                world.sleep(600_000)
                modem.asleep = 3
                channel.send(b"awake")
                check.equal(_hears(world, channel), b"awake", family)
                assert len(modem.key) == 2 * is_deaf


def test_boudica_is_asked_for_no_more_than_it_has():
    # Quectel "BC95-G&BC68 AT Commands Manual" NSORF: 1358 at most; early firmware and SARA-N2: 512
    for family, largest, size in ((Bc95, 384, 512), (Bc95, 1472, 1358), (SaraN2, 1472, 512)):
        modem = family(far.EchoOfDatagrams())
        with World(modem) as world:
            channel = _channel(modem)
            channel.largest = largest
            channel.send(b"x")
            check.equal(_hears(world, channel), b"x")
        assert "AT+NSORF=1,{}".format(size) in modem.heard, modem.heard
