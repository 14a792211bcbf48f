"""Is what Watson's console refuses refused, each mistake with its own words?"""

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID
from OpenSSL import crypto

from host_tests.tools.pki_files import (
    CLIENT,
    CURVE_256K1,
    DER,
    NOW,
    PEM,
    PKCS8,
    RSA,
    SMALL,
    UNKNOWN,
    Issued,
    csr,
    damaged,
    device,
    p256,
    server,
)
from tools.pki.checks import check_dates, check_request, read_ca, read_server
from tools.ui import UserError

ANY = ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE
SERVER_AUTH = ExtendedKeyUsageOID.SERVER_AUTH
ORG = "signet"
DOMAIN = "internetofthings.ibmcloud.com"
CA = Issued()
SERVER = server(by=CA)


@pytest.mark.parametrize("data", [CA.pem, CA.der, b"Subject: CN=test CA\n" + CA.pem])
def test_a_ca_is_taken_as_pem_and_as_der(data):
    assert read_ca(data) == CA.certificate


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (CA.pem + Issued("other").pem, "holds 2 certificates and may hold only one"),
        (b"", "neither PEM nor DER"),
        (b"hello", "neither PEM nor DER"),
        (b"0hello", "DER, but no certificate"),
        (CA.der[:-9], "DER, but no certificate"),
        (CA.pem[:-30], "cut off"),
        (damaged(CA.pem), "damaged"),
        (b"-----BEGIN PKCS7-----\nAAAA\n-----END PKCS7-----\n", "PKCS #7"),
        (CA.key_bytes() + CA.pem, "holds a private key"),
        (CA.key_bytes(PKCS8, DER), "holds a private key"),
        (csr(p256(), "x").public_bytes(PEM), "a signing request, not a certificate"),
        (Issued(days=(-9, -2)).pem, "expired on"),
        (Issued(days=(2, 9)).pem, "not valid before"),
        (Issued(ca=False).pem, "must say CA:TRUE"),
        (Issued(ca=None).pem, "must say CA:TRUE"),
        (device(by=CA).pem, "must say CA:TRUE"),
        (Issued(usage=("crl_sign",)).pem, "must have keyCertSign"),
        (Issued(key=SMALL).pem, "the key of the CA is neither"),
        (Issued(key=CURVE_256K1).pem, "the key of the CA is neither"),
        (Issued(purposes=[SERVER_AUTH]).pem, "Extended Key Usage lacks clientAuth"),
        (Issued(critical=UNKNOWN).pem, r"critical extension 1\.2\.3\.4"),
    ],
)
def test_a_file_that_is_no_good_ca_is_refused(data, message):
    with pytest.raises(UserError, match=message):
        read_ca(data)


@pytest.mark.parametrize("purposes", [[CLIENT], [ANY], [SERVER_AUTH, CLIENT]])
def test_a_ca_for_clients_is_taken(purposes):
    assert read_ca(Issued(purposes=purposes).pem)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()])
def test_a_ca_may_have_the_curves_of_tls(curve):
    assert read_ca(Issued(key=ec.generate_private_key(curve)).pem)


def test_a_ca_may_have_no_key_usage_as_openssl_makes_it():
    assert read_ca(Issued(usage=()).pem)


def test_a_ca_may_have_an_unknown_extension_that_is_not_critical():
    assert read_ca(Issued(extra=UNKNOWN).pem)


def test_a_certificate_is_good_in_the_second_in_which_it_ends():
    check_dates(CA.certificate, "the CA", CA.certificate.not_valid_after_utc)
    check_dates(CA.certificate, "the CA", CA.certificate.not_valid_before_utc)


def test_the_dates_of_a_ca_are_held_against_the_time_that_is_given():
    assert read_ca(CA.pem, NOW + datetime.timedelta(days=364))
    with pytest.raises(UserError, match="expired on"):
        read_ca(CA.pem, NOW + datetime.timedelta(days=366))


@pytest.mark.parametrize(
    "chain", [SERVER.pem, SERVER.der, SERVER.pem + CA.pem], ids=["PEM", "DER", "chain"]
)
def test_a_server_certificate_is_taken_with_its_chain(chain):
    pem, key = read_server(chain, SERVER.key_bytes(), None, ORG)
    assert pem == (SERVER.pem + CA.pem if chain.endswith(CA.pem) else SERVER.pem)
    assert key == SERVER.key_bytes()


OPENSSL = Issued(f"signet.messaging.{DOMAIN}", usage=(), key=RSA)


@pytest.mark.parametrize(
    "found",
    [
        server("signet.messaging.example.com"),
        server("*.messaging.example.com"),
        server("x", also=[x509.DNSName(f"SIGNET.messaging.{DOMAIN}")]),
        server(f"signet.messaging.{DOMAIN}", also=[], purposes=[]),
        server(purposes=[ANY]),
        OPENSSL,
    ],
    ids=[
        *("custom domain", "its wildcard", "alternative name", "common name alone"),
        *("any purpose", "as `openssl req -x509` makes it"),
    ],
)
def test_a_server_may_be_called(found):
    assert read_server(found.pem, found.key_bytes(), None, ORG)


@pytest.mark.parametrize(("form", "encoding"), [(PKCS8, PEM), (PKCS8, DER)], ids=["PEM", "DER"])
def test_an_encrypted_key_opens_with_its_passphrase(form, encoding):
    encrypted = SERVER.key_bytes(form, encoding, b"sesame")
    _, key = read_server(SERVER.pem, encrypted, b"sesame", ORG)
    assert key == SERVER.key_bytes()


