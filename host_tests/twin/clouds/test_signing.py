"""Does tools/signing.py give the signatures that the clouds' documents and SDKs give?

EnOS values: the seed document's and `nonsdk_login`'s inputs, digests by the vendor SDKs' rule.
Alibaba: the value that help.aliyun.com document 73742 prints, and RFC-checked HMACs.
"""

import pytest

from tools import signing
from tools.ui import UserError

_SEED = {
    "clientId": "123",
    "deviceKey": "test",
    "productKey": "123",
    "timestamp": "1524448722000",
}
_DOCS = {
    "clientId": "123456",
    "deviceKey": "test",
    "productKey": "654321",
    "timestamp": "1548753362502",
}


@pytest.mark.parametrize(
    ("fields", "secret", "method", "expected"),
    [
        (_SEED, "aaabbbcc123", "hmacsha1", "97AA97335D6EC3D7E1F9E3119501E399CC0B4125"),
        (_SEED, "aaabbbcc123", "sha1", "97AA97335D6EC3D7E1F9E3119501E399CC0B4125"),
        (_SEED, "aaabbbcc123", "", "97AA97335D6EC3D7E1F9E3119501E399CC0B4125"),
        (
            _SEED,
            "aaabbbcc123",
            "sha256",
            "A82348B9C04B7DE8B26E83E51F3EA88D8665734A1135F79096C528785D15CAB5",
        ),
        (
            _DOCS,
            "abcdefg",
            "hmacsha256",
            "B99032D49C706F7B27B22AB5CD2DD3C56A31E1BCBBC83BA0A2A6BB3272FBB166",
        ),
    ],
)
def test_enos_signature(fields: dict[str, str], secret: str, method: str, expected: str) -> None:
    assert signing.enos(fields, secret, method).signature == expected


def test_enos_content_has_sorted_names_directly_followed_by_values() -> None:
    expected = "clientId123deviceKeytestproductKey123timestamp1524448722000"
    assert signing.enos(_SEED, "x", "sha256").content == expected


def test_alibaba_signature_of_document_73742() -> None:
    fields = {"clientId": "12345", "deviceName": "device", "productKey": "pk", "timestamp": "789"}
    signed = signing.alibaba(fields, "secret", "hmacsha1")
    assert signed.content == "clientId12345deviceNamedeviceproductKeypktimestamp789"
    assert signed.signature == "fafd82a3d602b37fb0fa8b7892f24a477f851a14"


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("hmacmd5", "78e2cdd74b2c338b13b653fa3aa906d6"),
        ("hmacsha1", "60ecff31cc5ebdca27238717489ad5cf3af8c00f"),
        ("hmacsha256", "ef0edc7ab1fafcd9d76a59fb0ec0ed225d09e01b4dd8ac67713bdcbf99947064"),
    ],
)
def test_alibaba_signature_leaves_out_sign_version_resources_and_signmethod(
    method: str, expected: str
) -> None:
    fields = {
        "productKey": "pk1",
        "deviceName": "dev1",
        "clientId": "pk1.dev1",
        "seq": "10",
        "signmethod": method,
        "version": "default",
        "resources": "mqtt",
        "sign": "x",
    }
    signed = signing.alibaba(fields, "signetExampleSecret0123456789abc", method)
    assert signed.signature == expected


def test_signatures_are_compared_whatever_their_case() -> None:
    assert signing.same("AB12", "ab12")
    assert not signing.same("AB12", "ab13")
    assert not signing.same("AB12", "")


@pytest.mark.parametrize("sign", [signing.enos, signing.alibaba])
def test_unknown_method_names_the_known_ones(sign: object) -> None:
    with pytest.raises(UserError, match="sha256"):
        sign({}, "secret", "md4")  # type: ignore[operator]


def test_signed_shows_no_secret() -> None:
    assert "aaabbbcc123" not in repr(signing.enos(_SEED, "aaabbbcc123", "sha256"))
