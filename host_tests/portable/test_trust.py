"""Which certificates does a board take out of the file `ca`, and what does it say of others?"""

import check
from check_mqtt import Stream, read
from check_trust import ReadsOnlyDer
from signet import clock
from signet.device.credentials import load
from signet.errors import ConfigError
from signet.net.secure import TlsChannel
from signet.net.stream import TcpChannel
from signet.net.trust import context

SERVERS = {"good": ("tls", "good", "echo")}

_BEGIN = b"-----BEGIN CERTIFICATE-----\n"
_END = b"-----END CERTIFICATE-----\n"
_JUNK = _BEGIN + b"AAAA\n" + _END


def _file(name):
    with open(check.server("good")["ca"].rpartition("/")[0] + "/" + name, "rb") as file:
        return file.read()


def _above(kind):
    """The certificate of the authority between, of a kind of host/certificates.py."""
    chain = _file(kind + ".pem")
    return chain[chain.index(_BEGIN, 1) :]


def _trusts(ca, wanted=True):
    """What is said of a file with which the server is found to be the right one."""
    said = []
    trust = context(ca, log=said.append)
    end = check.server("good")
    deadline = clock.Deadline(5000)
    channel = TcpChannel(end["host"], end["port"], deadline)
    stream = Stream(TlsChannel(channel, end["name"], trust, deadline))
    stream.write(b"x")
    assert read(stream, 1, 5000) == b"x"
    stream.close()
    return said


def _unread():
    """(certificate, why not) of those that Mbed TLS cannot read; OpenSSL can read some."""
    ca = _file("ca.pem")
    yield _JUNK, "it is no certificate"
    yield _BEGIN + b"*\n" + _END, "it is"
    yield ca[:200], "it is cut short"
    yield ca[: ca.index(_END)], "it is cut short"
    if check.MICROPYTHON:
        yield _above("ed25519"), "its key is neither EC nor RSA"
        yield _above("constrained"), "its critical extension `name constraints` is not known"


def test_one_that_cannot_be_read_is_named_and_the_others_are_used():
    ca = _file("ca.pem")
    other = _file("client_ca.pem")
    for bad, why in _unread():
        for number, bundle in ((1, bad + b"\n" + ca), (2, other + bad + b"\n" + ca + other)):
            said = _trusts(bundle)
            assert len(said) == 1, said
            start = "warning: `ca`: certificate {} is left out: ".format(number)
            assert said[0].startswith(start + why), said
    assert len(_trusts(_JUNK + other + _JUNK + ca + _JUNK)) == 3


def test_nothing_that_can_be_read_is_one_error():
    nothing = [(b"", ""), (b"junk", ""), (_file("good.pem")[-200:], "")]
    for bundle, why in nothing + list(_unread()):
        error = check.raises(ValueError, context, bundle)
        assert error.args[0] == "ca" and "holds no certificate that can be read" in error.args[1]
        assert why in error.args[1], error


def test_what_stands_around_a_certificate_does_not_matter():
    ca = _file("ca.pem")
    other = _file("client_ca.pem")
    for bundle in (
        _file("ca.der"),
        ca.rstrip(),
        ca.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + ca,
        b"0 s:CN = test\n" + ca,  # as of `openssl s_client -showcerts`; DER begins with a 0, too
        b"# my CA\n====-----\n" + other.rstrip() + b" -----\r\n\r\n= another =\n" + ca + b"# end",
        ca.replace(_BEGIN, _BEGIN.rstrip() + b" \n").replace(_END, b" \n" + _END),
        _file("good.pem") + ca,  # a server's, and its key
    ):
        assert _trusts(bundle) == [], bundle


def test_firmware_that_reads_only_der_gets_der():
    bundle = _file("client_ca.pem") + _JUNK + _file("ca.pem")
    with ReadsOnlyDer():
        check.raises(ValueError, ReadsOnlyDer.SSLContext(0).load_verify_locations, bundle)
        assert len(_trusts(bundle)) == 1
        assert _trusts(_file("ca.der")) == []


def test_a_bundle_of_any_size_is_used_or_one_config_error():
    path = check.scratch("bundle.pem")
    config = {"ca": path, "cloud": "enos", "way": "mqtt", "expiry_warning_days": 30}
    one, largest = _file("ca.pem"), 0
    for count in (1, 10, 20, 30, 40, 50, 60, 80, 100, 150, 300, 600):
        with open(path, "wb") as file:
            for _ in range(count):
                file.write(one)
        try:
            load(config, print)
            largest = count
        except ConfigError as error:
            assert error.key == "ca" and "too large for this board" in error.rule, error
    assert largest >= 20
