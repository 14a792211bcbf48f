"""Does sign.aes encrypt as NIST and OpenSSL do, and refuse every padding that is not one?"""

from binascii import hexlify, unhexlify

import check
from signet.errors import ProtocolError
from signet.sign.aes import Cipher

# NIST SP 800-38A F.2.1 and F.2.2, CBC-AES128
_KEY = unhexlify("2b7e151628aed2a6abf7158809cf4f3c")
_IV = unhexlify("000102030405060708090a0b0c0d0e0f")
_PLAIN = unhexlify(
    "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
)
_CIPHER = unhexlify(
    "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
    "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
)


def _unpadded(blocks):
    """Encrypts whole blocks without a padding, to make wrong ones."""
    import cryptolib

    return cryptolib.aes(_KEY, 2, _IV).encrypt(blocks)


def test_the_vector_of_nist_is_encrypted():
    for size in (16, 32, 48, 64):
        encrypted = Cipher(_KEY, _IV).encrypt(_PLAIN[:size])
        check.equal(hexlify(encrypted[:size]), hexlify(_CIPHER[:size]))
        check.equal(len(encrypted), size + 16)


def test_the_vector_of_nist_is_decrypted():
    # A padding block behind it, as NIST's has none: CBC continues from its last block.
    import cryptolib

    padding = cryptolib.aes(_KEY, 2, _CIPHER[-16:]).encrypt(b"\x10" * 16)
    check.equal(Cipher(_KEY, _IV).decrypt(_CIPHER + padding), _PLAIN)


def test_every_length_agrees_with_openssl():
    count = 0
    for key, iv, plain, encrypted in check.vectors("aes-generated"):
        cipher = Cipher(unhexlify(key), unhexlify(iv))
        for _ in range(2):  # the same again: nothing is chained from message to message
            check.equal(cipher.encrypt(unhexlify(plain)), unhexlify(encrypted))
            check.equal(cipher.decrypt(unhexlify(encrypted)), unhexlify(plain))
        count += 1
    assert count > 60, count


def test_a_bytearray_is_taken_and_left_as_it_is():
    cipher = Cipher(_KEY, _IV)
    plain = bytearray(_PLAIN)
    encrypted = bytearray(cipher.encrypt(plain))
    check.equal(plain, _PLAIN)
    check.equal(cipher.decrypt(encrypted), _PLAIN)
    check.equal(encrypted[:64], _CIPHER)


def test_what_is_not_whole_blocks_is_refused():
    cipher = Cipher(_KEY, _IV)
    for size in range(64):
        if not size or size % 16:
            error = check.raises(ProtocolError, cipher.decrypt, b"x" * size)
            assert "AES: {} bytes".format(size) in str(error), error


def test_each_padding_of_1_to_16_bytes_is_taken():
    for padding in range(1, 17):
        block = b"x" * (16 - padding) + bytes((padding,)) * padding
        check.equal(Cipher(_KEY, _IV).decrypt(_unpadded(block)), b"x" * (16 - padding))


def test_every_other_last_byte_is_refused():
    cipher = Cipher(_KEY, _IV)
    for last in range(256):
        if not 1 <= last <= 16:
            for size in (16, 32):
                data = _unpadded(bytes((last,)) * size)
                check.raises(ProtocolError, cipher.decrypt, data)


def test_each_byte_of_a_padding_is_looked_at():
    cipher = Cipher(_KEY, _IV)
    for padding in range(2, 17):
        for place in range(1, padding):
            for wrong in (padding ^ 1, padding ^ 0x80, 0, 255):
                block = bytearray(b"x" * (16 - padding) + bytes((padding,)) * padding)
                block[-1 - place] = wrong
                check.raises(ProtocolError, cipher.decrypt, _unpadded(block))


def test_another_key_is_refused_in_clear_words_without_the_key():
    encrypted = Cipher(_KEY, _IV).encrypt(b"secret report")
    error = check.raises(ProtocolError, Cipher(_IV, _IV).decrypt, encrypted)
    check.equal(str(error), "AES: wrong padding: damaged, or another key")
    assert not [part for part in ("2b7e", "secret") if part in repr(Cipher(_KEY, _IV))]
