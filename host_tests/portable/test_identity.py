"""Do the identities build exactly what the clouds' documents print?

Expected values: EnOS's documents and SDKs, Alibaba's documents, Watson's documents (facts files).
"""

from signet.cloud.alibaba import login as alibaba
from signet.cloud.enos import login as enos
from signet.cloud.watson import login as watson


def _enos(method):
    # EnOS "Establishing Connection using the MQTT Protocol", example
    return enos.login(
        {
            "client_id": "123",
            "device_key": "test",
            "product_key": "123",
            "device_secret": "aaabbbcc123",
            "sign_method": method,
        },
        1524448722000,
    )


def test_enos_hmacsha1_is_a_plain_sha1_in_upper_case():
    client_id, user, password = _enos("hmacsha1")
    assert client_id == "123|securemode=2,signmethod=hmacsha1,timestamp=1524448722000|"
    assert user == "test&123"
    assert password == "97AA97335D6EC3D7E1F9E3119501E399CC0B4125"


def test_enos_sha256_is_what_current_sdks_send():
    client_id, _, password = _enos("sha256")
    assert client_id == "123|securemode=2,signmethod=sha256,timestamp=1524448722000|"
    assert password == "A82348B9C04B7DE8B26E83E51F3EA88D8665734A1135F79096C528785D15CAB5"


def _alibaba(**changes):
    # Alibaba "Establish MQTT connections over TCP", example
    config = {
        "client_id": "12345",
        "device_name": "device",
        "product_key": "pk",
        "device_secret": "secret",
        "sign_method": "hmacsha1",
        "timestamp": True,
        "tls": False,
    }
    config.update(changes)
    return alibaba.login(config, 789)


def test_alibaba_signs_as_its_document_prints():
    client_id, user, password = _alibaba()
    assert client_id == "12345|securemode=3,signmethod=hmacsha1,timestamp=789|"
    assert user == "device&pk"
    assert password == "fafd82a3d602b37fb0fa8b7892f24a477f851a14"


def test_alibaba_over_tls_is_securemode_2():
    assert _alibaba(tls=True)[0] == "12345|securemode=2,signmethod=hmacsha1,timestamp=789|"


def test_alibaba_leaves_out_the_timestamp_unless_asked():
    client_id, _, password = _alibaba(timestamp=False)
    assert client_id == "12345|securemode=3,signmethod=hmacsha1|"
    # HMAC-SHA1("secret", "clientId12345deviceNamedeviceproductKeypk"), OpenSSL
    assert password == "3504e4df7ce4766d30f796ee973c9ce7fc5425cb"


def test_alibaba_offers_all_three_hashes():
    # OpenSSL over the same content
    assert _alibaba(sign_method="hmacmd5")[2] == "14b198324fe55e1d3c88f2e705e201ee"
    assert (
        _alibaba(sign_method="hmacsha256")[2]
        == "6074a46a91b1ebb2cc4ea42790ad0e80202c9843859fc292e57c4eb19fad9e57"
    )


def test_watson_device_logs_in_with_its_token():
    config = {"org_id": "myorg", "type_id": "mytype", "device_id": "mydev", "token": "t0k3n"}
    assert watson.login(config, 0) == ("d:myorg:mytype:mydev", "use-token-auth", "t0k3n")


def test_watson_quickstart_has_no_login():
    config = {"org_id": "quickstart", "type_id": "t", "device_id": "d", "token": None}
    assert watson.login(config, 0) == ("d:quickstart:t:d", None, None)
