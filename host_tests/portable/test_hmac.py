"""Is HMAC right?  RFC 2202, RFC 4231, documents of the clouds, and CPython's hmac."""

import hashlib
from binascii import hexlify, unhexlify

import check
from signet.sign import hmac, hmac_compat

_NAMES = ("md5", "sha1", "sha256")


def _rfc(name):
    vectors = check.vectors(name)
    for case in vectors["cases"]:
        key, data, mac = unhexlify(case["key"]), unhexlify(case["data"]), case["mac"]
        signer = hmac.Signer(key, vectors["hash"])
        got = signer.hexdigest(data)
        check.equal(got[: len(mac)], mac, "{} case {}".format(name, case["case"]))
        check.equal(hexlify(signer.digest(data)).decode(), got, "digest")
        check.equal(hmac_compat.new(key, data, vectors["hash"]).hexdigest(), got, "new")


def test_md5_as_in_rfc_2202():
    _rfc("hmac-md5-rfc2202")


def test_sha1_as_in_rfc_2202():
    _rfc("hmac-sha1-rfc2202")


def test_sha256_as_in_rfc_4231():
    _rfc("hmac-sha256-rfc4231")


def test_keys_and_messages_around_the_block_size_as_in_cpython():
    for case in check.vectors("hmac-generated"):
        key, message = unhexlify(case["key"]), unhexlify(case["message"])
        for name in _NAMES:
            got = hmac.Signer(key, name).hexdigest(message)
            check.equal(got, case[name], "{} key of {} bytes".format(name, len(key)))


def test_the_documents_examples():
    for case in check.vectors("content")["cases"]:
        for name in _NAMES:
            if "hmac" + name in case:
                got = hmac.Signer(case["secret"], name).hexdigest(case["content"].encode())
                check.equal(got, case["hmac" + name], case["name"])


def test_one_signer_signs_many_messages():
    signer = hmac.Signer(b"Jefe", "sha256")
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"  # RFC 4231 4.3
    for _ in range(3):
        check.equal(signer.hexdigest(b"what do ya want for nothing?"), expected)
        signer.digest(b"something else")


def test_digest_twice_is_the_same():
    for name in _NAMES:
        mac = hmac_compat.new(b"key", b"message", name)
        first = mac.digest()
        check.equal(mac.digest(), first)
        check.equal(mac.hexdigest(), hexlify(first).decode())


def test_a_message_may_come_in_parts():
    whole = hmac_compat.new(b"key", b"one two three", "sha1").digest()
    mac = hmac_compat.new(b"key", b"one ", "sha1")
    mac.update(b"two ")
    mac.update(bytearray(b"three"))
    check.equal(mac.digest(), whole)
    mac = hmac_compat.new(b"key", digestmod="sha1")
    mac.update(memoryview(b"one two three"))
    check.equal(mac.digest(), whole)


def test_update_after_digest_is_refused_not_ignored():
    mac = hmac_compat.new(b"key", b"message", "sha1")
    mac.digest()
    check.raises(ValueError, mac.update, b"more")


def test_a_key_may_be_text_bytes_or_bytearray():
    expected = hmac.Signer("Schlüssel".encode(), "sha256").digest(b"m")
    check.equal(hmac.Signer("Schlüssel", "sha256").digest(b"m"), expected)
    check.equal(hmac.Signer(bytearray("Schlüssel".encode()), "sha256").digest(b"m"), expected)


def test_the_constructor_of_a_hash_names_it_too():
    expected = hmac_compat.new(b"key", b"m", "sha256").digest()
    check.equal(hmac_compat.new(b"key", b"m", hashlib.sha256).digest(), expected)


def test_an_unknown_hash_is_a_value_error():
    for name in ("sha512", "SHA256", "", None, 5):
        error = check.raises(ValueError, hmac.Signer, b"very secret", name)
        assert "very secret" not in str(error)
    check.raises(ValueError, hmac_compat.new, b"key", b"message")


def test_a_firmware_without_md5_gives_a_value_error_when_the_signer_is_made():
    class Sha256Only:
        sha256 = hashlib.sha256

    whole = hmac.hashlib
    hmac.hashlib = Sha256Only
    try:
        error = check.raises(ValueError, hmac.Signer, b"key", "md5")
        assert "firmware has no md5" in str(error), str(error)
        hmac.Signer(b"key", "sha256").digest(b"message")
        hmac_compat.new(b"key", b"message", hashlib.sha256)
    finally:
        hmac.hashlib = whole


def test_a_signer_does_not_show_its_key():
    signer = hmac.Signer(b"very secret", "sha256")
    assert "very secret" not in repr(signer)
    assert "very secret" not in str(hmac_compat.new(b"very secret", b"m", "sha256"))


def test_compare_digest():
    assert hmac_compat.compare_digest(b"abc", b"abc")
    assert hmac_compat.compare_digest("abc", "abc")
    assert hmac_compat.compare_digest(b"", b"")
    for other in (b"abd", b"bbc", b"ab", b"abcd", b""):
        assert not hmac_compat.compare_digest(b"abc", other), other
