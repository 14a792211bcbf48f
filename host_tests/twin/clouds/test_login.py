"""Does each cloud let in whom it should, and refuse each mistake with its own CONNACK code?

In process, without sockets: CONNECT fields in, an accepted client or a refusal out. Inputs and
digests of the good logins are the documents' (see test_signing.py).
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from host_tests.tools.pki_files import Issued
from tools import signing
from tools.twin.clouds import CLOUDS
from tools.twin.clouds.enos.registry import Registry
from tools.twin.clouds.values import Client, RefusedError, Way
from tools.twin.registry.certificates import Certificates
from tools.twin.registry.store import Store
from tools.twin.wire.packets import Connect

_PLAIN, _TLS = Way(False, 1883), Way(True, 8883)
_SECRET = "aaabbbcc123"
_VECTORS = Path(__file__).parents[2] / "vectors" / "watson-rules.json"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "twin.db")
    store.add("enos", "device", "123", "test", secret=_SECRET)
    store.add("alibaba", "device", "pk", "device", secret="secret")
    store.add("watson", "device", "org123/esp32", "board-1", secret="passw0rd")
    store.add("watson", "gateway", "org123/router", "gateway-1", secret="passw0rd")
    store.add("watson", "device", "org123/sealed", "sealed", secret="x")
    Certificates(store).set_policy("org123", "certificate", "sealed")
    store.add("watson", "application", "org123", "a-org123-key", secret="t0ken")
    for cloud, product in (("enos", "123"), ("alibaba", "pk"), ("watson", "org123/esp32")):
        store.enable(store.add(cloud, "device", product, "off", secret=_SECRET), False)
    yield store
    store.close()


def _login(store: Store, cloud: str, way: Way, **fields: Any) -> Client:
    given: dict[str, Any] = {
        "level": 4,
        "client_id": "",
        "clean_session": True,
        "keepalive_s": 60,
        "will": None,
        "user": None,
        "password": None,
    }
    return CLOUDS[cloud](store).login(Connect(**(given | fields)), way)


def _refusal(store: Store, cloud: str, way: Way, **fields: Any) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        _login(store, cloud, way, **fields)
    return caught.value


# EnOS.

_ENOS = {
    "client_id": "123|securemode=2,signmethod=hmacsha1,timestamp=1524448722000|",
    "user": "test&123",
    "password": b"97AA97335D6EC3D7E1F9E3119501E399CC0B4125",
}
_ENOS_SHA256 = b"A82348B9C04B7DE8B26E83E51F3EA88D8665734A1135F79096C528785D15CAB5"
# Message integration: the documents have the formula alone, these are its inputs and digest.
_CHANNEL_ID = "123|securemode=4,signmethod=sha256,timestamp=1524448722000|"
_CHANNEL = {
    "client_id": _CHANNEL_ID,
    "user": "%channel%&123",
    "password": b"22E495F4EBD45D890C777F7F67E03A4CA71D5C7595409115932C5ACA631E994D",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"password": _ENOS["password"].lower()},
        {"client_id": "123|securemode=2,signmethod=sha1,timestamp=1524448722000|"},
        {"client_id": "123|securemode=2,timestamp=1524448722000|"},
        {"client_id": "123||", "password": b"169AABADFE18F037DAB7859378847825643635A6"},
        {
            "client_id": "123|securemode=2,signmethod=sha256,timestamp=1524448722000|",
            "password": _ENOS_SHA256,
        },
        {
            "client_id": "123|securemode=2,signmethod=hmacsha256,timestamp=1524448722000|",
            "password": _ENOS_SHA256.lower(),
        },
    ],
)
def test_enos_lets_in_the_documents_login(store: Store, changes: dict[str, Any]) -> None:
    assert _login(store, "enos", _PLAIN, **(_ENOS | changes)).device.name == "test"


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (2, {"client_id": "123"}),
        (2, {"client_id": ""}),
        (2, {"client_id": "123|securemode=2"}),
        (2, {"client_id": "1" * 65 + "|securemode=2,signmethod=sha256,timestamp=1|"}),
        (2, {"client_id": "123|securemode=2,signmethod=hmacmd5,timestamp=1524448722000|"}),
        (2, {"client_id": "123|securemode=5,signmethod=sha256,timestamp=1524448722000|"}),
        (4, {"client_id": "123|securemode=3,signmethod=sha256,timestamp=1524448722000|"}),
        (4, {"client_id": "123|securemode=4,signmethod=hmacsha1,timestamp=1524448722000|"}),
        (4, {**_CHANNEL, "password": b"22"}),
        (5, {"user": "%channel%&124", "client_id": _CHANNEL_ID.replace("123", "124", 1)}),
        (4, {"user": None, "password": None}),
        (4, {"user": "test"}),
        (4, {"password": None}),
        (4, {"password": b""}),
        (4, {"password": b"\xff\xfe"}),
        (4, {"password": b"33E6728E89DFB6FC2DC6D1EE959A550D3492EA8B"}),  # a real HMAC-SHA1
        (4, {"client_id": "123|securemode=2,signmethod=hmacsha1,timestamp=1524448722001|"}),
        (4, {"client_id": "124|securemode=2,signmethod=hmacsha1,timestamp=1524448722000|"}),
        (5, {"user": "nobody&123"}),
        (5, {"user": "123&test"}),
        (5, {"user": "off&123"}),
    ],
)
def test_enos_refuses(store: Store, code: int, changes: dict[str, Any]) -> None:
    assert _refusal(store, "enos", _PLAIN, **(_ENOS | changes)).code == code


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("integration", _CHANNEL),
        ("activation", {"client_id": _CHANNEL_ID.replace("=4", "=3"), "password": _ENOS_SHA256}),
    ],
)
def test_enos_lets_in_with_the_product_secret(
    store: Store, kind: str, changes: dict[str, Any]
) -> None:
    assert Registry(store).product_secret("123")
    store.database.execute("UPDATE product_secrets SET secret=?", (_SECRET,))
    assert _login(store, "enos", _PLAIN, **(_ENOS | changes)).kind == kind


def test_enos_activates_a_device_once_until_a_reset(store: Store) -> None:
    device = store.add("enos", "device", "123", "test")
    Registry(store).activate(device)
    changes = {"client_id": _CHANNEL_ID.replace("=4", "=3")}
    refusal = _refusal(store, "enos", _PLAIN, **(_ENOS | changes))
    assert (refusal.code, "activated already" in str(refusal)) == (2, True)
    CLOUDS["enos"](store).reset(device)
    assert _refusal(store, "enos", _PLAIN, **(_ENOS | changes)).mistake == "signature"


def test_enos_shows_the_content_it_expected_and_no_secret(store: Store) -> None:
    text = str(_refusal(store, "enos", _PLAIN, **(_ENOS | {"password": b"00"})))
    assert "clientId123deviceKeytestproductKey123timestamp1524448722000" in text
    assert _SECRET not in text


def test_enos_says_when_key_and_product_are_swapped(store: Store) -> None:
    refusal = _refusal(store, "enos", _PLAIN, **(_ENOS | {"user": "123&test"}))
    assert "deviceKey&productKey" in str(refusal)


# Alibaba Cloud.

_ALIBABA = {
    "client_id": "12345|securemode=3,signmethod=hmacsha1,timestamp=789|",
    "user": "device&pk",
    "password": b"fafd82a3d602b37fb0fa8b7892f24a477f851a14",
}
_ALIBABA_FIELDS = {"clientId": "12345", "deviceName": "device", "productKey": "pk"}


def _alibaba(method: str, **fields: str) -> bytes:
    return signing.alibaba(_ALIBABA_FIELDS | fields, "secret", method).signature.encode()


@pytest.mark.parametrize(
    ("way", "changes"),
    [
        (_PLAIN, {}),
        (_PLAIN, {"password": _ALIBABA["password"].upper()}),
        (_TLS, {"client_id": "12345|securemode=2,signmethod=hmacsha1,timestamp=789|"}),
        (_PLAIN, {"client_id": "12345|securemode=3,signmethod=hmacsha1,timestamp=789,_v=x|"}),
        # Without a timestamp anywhere; and with one that is not signed.
        (
            _PLAIN,
            {
                "client_id": "12345|securemode=3,signmethod=hmacsha256|",
                "password": _alibaba("hmacsha256"),
            },
        ),
        (
            _PLAIN,
            {
                "client_id": "12345|securemode=3,signmethod=hmacmd5,timestamp=789|",
                "password": _alibaba("hmacmd5"),
            },
        ),
    ],
)
def test_alibaba_lets_in_the_documents_login(
    store: Store, way: Way, changes: dict[str, Any]
) -> None:
    assert _login(store, "alibaba", way, **(_ALIBABA | changes)).device.name == "device"


@pytest.mark.parametrize(
    ("code", "way", "changes"),
    [
        (2, _PLAIN, {"client_id": "12345"}),
        (2, _PLAIN, {"client_id": "|securemode=3,signmethod=hmacsha1|"}),
        (2, _PLAIN, {"client_id": "1" * 65 + "|securemode=3,signmethod=hmacsha1|"}),
        (2, _PLAIN, {"client_id": "12345|securemode=3,signmethod=sha256,timestamp=789|"}),
        (2, _PLAIN, {"client_id": "12345|securemode=2,signmethod=hmacsha1,timestamp=789|"}),
        (2, _TLS, {}),
        (3, _PLAIN, {"keepalive_s": 29}),
        (3, _PLAIN, {"keepalive_s": 0}),
        (4, _PLAIN, {"user": "device", "password": b""}),
        (4, _PLAIN, {"password": None}),
        (4, _PLAIN, {"password": b"0" * 40}),
        (4, _PLAIN, {"client_id": "12345|securemode=3,signmethod=hmacsha1,timestamp=790|"}),
        (5, _PLAIN, {"user": "nobody&pk"}),
        (5, _PLAIN, {"user": "pk&device"}),
        (5, _PLAIN, {"user": "off&pk"}),
    ],
)
def test_alibaba_refuses(store: Store, code: int, way: Way, changes: dict[str, Any]) -> None:
    assert _refusal(store, "alibaba", way, **(_ALIBABA | changes)).code == code


def test_alibaba_takes_a_keepalive_above_1200_as_1200(store: Store) -> None:
    assert (
        _login(store, "alibaba", _PLAIN, **(_ALIBABA | {"keepalive_s": 5000})).keepalive_s == 1200
    )


def test_alibaba_shows_the_content_it_expected_and_no_secret(store: Store) -> None:
    text = str(_refusal(store, "alibaba", _PLAIN, **(_ALIBABA | {"password": b"00"})))
    assert "clientId12345deviceNamedeviceproductKeypktimestamp789" in text
    assert "`secret`" not in text


# Watson.

_WATSON = {
    "client_id": "d:org123:esp32:board-1",
    "user": "use-token-auth",
    "password": b"passw0rd",
}
_APPLICATION = {"client_id": "a:org123:app", "user": "a-org123-key", "password": b"t0ken"}
_QUICKSTART = {"client_id": "d:quickstart:esp32:board-1"}


@pytest.mark.parametrize(
    ("way", "fields"),
    [
        (_PLAIN, _WATSON),
        (_TLS, _WATSON),
        (Way(True, 8883, "org123.messaging.internetofthings.ibmcloud.com"), _WATSON),
        (_PLAIN, _WATSON | {"client_id": "g:org123:router:gateway-1"}),
        (_PLAIN, _APPLICATION),
        (_PLAIN, _APPLICATION | {"client_id": "A:org123:app"}),
        (_PLAIN, _APPLICATION | {"client_id": "A:org123:app:1", "clean_session": False}),
        (_PLAIN, _QUICKSTART),
        (_PLAIN, {"client_id": "a:quickstart:app"}),
    ],
)
def test_watson_lets_in(store: Store, way: Way, fields: dict[str, Any]) -> None:
    _login(store, "watson", way, **fields)


@pytest.mark.parametrize(
    ("code", "way", "fields"),
    [
        (2, _PLAIN, _WATSON | {"client_id": "d:org123:esp32:board 1"}),
        (2, _PLAIN, _WATSON | {"client_id": "d:org123:esp32:bo/rd"}),
        (2, _PLAIN, _WATSON | {"client_id": ""}),
        (2, _PLAIN, _WATSON | {"client_id": "d:org123:esp32:" + "b" * 37}),
        (5, _PLAIN, _WATSON | {"client_id": "d:org123:esp32"}),
        (5, _PLAIN, _WATSON | {"client_id": "D:org123:esp32:board-1"}),
        (5, _PLAIN, _WATSON | {"client_id": "d:nobody:esp32:board-1"}),
        (5, _PLAIN, _WATSON | {"client_id": "d:org123:esp32:board-2"}),
        (5, _PLAIN, _WATSON | {"client_id": "d:org123:esp32:off"}),
        (5, _PLAIN, _WATSON | {"client_id": "g:org123:esp32:board-1"}),
        (5, _PLAIN, _WATSON | {"client_id": "d:org123:router:gateway-1"}),
        (5, _PLAIN, _WATSON | {"password": b"wrong"}),
        (5, _PLAIN, _WATSON | {"password": None}),
        (5, _PLAIN, _WATSON | {"user": "use-auth-token"}),
        (5, _PLAIN, _WATSON | {"user": None, "password": None}),
        (5, Way(True, 8883, "other1.messaging.internetofthings.ibmcloud.com"), _WATSON),
        (None, _TLS, _WATSON | {"client_id": "d:org123:sealed:sealed"}),
        (5, _PLAIN, _APPLICATION | {"user": "a-org123-none"}),
        (5, _PLAIN, _APPLICATION | {"password": b"wrong"}),
        (5, _PLAIN, _APPLICATION | {"client_id": "A:org123:app", "clean_session": False}),
        (5, _PLAIN, _QUICKSTART | {"clean_session": False}),
        (5, _TLS, _QUICKSTART),
        (5, _PLAIN, {"client_id": "g:quickstart:esp32:board-1"}),
    ],
)
def test_watson_refuses(store: Store, code: int | None, way: Way, fields: dict[str, Any]) -> None:
    assert _refusal(store, "watson", way, **fields).code == code


@pytest.mark.parametrize("client_id", json.loads(_VECTORS.read_text())["client_id"]["invalid"])
def test_watson_refuses_the_opened_proxys_bad_client_ids(store: Store, client_id: str) -> None:
    for org in ("myorg", "myorgA", "8xtlax"):
        store.add("watson", "device", f"{org}/t", "d")
    text = str(_refusal(store, "watson", _PLAIN, client_id=client_id))
    assert "none of" in text or "characters" in text


@pytest.mark.parametrize("client_id", json.loads(_VECTORS.read_text())["client_id"]["valid"])
def test_watson_reads_the_opened_proxys_good_client_ids(store: Store, client_id: str) -> None:
    refusal = _refusal(store, "watson", _PLAIN, client_id=client_id)
    assert "org" in str(refusal)  # the shape is right; only nobody knows the org
    assert "none of" not in str(refusal)


def _named(server_name: str, common_name: str | None = None) -> Way:
    """Over TLS with this server name, and with a certificate of this name, which was checked."""
    certificate = None if common_name is None else Issued(common_name, ca=False).certificate
    return Way(True, 8883, f"{server_name}.ibmcloud.com", certificate=certificate)


@pytest.mark.parametrize(
    "server_name", ["ORG123.messaging", "org123.MESSAGING", "Org123.Messaging"]
)
def test_a_server_name_knows_no_case(store: Store, server_name: str) -> None:
    assert _login(store, "watson", _named(server_name), **_WATSON).device.name == "board-1"


@pytest.mark.parametrize("server_name", ["other1.MESSAGING", "OTHER1.messaging"])
def test_a_server_name_of_another_org_is_one_in_any_case(store: Store, server_name: str) -> None:
    refusal = _refusal(store, "watson", _named(server_name), **_WATSON)
    assert (refusal.code, refusal.mistake) == (5, "server name")


def test_a_server_name_is_needed_where_the_org_has_a_ca_that_is_not_active(store: Store) -> None:
    tables = Certificates(store)
    tables.activate_ca(tables.add_ca("org123", Issued().pem, "not active"), False)
    refusal = _refusal(store, "watson", _TLS, **_WATSON)
    assert (refusal.code, refusal.mistake) == (None, "no server name")


def test_a_certificate_makes_a_client_of_the_org_as_it_is_registered(store: Store) -> None:
    store.add("watson", "device", "Mixed/t", "one")
    Certificates(store).set_policy("Mixed", "certificate")
    way = _named("mixed.messaging", "d:t:one")
    client = _login(store, "watson", way, client_id="d:mixed:t:one")
    assert client.client_id == "d:Mixed:t:one"


def test_a_certificate_makes_no_device_of_a_scalable_application(store: Store) -> None:
    way = _named("org123.messaging", "d:esp32:board-1")
    fields = _APPLICATION | {"client_id": "A:org123:app"}
    assert _login(store, "watson", way, **fields).kind == "A"


@pytest.mark.parametrize(
    ("cas", "mistake"), [({1, 2}, None), ({1}, None), ({3}, "CA withdrawn"), (set(), None)]
)
def test_a_certificate_counts_while_the_cas_do_that_it_was_checked_by(
    store: Store, cas: set[int], mistake: str | None
) -> None:
    tables = Certificates(store)
    for number in range(1, 4):
        assert tables.add_ca("org123", Issued().pem, "for a test") == number
    tables.activate_ca(3, False)
    way = dataclasses.replace(_named("org123.messaging", "board"), cas=frozenset(cas))
    if mistake is None:
        _login(store, "watson", way, **_WATSON)
    else:
        assert _refusal(store, "watson", way, **_WATSON).mistake == mistake
