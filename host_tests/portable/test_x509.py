"""Does wire/x509.py find when a certificate ends, as the library cryptography says it does?"""

from binascii import unhexlify

import check
from signet.wire import unread, x509


def test_the_end_of_each_certificate_is_found_whatever_its_form():
    for case in check.lines("x509"):
        data = unhexlify(case["data"])
        check.equal(x509.not_after(data), case["ends"], case["what"])


def test_a_key_is_told_from_another_s():
    for case in check.lines("x509_keys"):
        key, cert = unhexlify(case["key"]), unhexlify(case["cert"])
        check.equal(x509.belongs(key, cert), case["belongs"], case["what"])


def test_a_year_of_two_digits_is_of_1950_to_2049():
    # RFC 5280 section 4.1.2.5.1
    for text, expected in (
        (b"700101000000Z", 0),
        (b"500101000000Z", -631_152_000),
        (b"491231235959Z", 2_524_607_999),
        (b"000229120000Z", 951_825_600),
    ):
        check.equal(x509._seconds(0x17, text), expected, text)


def test_a_time_that_is_none_is_a_value_error():
    for tag, text in (
        (0x17, b""),
        (0x17, b"Z"),
        (0x17, b"2611211200Z"),  # seconds are required
        (0x17, b"261121120000"),
        (0x17, b"261121120000+0100"),
        (0x17, b"261321120000Z"),
        (0x17, b"261100120000Z"),
        (0x17, b"261121240000Z"),
        (0x17, b" 61121120000Z"),
        (0x17, b"\xff61121120000Z"),
        (0x18, b"261121120000Z"),
        (0x18, b"20261121120000.5Z"),
        (0x04, b"261121120000Z"),
    ):
        check.raises(ValueError, x509._seconds, tag, text)


def test_what_is_no_certificate_is_left_out():
    for junk in (
        b"",
        b"junk",
        b"\x30",
        b"\x30\x80",
        b"\x30\x84\xff\xff\xff\xff",
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n*\n-----END ",
    ):
        assert x509.not_after(junk) == [], junk
        assert x509.belongs(junk, junk) is True


def test_no_byte_that_is_changed_or_cut_raises():
    case = next(check.lines("x509"))
    data = unhexlify(case["data"])
    for at in range(min(len(data), 400)):
        x509.not_after(data[:at])
        assert unread.why(data[:at]).startswith("it is ")
        for value in (0, 0x30, 0x7F, 0x80, 0x83, 0xFF):
            changed = bytearray(data)
            changed[at] = value
            x509.not_after(bytes(changed))
            assert unread.why(bytes(changed))


def test_no_byte_of_a_key_that_is_changed_or_cut_raises():
    for number, case in enumerate(check.lines("x509_keys")):
        if number < 3:
            key, cert = unhexlify(case["key"]), unhexlify(case["cert"])
            for at in range(min(len(key), 150)):
                x509.belongs(key[:at], cert)
                for value in (0, 0x30, 0x80, 0xA1):
                    changed = bytearray(key)
                    changed[at] = value
                    x509.belongs(bytes(changed), cert)


def _tlv(tag, content):
    size = len(content)
    return bytes((tag, 0x82, size >> 8, size & 255)) + content


def test_a_length_that_der_does_not_allow_is_not_read():
    data = unhexlify(next(check.lines("x509"))["data"])
    assert data[:2] == b"\x30\x82" and len(x509.not_after(data)) == 1
    for other in (b"\x30\x84\0\0", b"\x30\x80", b"\x30\x88\0\0\0\0\0\0"):
        assert x509.not_after(other + data[2:]) == [], other


def test_what_ends_beyond_what_holds_it_is_not_read():
    data = unhexlify(next(check.lines("x509"))["data"])
    for cut in range(1, len(data)):
        assert x509.not_after(data[:-cut]) == [], cut
    size = (data[2] << 8 | data[3]) + 1
    assert x509.not_after(data[:2] + bytes((size >> 8, size & 255)) + data[4:]) == []
    # nor a TBSCertificate that is longer than its certificate
    assert x509.not_after(data[:2] + b"\0\x40" + data[4:]) == []


def test_a_key_inside_a_key_inside_a_key_is_not_looked_for():
    # PKCS #1 in PKCS #8 (RFC 5958) tells; PKCS #8 in PKCS #8 is nothing
    cert = unhexlify(next(check.lines("x509"))["data"])
    key = _tlv(0x30, b"\x02\1\0" + _tlv(0x02, b"\x77" * 256))
    once = _tlv(0x30, b"\x02\1\0\x30\0" + _tlv(0x04, key))
    twice = _tlv(0x30, b"\x02\1\0\x30\0" + _tlv(0x04, once))
    assert x509.belongs(once, cert) is False
    assert x509.belongs(twice, cert) is True


def test_whom_a_certificate_names_is_told_exactly():
    # a CN as DER has it: UTF8String, its length, its text
    cert = b"\x30\x0b\x0c\x07d:t:abc"
    assert x509.names(cert, "d:t:abc")
    for other in ("d:t:ab", "d:t:abcd", "d:t:", "t:abc", "g:t:abc"):
        assert not x509.names(cert, other), other
    assert not x509.names(b"junk", "d:t:abc")
