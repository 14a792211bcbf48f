"""Does config.py say what is wrong with a modem in device.json, and how to mend it?"""

import check
from signet.device import config
from signet.errors import ConfigError

_SECRET = "s3cr3t-that-nobody-may-see"
_ALIBABA = {
    "cloud": "alibaba",
    "way": "coap",
    "host": "pk.coap.cn-shanghai.link.aliyuncs.com",
    "product_key": "pk",
    "device_name": "dn",
    "device_secret": _SECRET,
    "tls": False,
}


def _checked(modem, **changes):
    values = _ALIBABA.copy()
    values.update(changes)
    values["modem"] = modem
    return config.check(values, lambda line: None)


def _error(modem, **changes):
    error = check.raises(ConfigError, _checked, modem, **changes)
    assert _SECRET not in str(error)
    return error


def test_only_the_family_is_asked_for():
    for family, module, baud in (  # the baud that each manual says a module has from the factory
        ("bg95", "bg95", 115200),
        ("bc66", "bc66", 115200),
        ("bc660k", "bc66", 115200),
        ("bc95", "bc95", 9600),
        ("sara_n2", "bc95", 9600),
        ("sim7020", "sim7020", 115200),
        ("sim7080", "sim7080", 115200),
        ("sara_r4", "sara_r4", 115200),
    ):
        found = _checked({"family": family})["modem"]
        expected = {"family": family, "module": module, "baud": baud, "uart": 1, "rai": True}
        for key in ("apn", "user", "password", "tx", "rx", "wake", "psm", "edrx"):
            expected[key] = None
        check.equal(found, expected)


def test_without_a_modem_nothing_of_it_is_there():
    found = _checked(None)
    assert found["modem"] is None and "open_timeout_s" not in found


def test_what_is_given_stays():
    given = {
        "family": "sara_r4",
        "apn": "iot.1nce.net",
        "user": "u",
        "password": _SECRET,
        "uart": 2,
        "baud": 9600,
        "tx": 17,
        "rx": 16,
        "wake": 4,
        "psm": ["00100001", "00000101"],
        "edrx": "0101",
        "rai": False,
    }
    found = _checked(given)["modem"]
    check.equal({key: found[key] for key in given}, given)


def test_coap_waits_as_long_as_nb_iot_takes_unless_device_json_says_how_long():
    found = _checked({"family": "bg95"})
    check.equal((found["ack_timeout_ms"], found["max_retransmit"]), (8000, 3))
    assert found["open_timeout_s"] == 180 and "open_timeout_s" not in found["modem"]
    found = _checked({"family": "bg95", "open_timeout_s": 60}, ack_timeout_ms=2000)
    check.equal((found["ack_timeout_ms"], found["max_retransmit"]), (2000, 3))
    assert found["open_timeout_s"] == 60


def test_values_are_held_against_their_rule():
    for changes, key, rule in (
        ({"family": None}, "modem.family", "is missing"),
        ({"family": "bg96"}, "modem.family", "must be one of bc66, bc660k, bc95, bg95, sara_n2"),
        ({"apn": 'a"b'}, "modem.apn", "letters, digits and -. only"),
        ({"apn": "a" * 101}, "modem.apn", "1 to 100"),
        ({"user": 'a"'}, "modem.user", "must not hold the character '\"'"),
        ({"password": _SECRET + "\r"}, "modem.password", "control characters"),
        ({"password": _SECRET * 3}, "modem.password", "1 to 64"),
        ({"uart": -1}, "modem.uart", "from 0 to 9"),
        ({"baud": "9600"}, "modem.baud", "whole number"),
        ({"baud": 0}, "modem.baud", "from 1200 to 921600"),
        ({"tx": 17}, "modem.tx", "goes with `rx`"),
        ({"rx": 16}, "modem.tx", "goes with `rx`"),
        ({"psm": "00100001"}, "modem.psm", "two texts of 8 bits"),
        ({"psm": ["00100001"]}, "modem.psm", "two texts of 8 bits"),
        ({"psm": ["00100001", 101]}, "modem.psm", "two texts of 8 bits"),
        ({"psm": ["00100001", "0000010x"]}, "modem.psm", "two texts of 8 bits"),
        ({"edrx": "01011"}, "modem.edrx", "text of 4 bits"),
        ({"edrx": 5}, "modem.edrx", "text of 4 bits"),
        ({"rai": 1}, "modem.rai", "true or false"),
        ({"open_timeout_s": 9}, "modem.open_timeout_s", "from 10 to 300"),
        ({_SECRET: 1}, "modem", "a key that there is not; there are apn, baud"),
    ):
        modem = {"family": "bg95"}
        modem.update(changes)
        error = _error(modem)
        assert error.key == key and rule in str(error), error
    for modem in ("bg95", ["bg95"], True, 1, ""):
        error = _error(modem)
        assert error.key == "modem" and "must be an object" in str(error)


def test_a_modem_that_sleeps_and_wakes_by_its_key_only_is_warned_of():
    # SARA-R4 and N4: UBX-16029218; BG95, SIM70x0: PWRKEY. BC95, SARA-N2, BC660K: any byte.
    for family, wake, count in (
        ("sara_r4", None, 1),
        ("bg95", None, 1),
        ("bg95", 4, 0),
        ("bc95", None, 0),
        ("bc660k", None, 0),
    ):
        values, lines = _ALIBABA.copy(), []
        values["modem"] = {"family": family, "psm": ["00100001", "00000101"], "wake": wake}
        config.check(values, lines.append)
        check.equal(len([line for line in lines if "give `wake`" in line]), count, family)


def test_only_coap_goes_through_a_modem():
    for way in ("mqtt", "http"):
        error = _error({"family": "bg95"}, way=way, tls=None)
        assert "no such key for cloud alibaba by " + way in str(error), error