RSA_SERVER = server(key=RSA, usage=("digital_signature", "key_encipherment"))
INNER = Issued("inner CA", by=CA)
UNDER = server(by=INNER)
WEAK = Issued("weak CA", key=SMALL)
UNDER_SMALL = server(by=WEAK)


@pytest.mark.parametrize(
    ("found", "chain", "message"),
    [
        (server("other1.messaging.internetofthings.ibmcloud.com"), None, "org signet needs"),
        (server(f"*.messaging.{DOMAIN}"), None, "a wildcard is for custom domains only"),
        (server(days=(-9, -2)), None, "of the server expired on"),
        (server(days=(2, 9)), None, "of the server is not valid before"),
        (server(purposes=[CLIENT]), None, "must have serverAuth"),
        (CA, None, "is for test CA; org signet needs"),
        (CA, CA.pem + SERVER.pem, "the first certificate is of a CA"),
        (OPENSSL, OPENSSL.pem + CA.pem, "basicConstraints=CA:FALSE"),
        (Issued(f"signet.messaging.{DOMAIN}", by=CA), None, "basicConstraints=CA:FALSE"),
        (Issued(f"signet.messaging.{DOMAIN}"), None, "its Key Usage must have digitalSignature"),
        (SERVER, csr(p256(), "x").public_bytes(PEM), "a signing request, not a certificate"),
        (SERVER, SERVER.pem + Issued("stranger").pem, "the chain is not in order"),
        (UNDER, UNDER.pem + CA.pem + INNER.pem, "the chain is not in order"),
        (SERVER, SERVER.pem + Issued(days=(-9, -2)).pem, "of its CA expired on"),
        (server(key=SMALL), None, "the key of the server is neither"),
        (server(key=CURVE_256K1), None, "the key of the server is neither"),
        (server(critical=UNKNOWN), None, r"critical extension 1\.2\.3\.4"),
        (UNDER_SMALL, UNDER_SMALL.pem + WEAK.pem, "the key of its CA is neither"),
    ],
)
def test_a_server_certificate_that_is_no_good_is_refused(found, chain, message):
    with pytest.raises(UserError, match=message):
        read_server(chain or found.pem, found.key_bytes(), None, ORG)


@pytest.mark.filterwarnings("ignore:X509.sign is deprecated:DeprecationWarning")
def test_a_server_certificate_that_openssl_does_not_take_is_refused():
    signed = crypto.X509.from_cryptography(SERVER.certificate)
    signed.sign(crypto.PKey.from_cryptography_key(SERVER.key), "sha1")  # cryptography refuses to
    weak = crypto.dump_certificate(crypto.FILETYPE_PEM, signed)
    with pytest.raises(UserError, match="OpenSSL does not take the certificate: CA_MD_TOO_WEAK"):
        read_server(weak, SERVER.key_bytes(), None, ORG)


@pytest.mark.parametrize(
    ("key", "passphrase", "message"),
    [
        (device().key_bytes(), None, "does not belong to"),
        (RSA_SERVER.key_bytes(), None, "does not belong to"),
        (SERVER.key_bytes(PKCS8, PEM, b"sesame"), None, "is encrypted: give its passphrase"),
        (SERVER.key_bytes(PKCS8, PEM, b"sesame"), b"open", "the passphrase is wrong"),
        (SERVER.key_bytes(), b"sesame", "is not encrypted: leave the passphrase out"),
        (SERVER.pem, None, "holds no private key"),
        (b"", None, "holds no private key"),
    ],
)
def test_a_key_that_does_not_serve_is_refused(key, passphrase, message):
    with pytest.raises(UserError, match=message) as caught:
        read_server(SERVER.pem, key, passphrase, ORG)
    assert "sesame" not in str(caught.value)


FIELDS = {"C": "SG", "ST": "Singapore", "L": "Singapore", "O": "o", "OU": "u"}


@pytest.mark.parametrize("key", [p256(), RSA], ids=["P-256", "RSA 2048"])
def test_enos_takes_a_request_with_all_six_fields(key):
    check_request(csr(key, "unique", **FIELDS))


@pytest.mark.parametrize("field", FIELDS)
def test_enos_refuses_a_request_without(field):
    fields = {name: value for name, value in FIELDS.items() if name != field}
    with pytest.raises(UserError, match=f"lacks {field}:"):
        check_request(csr(p256(), "unique", **fields))


def test_enos_refuses_a_request_without_a_common_name():
    with pytest.raises(UserError, match="lacks CN:"):
        check_request(csr(p256(), "", **FIELDS))


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), SMALL, rsa.generate_private_key(65537, 2056)],
    ids=["P-384", "RSA 1024", "RSA 2056"],
)
def test_enos_refuses_a_request_with_another_key(key):
    with pytest.raises(UserError, match="neither P-256 nor RSA with 2048 bits"):
        check_request(csr(key, "unique", **FIELDS))


def test_enos_refuses_a_request_with_another_hash():
    with pytest.raises(UserError, match="not signed with SHA-256"):
        check_request(csr(p256(), "unique", digest=hashes.SHA384(), **FIELDS))


def test_enos_refuses_a_request_that_was_changed():
    made = csr(p256(), "aaaa", **FIELDS).public_bytes(DER)
    with pytest.raises(UserError, match="not by its own key"):
        check_request(x509.load_der_x509_csr(made.replace(b"aaaa", b"bbbb")))
